/* SPDX-License-Identifier: ISC */
/* TLS at the server's side: its certificate, and who comes. */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"

#include "tls_private.h"

#define PEM_FILE_MAX (1024 * 1024)
#define TICKET_KEYS 80			/* OpenSSL's, bytes */

struct tls_server {
	SSL_CTX *ctx;
	char *certificate, *key;	/* paths, or NULL */
};

/* --- its certificate -------------------------------------------------- */

static BIO *
in_memory(const void *p, size_t n)
{
	BIO *b = n <= PEM_FILE_MAX ? BIO_new_mem_buf(p, (int)n) : NULL;

	ERR_clear_error();
	return b;
}

/* Its own comes first, then those that lead to its authority. */
static int
use_certificates(SSL_CTX *ctx, BIO *pem, struct error *e)
{
	X509 *certificate;
	int n, rc = 1;

	for (n = 0; rc == 1 && (certificate = PEM_read_bio_X509(pem, NULL,
	    NULL, NULL)) != NULL; n++) {
		rc = (int)(n == 0 ? SSL_CTX_use_certificate(ctx, certificate) :
		    SSL_CTX_add1_chain_cert(ctx, certificate));
		X509_free(certificate);
	}
	if (rc == 1 && n > 0 && ERR_GET_REASON(ERR_peek_last_error()) ==
	    PEM_R_NO_START_LINE)
		return 0;
	return error_set(e, EX_CONFIG, "certificate: %s", n == 0 ? "there is "
	    "none, in PEM form, -----BEGIN CERTIFICATE-----" : rc == 1 ?
	    "one is broken" : ERR_reason_error_string(ERR_peek_last_error()));
}

/* Nobody is there to be asked for a key's password. */
static int
no_password(char *text, int size, int writing, void *arg)
{
	(void)text;
	(void)size;
	(void)writing;
	*(bool *)arg = true;
	return -1;
}

static int
use_key(SSL_CTX *ctx, BIO *pem, struct error *e)
{
	bool locked = false;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_password,
	    &locked);
	int rc;

	if (key == NULL)
		return error_set(e, EX_CONFIG, "key: %s", locked ? "it is "
		    "encrypted, and nobody is there to be asked for the "
		    "password" : "there is none, in PEM form, -----BEGIN "
		    "PRIVATE KEY-----");
	rc = SSL_CTX_use_PrivateKey(ctx, key);
	EVP_PKEY_free(key);
	if (rc == 1 && SSL_CTX_check_private_key(ctx) == 1)
		return 0;
	return error_set(e, EX_CONFIG, "key: it is not the one of the "
	    "certificate");
}

/* The key of the certificate that was set, which is another process'. */
static int
use_signer(SSL_CTX *ctx, const struct tls_signer *by, struct error *e)
{
	EVP_PKEY *key = tls_key_elsewhere(X509_get0_pubkey(
	    SSL_CTX_get0_certificate(ctx)), by);
	int rc = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	return rc == 1 ? 0 : error_set(e, EX_CONFIG, "certificate: its key is "
	    "neither RSA nor of an elliptic curve");
}

/* Where the private key comes from: n bytes of PEM, or who signs with it. */
struct key_source {
	const void *pem;
	size_t n;
	const struct tls_signer *by;	/* NULL: PEM */
};

static int
use_source(SSL_CTX *ctx, const struct key_source *key, struct error *e)
{
	BIO *pem;
	int rc;

	if (key->by != NULL)
		return use_signer(ctx, key->by, e);
	if ((pem = in_memory(key->pem, key->n)) == NULL)
		return error_set(e, EX_CONFIG, "key: too long");
	rc = use_key(ctx, pem, e);
	BIO_free(pem);
	return rc;
}

/* Which of a client's words it is: server's choice, "ssh" first. */
static int
on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *n,
    const unsigned char *offered, unsigned size, void *arg)
{
	static const unsigned char ours[] = "\3" TLS_ALPN_SSH
	    "\10" TLS_ALPN_HTTP;
	unsigned char *found;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&found, n, ours, sizeof(ours) - 1, offered,
	    size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = found;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *
server_context(const void *certificate, size_t n,
    const struct key_source *key, struct error *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *c = in_memory(certificate, n);
	int rc = 0;

	tls_context(ctx);
	/* Tickets hold all: nothing is kept here. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_options(ctx, SSL_OP_PRIORITIZE_CHACHA |
	    SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	if (c == NULL)
		rc = error_set(e, EX_CONFIG, "certificate: too long");
	if (rc == 0)
		rc = use_certificates(ctx, c, e);
	if (rc == 0)
		rc = use_source(ctx, key, e);
	BIO_free(c);
	if (rc == 0)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

/* Who was here before a certificate was renewed is known all the same. */
static void
keep_ticket_keys(SSL_CTX *from, SSL_CTX *to)
{
	unsigned char keys[TICKET_KEYS];

	if (SSL_CTX_get_tlsext_ticket_keys(from, keys, sizeof(keys)) == 1)
		SSL_CTX_set_tlsext_ticket_keys(to, keys, sizeof(keys));
	sodium_memzero(keys, sizeof(keys));
}

static int
set_certificate(struct tls_server *s, const void *certificate, size_t n,
    const struct key_source *key, struct error *e)
{
	SSL_CTX *ctx = server_context(certificate, n, key, e);

	if (ctx == NULL)
		return -1;
	if (s->ctx != NULL)
		keep_ticket_keys(s->ctx, ctx);
	SSL_CTX_free(s->ctx);
	s->ctx = ctx;
	return 0;
}

static struct tls_server *
new_server(const void *certificate, size_t n, const struct key_source *key,
    struct error *e)
{
	struct tls_server *s = xcalloc(1, sizeof(*s));

	if (set_certificate(s, certificate, n, key, e) == 0)
		return s;
	tls_server_free(s);
	return NULL;
}

int
tls_server_set_pem(struct tls_server *s, const void *certificate, size_t n,
    const void *key, size_t nkey, struct error *e)
{
	const struct key_source from = { key, nkey, NULL };

	return set_certificate(s, certificate, n, &from, e);
}

struct tls_server *
tls_server_new_pem(const void *certificate, size_t n, const void *key,
    size_t nkey, struct error *e)
{
	const struct key_source from = { key, nkey, NULL };

	return new_server(certificate, n, &from, e);
}

int
tls_server_set_signed(struct tls_server *s, const void *certificate, size_t n,
    const struct tls_signer *by, struct error *e)
{
	const struct key_source from = { NULL, 0, by };

	return set_certificate(s, certificate, n, &from, e);
}

struct tls_server *
tls_server_new_signed(const void *certificate, size_t n,
    const struct tls_signer *by, struct error *e)
{
	const struct key_source from = { NULL, 0, by };

	return new_server(certificate, n, &from, e);
}

SSL_CTX *
tls_server_context(const struct tls_server *s)
{
	return s->ctx;
}

/* --- from files ------------------------------------------------------- */

/* Debian has a group for those who may read keys: ssl-cert. */
static char *
read_key(const char *path, size_t *n, struct error *e)
{
	struct stat st;
	char *key = file_read(path, PEM_FILE_MAX, n, &st);

	if (key == NULL)
		error_set(e, EX_CONFIG, "%s: %s", path, strerror(errno));
	else if ((st.st_mode & 07) != 0) {
		error_set(e, EX_CONFIG, "%s: everybody may use it (mode %04o); "
		    "run \"chmod o= %s\"", path, st.st_mode & 07777, path);
		sodium_memzero(key, *n);
		free(key);
		key = NULL;
	}
	return key;
}

int
tls_server_reload(struct tls_server *s, struct error *e)
{
	size_t n = 0, nkey = 0;
	char *certificate = file_read(s->certificate, PEM_FILE_MAX, &n, NULL);
	char *key = NULL;
	int rc = -1;

	if (certificate == NULL)
		error_set(e, EX_CONFIG, "%s: %s", s->certificate,
		    strerror(errno));
	else if ((key = read_key(s->key, &nkey, e)) != NULL &&
	    (rc = tls_server_set_pem(s, certificate, n, key, nkey, e)) == -1)
		error_prefix(e, "%s", s->certificate);
	if (key != NULL)
		sodium_memzero(key, nkey);
	free(certificate);
	free(key);
	return rc;
}

struct tls_server *
tls_server_new(const char *certificate, const char *key, struct error *e)
{
	struct tls_server *s = xcalloc(1, sizeof(*s));

	s->certificate = xstrdup(certificate);
	s->key = xstrdup(key);
	if (tls_server_reload(s, e) == 0)
		return s;
	tls_server_free(s);
	return NULL;
}

void
tls_server_free(struct tls_server *s)
{
	if (s == NULL)
		return;
	SSL_CTX_free(s->ctx);
	free(s->certificate);
	free(s->key);
	free(s);
}

struct handshake *
tls_accept(struct tls_server *s)
{
	struct tls *t = tls_new(s->ctx);

	SSL_set_accept_state(t->ssl);
	return tls_handshake_new(t);
}
