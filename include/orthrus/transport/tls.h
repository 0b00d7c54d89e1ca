/* SPDX-License-Identifier: ISC */
/*
 * TLS 1.3 (RFC 8446) as a transport, by OpenSSL.  A client always holds the
 * server's certificate against authorities and a name; a server shows one and
 * asks nobody for theirs, since who comes is SSH's to find out.
 */
#ifndef ORTHRUS_TRANSPORT_TLS_H
#define ORTHRUS_TRANSPORT_TLS_H

#include <stdbool.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/transport/handshake.h"

struct confinement;
struct tls_client;
struct tls_server;

/* What is spoken inside: ALPN (RFC 7301). */
#define TLS_ALPN_SSH	"ssh"
#define TLS_ALPN_HTTP	"http/1.1"

/* --- the client's side ------------------------------------------------ */

/*
 * Whom to trust: the certificates in ca_file, authorities or servers' own, or
 * with NULL the system's.  It keeps a ticket for each server, so that the next
 * handshake is a short one (RFC 8446 section 4.6.1); who trusts others makes a
 * new one.  NULL with *e (EX_CONFIG).
 */
struct tls_client *tls_client_new(const char *ca_file, struct error *e);
/* Connections and handshakes may outlive it.  NULL is fine. */
void tls_client_free(struct tls_client *c);
/* Opens in w what it reads then and later. */
void tls_client_confinement(struct confinement *w, const char *ca_file);

/*
 * A handshake with the server that was dialled as host and port, whose
 * certificate has to be for name (NULL: for host), a name or an address.
 * Speaks alpn; a server that knows nothing of ALPN is fine.  Its errors have
 * EX_NOPERM for a certificate that is not to be trusted, else EX_UNAVAILABLE.
 */
struct handshake *tls_connect(struct tls_client *c, const char *host,
    const char *name, uint16_t port, const char *alpn);

/* --- the server's side ------------------------------------------------ */

/*
 * The certificate with those that lead to its authority, and its key, all as
 * PEM; what is given is copied.  NULL with *e (EX_CONFIG).
 */
struct tls_server *tls_server_new_pem(const void *certificate, size_t n,
    const void *key, size_t nkey, struct error *e);
/*
 * Others, for who comes from now on; tickets stay good.  0, or -1 with *e, and
 * then nothing has changed.
 */
int tls_server_set_pem(struct tls_server *s, const void *certificate, size_t n,
    const void *key, size_t nkey, struct error *e);
/*
 * Where the key is another process', which is asked for each signature: of n
 * bytes at p, which hold what RFC 8446 section 4.4.3 says, with SHA-2 of
 * digest bits (0: the kind of key knows), and for RSA with PSS.  False: it is
 * not to be had.
 */
#define TLS_SIGNATURE_MAX 1024		/* bytes; RSA of 8192 bits */
struct tls_signer {
	bool (*sign)(void *arg, unsigned digest, const uint8_t *p, size_t n,
	    uint8_t signature[TLS_SIGNATURE_MAX], size_t *len);
	void *arg;
};
/* As those with PEM, the key being by's, which outlives all connections. */
struct tls_server *tls_server_new_signed(const void *certificate, size_t n,
    const struct tls_signer *by, struct error *e);
int tls_server_set_signed(struct tls_server *s, const void *certificate,
    size_t n, const struct tls_signer *by, struct error *e);
/*
 * That other process' side, with s's own key: signs what a server signs in a
 * handshake, and nothing else.
 */
bool tls_server_sign(const struct tls_server *s, unsigned digest,
    const uint8_t *p, size_t n, uint8_t signature[TLS_SIGNATURE_MAX],
    size_t *len);

/*
 * The same from files, which tls_server_reload() reads again.  The key must
 * not be everybody's to read.
 */
struct tls_server *tls_server_new(const char *certificate, const char *key,
    struct error *e);
int tls_server_reload(struct tls_server *s, struct error *e);
/* Connections and handshakes may outlive it.  NULL is fine. */
void tls_server_free(struct tls_server *s);

/* A handshake with a client, for "ssh" or "http/1.1". */
struct handshake *tls_accept(struct tls_server *s);

/* --- a transport of either side --------------------------------------- */

/* What was agreed on to be spoken; "" when nothing was, or t is not TLS. */
const char *tls_alpn(const struct transport *t);
/* True when a ticket made the handshake a short one. */
bool tls_resumed(const struct transport *t);

#endif
