/* SPDX-License-Identifier: ISC */
/* TLS at the server's side: its files, whom it takes, and what it says. */
#include <sys/socket.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "orthrus/base/mem.h"
#include "tls_fixture.h"

static struct made ca, gw;
static char *ca_path;
static struct tls_client *client;
static struct tls_server *server;

static int
setup(void **state)
{
	struct error e;

	(void)state;
	ca = make_ca("Some CA", NULL);
	gw = make_for("gw", "DNS:gw.test", &ca);
	ca_path = in_file(ca.pem);
	client = tls_client_new(ca_path, &e);
	assert_non_null(client);
	server = tls_server_new_pem(gw.pem, strlen(gw.pem), gw.key_pem,
	    strlen(gw.key_pem), &e);
	assert_non_null(server);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tls_client_free(client);
	tls_server_free(server);
	unlink(ca_path);
	free(ca_path);
	unmake(&ca);
	unmake(&gw);
	return 0;
}

/* --- its certificate -------------------------------------------------- */

static void
expect_bad_pem(const char *certificate, const char *key, const char *line)
{
	struct error e;

	assert_null(tls_server_new_pem(certificate, strlen(certificate), key,
	    strlen(key), &e));
	assert_int_equal(e.code, EX_CONFIG);
	if (strstr(e.text, line) == NULL)
		fail_msg("%s: not %s", e.text, line);
	/* What is there is kept. */
	assert_int_equal(tls_server_set_pem(server, certificate,
	    strlen(certificate), key, strlen(key), &e), -1);
}

static void
test_bad_pem(void **state)
{
	static const char locked[] = "-----BEGIN EC PRIVATE KEY-----\n"
	    "Proc-Type: 4,ENCRYPTED\n"
	    "DEK-Info: AES-128-CBC,00000000000000000000000000000000\n\n"
	    "AAAAAAAAAAAAAAAAAAAAAA==\n-----END EC PRIVATE KEY-----\n";
	char *half = xstrdup(gw.pem);
	struct talk k;

	(void)state;
	half[strlen(half) / 2] = '\0';
	expect_bad_pem("", gw.key_pem, "certificate: there is none, in PEM");
	expect_bad_pem(gw.key_pem, gw.key_pem, "certificate: there is none");
	expect_bad_pem(half, gw.key_pem, "certificate: ");
	expect_bad_pem(gw.pem, "", "key: there is none, in PEM");
	expect_bad_pem(gw.pem, gw.pem, "key: there is none, in PEM");
	expect_bad_pem(gw.pem, locked, "key: it is encrypted");
	expect_bad_pem(gw.pem, ca.key_pem,
	    "key: it is not the one of the certificate");
	free(half);
	talk_begin(&k);
	assert_true(talk(&k, tls_connect(client, "gw.test", NULL, 443,
	    TLS_ALPN_SSH), tls_accept(server)));
	talk_end(&k);
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static bool
takes(struct tls_server *s, const char *name)
{
	struct talk k;
	bool done;

	talk_begin(&k);
	done = talk(&k, tls_connect(client, name, NULL, 443, TLS_ALPN_SSH),
	    tls_accept(s));
	talk_end(&k);
	return done;
}

/* A renewed certificate is for who comes from then on. */
static void
test_files(void **state)
{
	char *path = in_file(gw.pem), *key = in_file(gw.key_pem);
	struct made next = make_for("next", "DNS:next.test", &ca);
	struct error e;
	struct tls_server *s = tls_server_new(path, key, &e);

	(void)state;
	assert_non_null(s);
	assert_true(takes(s, "gw.test"));
	put(path, next.pem);
	assert_int_equal(tls_server_reload(s, &e), -1);	/* only half of it */
	assert_non_null(strstr(e.text, ": key: it is not the one"));
	assert_true(takes(s, "gw.test"));
	put(key, next.key_pem);
	assert_int_equal(tls_server_reload(s, &e), 0);
	assert_true(takes(s, "next.test"));
	chmod(key, 0644);
	assert_int_equal(tls_server_reload(s, &e), -1);
	assert_non_null(strstr(e.text, "everybody may use it (mode 0644)"));
	unlink(key);
	assert_int_equal(tls_server_reload(s, &e), -1);
	assert_non_null(strstr(e.text, ": No such file or directory"));
	tls_server_free(s);
	assert_null(tls_server_new(path, key, &e));
	unlink(path);
	free(path);
	free(key);
	unmake(&next);
}

/* --- what is spoken inside -------------------------------------------- */

static void
test_alpn(void **state)
{
	struct talk k;

	(void)state;
	talk_begin(&k);
	assert_true(talk(&k, tls_connect(client, "gw.test", NULL, 443,
	    TLS_ALPN_HTTP), tls_accept(server)));
	assert_string_equal(tls_alpn(k.client), "http/1.1");
	assert_string_equal(tls_alpn(k.server), "http/1.1");
	talk_end(&k);
	talk_begin(&k);
	assert_false(talk(&k, tls_connect(client, "gw.test", NULL, 443, "h2"),
	    tls_accept(server)));
	assert_string_equal(k.why.text, "the server does not offer \"h2\" "
	    "there (no common ALPN)");
	talk_end(&k);
	k.client = transport_socket(-1);
	assert_string_equal(tls_alpn(k.client), "");
	assert_false(tls_resumed(k.client));
	transport_free(k.client);
}

/* --- who comes -------------------------------------------------------- */

/* What the server says of one who sends these n bytes. */
static const char *
hears(const void *bytes, size_t n)
{
	static struct talk k;

	talk_begin(&k);
	assert_int_equal(send(k.client->fd, bytes, n, 0), n);
	talk(&k, NULL, tls_accept(server));
	talk_end(&k);
	return k.server_said == HANDSHAKE_FAILED ? k.server_why.text : "";
}

static void
test_other_protocols(void **state)
{
	(void)state;
	assert_string_equal(hears("SSH-2.0-x\r\n", 11),
	    "the client does not speak TLS there (but SSH)");
	assert_string_equal(hears("GET / HTTP/1.1\r\n\r\n", 18),
	    "the client does not speak TLS there");
	assert_string_equal(hears("\26\3\1", 3), "");	/* more may come */
}

/* One who does not trust it says so, and this is what is told. */
static void
test_not_trusted(void **state)
{
	struct made other = make_ca("Other CA", NULL);
	char *path = in_file(other.pem);
	struct error e;
	struct tls_client *c = tls_client_new(path, &e);
	struct talk k;

	(void)state;
	assert_non_null(c);
	talk_begin(&k);
	assert_false(talk(&k, tls_connect(c, "gw.test", NULL, 443,
	    TLS_ALPN_SSH), tls_accept(server)));
	assert_string_equal(k.server_why.text,
	    "the client refused: unknown CA");
	talk_end(&k);
	tls_client_free(c);
	unlink(path);
	free(path);
	unmake(&other);
}

static void
test_older_tls(void **state)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct handshake *h = tls_accept(server);
	enum handshake_result said = HANDSHAKE_READ;
	struct talk k;
	SSL *ssl;
	int i;

	(void)state;
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	ssl = SSL_new(ctx);
	talk_begin(&k);
	SSL_set_fd(ssl, k.client->fd);
	for (i = 0; i < 10 && said == HANDSHAKE_READ; i++) {
		assert_int_not_equal(SSL_connect(ssl), 1);
		said = h->ops->go_on(h, &k.server, &k.server_why);
	}
	assert_int_equal(said, HANDSHAKE_FAILED);
	assert_string_equal(k.server_why.text, "the client speaks no TLS 1.3, "
	    "and older versions are not spoken here");
	h->ops->free(h);
	talk_end(&k);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

/* One that a client of today does not even send. */
static void
test_oldest_tls(void **state)
{
	uint8_t hello[5 + 4 + 41] = { 22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1,
	    [45] = 2, 0, 0x2f, 1, 0 };

	(void)state;
	assert_string_equal(hears(hello, sizeof(hello)), "the client speaks no "
	    "TLS 1.3, and older versions are not spoken here");
}

/* A hello that never ends is not kept. */
static void
test_endless_hello(void **state)
{
	uint8_t record[5 + 16384] = { 22, 3, 1, 64, 0, 1, 1, 255, 255 };
	struct talk k;
	struct handshake *h = tls_accept(server);
	enum handshake_result said = HANDSHAKE_READ;
	int i;

	(void)state;
	talk_begin(&k);
	for (i = 0; i < 10 && said == HANDSHAKE_READ; i++) {
		assert_int_equal(send(k.client->fd, record, sizeof(record), 0),
		    sizeof(record));
		said = h->ops->go_on(h, &k.server, &k.server_why);
	}
	assert_int_equal(said, HANDSHAKE_FAILED);
	assert_true(i <= 3);
	assert_int_equal(k.server_why.code, EX_UNAVAILABLE);
	h->ops->free(h);
	talk_end(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_pem),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_alpn),
		cmocka_unit_test(test_other_protocols),
		cmocka_unit_test(test_not_trusted),
		cmocka_unit_test(test_older_tls),
		cmocka_unit_test(test_oldest_tls),
		cmocka_unit_test(test_endless_hello),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
