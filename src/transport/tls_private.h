/* SPDX-License-Identifier: ISC */
/* What the files of TLS share: a connection, as handshake and as transport. */
#ifndef ORTHRUS_TRANSPORT_TLS_PRIVATE_H
#define ORTHRUS_TRANSPORT_TLS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "orthrus/transport/tls.h"

/* Ciphertext that waits: p[off .. len). */
struct tls_bytes {
	uint8_t *p;			/* NULL: none waits */
	size_t off, len;
};

struct tls {
	struct transport head;
	struct transport *lower;	/* the caller's during the handshake */
	SSL *ssl;
	struct tls_bytes in;		/* read, not yet taken by OpenSSL */
	struct tls_bytes out;		/* OpenSSL's, not yet taken by lower */
	bool more;			/* read() may have more at once */
	bool ended;			/* lower has, for reading */
	int error;			/* of lower, an errno value */
	int failed;			/* TLS itself has: what to say in errno */
	uint8_t first[5];		/* that came, as much as has come */
	size_t received;		/* all that came */
	uint64_t sent;			/* with the key in use */
	char *why;			/* what went wrong; or NULL */
	/* A client's only. */
	char *host, *name;		/* dialled; must be in the certificate */
	const char *alpn;
	char *peer;			/* whose tickets are for */
	uint64_t since;			/* ms: its certificate was looked at */
	struct tls_client *client;
	bool untrusted;			/* why: the certificate */
};

/* --- tls.c: the transport --------------------------------------------- */

extern const struct transport_ops tls_ops;
/* So many bytes are sent with one key; a test has less of them. */
extern uint64_t tls_key_bytes;

/* Never NULL; SSL_CTX is referred to. */
struct tls *tls_new(SSL_CTX *ctx);
/* The one that it was made for. */
struct tls *tls_of(const SSL *ssl);
void tls_destroy(struct tls *t);	/* without lower */
/*
 * One go of the handshake over t->lower, of which it reads at most n bytes:
 * what SSL_get_error() says of it, SSL_ERROR_NONE when it is done.
 */
int tls_shake(struct tls *t, size_t n);

/* --- tls_handshake.c: either side's ----------------------------------- */

struct handshake *tls_handshake_new(struct tls *t);
/* Of a context of either side, what both have in common. */
void tls_context(SSL_CTX *ctx);

/* --- tls_server.c ----------------------------------------------------- */

SSL_CTX *tls_server_context(const struct tls_server *s);

/* --- tls_elsewhere.c -------------------------------------------------- */

/*
 * A key whose private half is by's, which is copied.  NULL where it is neither
 * RSA nor of an elliptic curve.
 */
EVP_PKEY *tls_key_elsewhere(EVP_PKEY *public, const struct tls_signer *by);

/* --- tls_client.c ----------------------------------------------------- */

/* What t has of c's is given back. */
void tls_client_leave(struct tls *t);

/* --- tls_certificate.c ------------------------------------------------ */

/*
 * In a line what is wrong with the certificate that OpenSSL is looking at, of
 * the server that was dialled as host, which is to be name.  The caller frees
 * it.
 */
char *tls_certificate_trouble(X509_STORE_CTX *look, const char *host,
    const char *name);

#endif
