/* SPDX-License-Identifier: ISC */
/*
 * Certificates that OpenSSL makes for a test, and two ends of a socket pair
 * that shake hands, one of them ours at least.
 */
#ifndef ORTHRUS_TESTS_TLS_FIXTURE_H
#define ORTHRUS_TESTS_TLS_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "orthrus/transport/tls.h"

#define DAY 86400L

struct made {
	X509 *certificate;
	EVP_PKEY *key;
	char *pem, *key_pem;		/* their text; the test's to free */
};

struct wish {
	const char *subject;		/* common name */
	const char *names;		/* "DNS:a,IP:127.0.0.1", or NULL */
	bool authority;
	const char *use;		/* extended key usage, or NULL */
	long from, until;		/* seconds from now; 0: a day each way */
	EVP_PKEY *key;			/* taken over; NULL: of P-256 */
};

/* Signed by issuer, or with NULL by itself. */
struct made make(const struct wish *w, const struct made *issuer);
/* An authority, and a server with these names; both good for a day. */
struct made make_ca(const char *subject, const struct made *issuer);
struct made make_for(const char *subject, const char *names,
    const struct made *issuer);
void unmake(struct made *m);
/* Writes text to a new file below /tmp, whose path is the test's to free. */
char *in_file(const char *text);

/* A connection: two transports of a pair, and what their handshakes said. */
struct talk {
	struct transport *client, *server;
	enum handshake_result client_said, server_said;
	struct error why, server_why;	/* of those that failed */
};

void talk_begin(struct talk *k);
/*
 * Runs both handshakes, which it frees, in turn; with NULL that side does
 * nothing.  True when both are done.
 */
bool talk(struct talk *k, struct handshake *client, struct handshake *server);
void talk_end(struct talk *k);

/* A server of OpenSSL's own on one end, for what ours does not do. */
SSL *foreign_server(int fd, const struct made *m, int version);
/* A handshake with it, as talk(). */
bool talk_foreign(struct talk *k, struct handshake *client, SSL *server);

#endif
