/* SPDX-License-Identifier: ISC */
/* TLS at the client's side: whom it trusts, and the tickets that it has. */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "orthrus/base/confine.h"
#include "orthrus/base/file.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"

#include "tls_private.h"

#define NTICKETS 8
#define CA_FILE_MAX (8 * 1024 * 1024)
/*
 * Each short handshake brings a ticket for the next one: after so long the
 * server has to show its certificate again.
 */
#define TRUST_MS (24 * 3600 * UINT64_C(1000))

struct ticket {
	char *peer;			/* NULL: free */
	SSL_SESSION *session;
	uint64_t since;			/* ms: its certificate was looked at */
};

struct tls_client {
	SSL_CTX *ctx;
	unsigned users;			/* its owner, handshakes, connections */
	struct ticket tickets[NTICKETS];
	size_t next;			/* place for the next peer's */
};

/* --- tickets ---------------------------------------------------------- */

static struct ticket *
ticket_of(struct tls_client *c, const char *peer)
{
	size_t i;

	for (i = 0; i < NTICKETS; i++)
		if (c->tickets[i].peer != NULL &&
		    strcmp(c->tickets[i].peer, peer) == 0)
			return &c->tickets[i];
	return NULL;
}

static void
ticket_clear(struct ticket *k)
{
	free(k->peer);
	SSL_SESSION_free(k->session);
	*k = (struct ticket){ NULL, NULL, 0 };
}

/* OpenSSL's callback: 1 says that the session is ours now. */
static int
on_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = tls_of(ssl);
	struct tls_client *c = t->client;
	struct ticket *k = ticket_of(c, t->peer);

	if (k == NULL) {
		k = &c->tickets[c->next];
		c->next = (c->next + 1) % NTICKETS;
	}
	ticket_clear(k);
	k->peer = xstrdup(t->peer);
	k->session = session;
	k->since = t->since;
	return 1;
}

/* A certificate that has expired meanwhile is to be looked at, and refused. */
static bool
is_still_good(const struct ticket *k)
{
	X509 *certificate = SSL_SESSION_get0_peer(k->session);

	return clock_ms() - k->since < TRUST_MS && certificate != NULL &&
	    X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

/* Each is used once, so that nobody on the way can tell who comes again. */
static void
use_ticket(struct tls *t)
{
	struct ticket *k = ticket_of(t->client, t->peer);

	t->since = clock_ms();
	if (k == NULL)
		return;
	if (is_still_good(k)) {
		t->since = k->since;
		SSL_set_session(t->ssl, k->session);
	}
	ticket_clear(k);
}

/* --- whom it trusts --------------------------------------------------- */

/* Adds each certificate in pem to the store: how many there are, or -1. */
static int
add_authorities(X509_STORE *store, BIO *pem)
{
	X509 *certificate;
	int n = 0;

	while ((certificate = PEM_read_bio_X509_AUX(pem, NULL, NULL,
	    NULL)) != NULL) {
		if (X509_STORE_add_cert(store, certificate) != 1)
			abort();	/* of no memory */
		X509_free(certificate);
		n++;
	}
	return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ?
	    n : -1;
}

static int
trust_file(SSL_CTX *ctx, const char *path, struct error *e)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	size_t len;
	char *text = file_read(path, CA_FILE_MAX, &len, NULL);
	BIO *pem;
	int n;

	if (text == NULL)
		return error_set(e, EX_CONFIG, "%s: %s", path,
		    strerror(errno));
	pem = BIO_new_mem_buf(text, (int)len);
	ERR_clear_error();
	n = pem == NULL ? -1 : add_authorities(store, pem);
	BIO_free(pem);
	free(text);
	/* A server's own certificate is as good as its authority's. */
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	if (n > 0)
		return 0;
	return error_set(e, EX_CONFIG, "%s: %s (expected -----BEGIN "
	    "CERTIFICATE-----, in PEM form)", path, n == 0 ?
	    "there is no certificate in it" : "a certificate in it is broken");
}

/*
 * True where the system's file of all authorities lies in its directory, which
 * has a link for each as well: one program has made both.
 */
static bool
directory_has_all(void)
{
	char *file = realpath(X509_get_default_cert_file(), NULL);
	char *dir = realpath(X509_get_default_cert_dir(), NULL), *links;
	size_t n = dir != NULL ? strlen(dir) : 0;
	glob_t found = { 0 };
	bool all = false;

	if (file != NULL && n > 0 && strncmp(file, dir, n) == 0 &&
	    file[n] == '/') {
		links = xasprintf("%s/????????.0", dir);
		all = glob(links, GLOB_NOSORT, NULL, &found) == 0;
		globfree(&found);
		free(links);
	}
	free(file);
	free(dir);
	return all;
}

/*
 * Of the directory one authority is read when it is looked for; all of them
 * would take a third of what an idle agent does.
 */
static void
trust_system(SSL_CTX *ctx)
{
	if (getenv(X509_get_default_cert_file_env()) == NULL &&
	    getenv(X509_get_default_cert_dir_env()) == NULL &&
	    directory_has_all())
		SSL_CTX_set_default_verify_dir(ctx);
	else
		SSL_CTX_set_default_verify_paths(ctx);
}

struct tls_client *
tls_client_new(const char *ca_file, struct error *e)
{
	struct tls_client *c = xcalloc(1, sizeof(*c));

	c->users = 1;
	c->ctx = SSL_CTX_new(TLS_client_method());
	tls_context(c->ctx);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT |
	    SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->ctx, on_ticket);
	if (ca_file == NULL)
		trust_system(c->ctx);
	else if (trust_file(c->ctx, ca_file, e) == -1) {
		tls_client_free(c);
		return NULL;
	}
	return c;
}

void
tls_client_free(struct tls_client *c)
{
	size_t i;

	if (c == NULL || --c->users > 0)
		return;
	for (i = 0; i < NTICKETS; i++)
		ticket_clear(&c->tickets[i]);
	SSL_CTX_free(c->ctx);
	free(c);
}

void
tls_client_leave(struct tls *t)
{
	tls_client_free(t->client);
	t->client = NULL;
}

/* A list of directories, as in PATH; or NULL. */
static void
open_directories(struct confinement *w, const char *list)
{
	char *copy = list != NULL ? xstrdup(list) : NULL, *next = copy, *path;

	while ((path = strsep(&next, ":")) != NULL)
		confinement_below(w, path, CONFINE_READ);
	free(copy);
}

/*
 * In the system's directory are links to where each authority's file is, of
 * which the one that is looked for is read at the time: somewhere in /etc or
 * /usr, which are open to whoever resolves names.
 */
void
tls_client_confinement(struct confinement *w, const char *ca_file)
{
	confinement_beside(w, ca_file, CONFINE_READ);
	if (ca_file != NULL)
		return;
	open_directories(w, X509_get_default_cert_dir());
	open_directories(w, getenv(X509_get_default_cert_dir_env()));
	confinement_beside(w, X509_get_default_cert_file(), CONFINE_READ);
	confinement_beside(w, getenv(X509_get_default_cert_file_env()),
	    CONFINE_READ);
}

/* --- a connection ----------------------------------------------------- */

static int
on_certificate(int good, X509_STORE_CTX *look)
{
	struct tls *t = tls_of(X509_STORE_CTX_get_ex_data(look,
	    SSL_get_ex_data_X509_STORE_CTX_idx()));

	if (!good && t->why == NULL) {
		t->why = tls_certificate_trouble(look, t->host, t->name);
		t->untrusted = true;
	}
	return good;
}

static bool
is_ip_address(const char *s)
{
	unsigned char address[16];

	return inet_pton(AF_INET, s, address) == 1 ||
	    inet_pton(AF_INET6, s, address) == 1;
}

/*
 * The name as certificates have it: a name without the dot at its end (RFC 6066
 * section 3), an address without its zone.
 */
static char *
bare_name(const char *s)
{
	char *name = xstrdup(s), *zone = strchr(name, '%');
	size_t len;

	if (zone != NULL)
		*zone = '\0';
	if (zone != NULL && !is_ip_address(name))
		*zone = '%';
	len = strlen(name);
	if (len > 1 && name[len - 1] == '.')
		name[len - 1] = '\0';
	return name;
}

static void
expect_name(struct tls *t)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
	bool ip = is_ip_address(t->name);

	X509_VERIFY_PARAM_set_hostflags(param,
	    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* Names only are told to the server: RFC 6066 section 3. */
	if ((ip ? X509_VERIFY_PARAM_set1_ip_asc(param, t->name) :
	    X509_VERIFY_PARAM_set1_host(param, t->name, 0)) != 1 ||
	    (!ip && SSL_set_tlsext_host_name(t->ssl, t->name) != 1))
		abort();		/* of no memory */
	SSL_set_verify(t->ssl, SSL_VERIFY_PEER, on_certificate);
}

static void
offer_alpn(struct tls *t, const char *alpn)
{
	size_t n = strlen(alpn);
	unsigned char list[32];

	t->alpn = alpn;
	list[0] = (unsigned char)n;
	memcpy(list + 1, alpn, n);
	if (SSL_set_alpn_protos(t->ssl, list, (unsigned)n + 1) != 0)
		abort();
}

struct handshake *
tls_connect(struct tls_client *c, const char *host, const char *name,
    uint16_t port, const char *alpn)
{
	struct tls *t = tls_new(c->ctx);

	c->users++;
	t->client = c;
	t->host = xstrdup(host);
	t->name = bare_name(name != NULL ? name : host);
	t->peer = xasprintf("%s %u %s %s", host, port, t->name, alpn);
	SSL_set_connect_state(t->ssl);
	expect_name(t);
	offer_alpn(t, alpn);
	use_ticket(t);
	return tls_handshake_new(t);
}
