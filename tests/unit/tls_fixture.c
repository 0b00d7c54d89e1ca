/* SPDX-License-Identifier: ISC */
/* See tls_fixture.h. */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "orthrus/base/mem.h"
#include "tls_fixture.h"

#define TURNS 200		/* of a handshake, more than any has */

/* --- certificates ----------------------------------------------------- */

static void
extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(x, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static char *
text_of(BIO *b)
{
	char *p;
	long n = BIO_get_mem_data(b, &p);
	char *text = xasprintf("%.*s", (int)n, p);

	BIO_free(b);
	return text;
}

static void
as_text(struct made *m)
{
	BIO *b = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_X509(b, m->certificate), 1);
	m->pem = text_of(b);
	b = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(b, m->key, NULL, NULL, 0,
	    NULL, NULL), 1);
	m->key_pem = text_of(b);
}

struct made
make(const struct wish *w, const struct made *issuer)
{
	static long serial;
	struct made m = { X509_new(), w->key != NULL ? w->key :
	    EVP_EC_gen("P-256"), NULL, NULL };
	const struct made *by = issuer != NULL ? issuer : &m;
	X509_NAME *name = X509_get_subject_name(m.certificate);

	X509_set_version(m.certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(m.certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(m.certificate),
	    w->from != 0 ? w->from : -DAY);
	X509_gmtime_adj(X509_getm_notAfter(m.certificate),
	    w->until != 0 ? w->until : DAY);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)w->subject, -1, -1, 0);
	X509_set_issuer_name(m.certificate,
	    X509_get_subject_name(by->certificate));
	X509_set_pubkey(m.certificate, m.key);
	extend(m.certificate, by->certificate, NID_basic_constraints,
	    w->authority ? "critical,CA:TRUE" : "CA:FALSE");
	extend(m.certificate, by->certificate, NID_subject_alt_name, w->names);
	extend(m.certificate, by->certificate, NID_ext_key_usage, w->use);
	assert_true(X509_sign(m.certificate, by->key, EVP_sha256()) > 0);
	as_text(&m);
	return m;
}

struct made
make_ca(const char *subject, const struct made *issuer)
{
	return make(&(struct wish){ .subject = subject, .authority = true },
	    issuer);
}

struct made
make_for(const char *subject, const char *names, const struct made *issuer)
{
	return make(&(struct wish){ .subject = subject, .names = names },
	    issuer);
}

void
unmake(struct made *m)
{
	X509_free(m->certificate);
	EVP_PKEY_free(m->key);
	free(m->pem);
	free(m->key_pem);
	memset(m, 0, sizeof(*m));
}

char *
in_file(const char *text)
{
	char *path = xstrdup("/tmp/orthrus-tls.XXXXXX");
	int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

/* --- two ends --------------------------------------------------------- */

void
talk_begin(struct talk *k)
{
	int pair[2];

	memset(k, 0, sizeof(*k));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, pair), 0);
	k->client = transport_socket(pair[0]);
	k->server = transport_socket(pair[1]);
}

/* One turn, unless it is over. */
static void
turn(struct handshake *h, struct transport **t, enum handshake_result *said,
    struct error *e)
{
	if (h != NULL && *said != HANDSHAKE_DONE && *said != HANDSHAKE_FAILED)
		*said = h->ops->go_on(h, t, e);
}

bool
talk(struct talk *k, struct handshake *client, struct handshake *server)
{
	int i;

	k->client_said = k->server_said = HANDSHAKE_READ;
	for (i = 0; i < TURNS; i++) {
		turn(client, &k->client, &k->client_said, &k->why);
		turn(server, &k->server, &k->server_said, &k->server_why);
	}
	if (client != NULL)
		client->ops->free(client);
	if (server != NULL)
		server->ops->free(server);
	return k->client_said == HANDSHAKE_DONE &&
	    k->server_said == HANDSHAKE_DONE;
}

void
talk_end(struct talk *k)
{
	transport_free(k->client);
	transport_free(k->server);
	k->client = k->server = NULL;
}

/* --- OpenSSL's own ---------------------------------------------------- */

SSL *
foreign_server(int fd, const struct made *m, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL *ssl;

	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_use_certificate(ctx, m->certificate);
	SSL_CTX_use_PrivateKey(ctx, m->key);
	ssl = SSL_new(ctx);
	assert_non_null(ssl);
	SSL_CTX_free(ctx);
	SSL_set_fd(ssl, fd);
	SSL_set_accept_state(ssl);
	return ssl;
}

bool
talk_foreign(struct talk *k, struct handshake *client, SSL *server)
{
	bool done = false;
	int i;

	k->client_said = HANDSHAKE_READ;
	for (i = 0; i < TURNS; i++) {
		turn(client, &k->client, &k->client_said, &k->why);
		done = done || SSL_do_handshake(server) == 1;
	}
	client->ops->free(client);
	return done && k->client_said == HANDSHAKE_DONE;
}
