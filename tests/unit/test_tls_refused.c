/* SPDX-License-Identifier: ISC */
/*
 * What a client says of a server that it does not trust, or that speaks
 * something else: one line and the exit code for each.
 */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "orthrus/base/mem.h"
#include "tls_fixture.h"

static struct made ca, other_ca, old_ca;

static int
setup(void **state)
{
	(void)state;
	ca = make_ca("Some CA", NULL);
	other_ca = make_ca("Other CA", NULL);
	old_ca = make(&(struct wish){ .subject = "Old CA", .authority = true,
	    .from = -9 * DAY, .until = -2 * DAY }, &ca);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unmake(&ca);
	unmake(&other_ca);
	unmake(&old_ca);
	return 0;
}

static struct tls_client *
client_for(const char *pem)
{
	char *path = in_file(pem);
	struct error e;
	struct tls_client *c = tls_client_new(path, &e);

	assert_non_null(c);
	unlink(path);
	free(path);
	return c;
}

static struct tls_server *
server_with(const struct made *m, const struct made *issuer)
{
	char *chain = xasprintf("%s%s", m->pem, issuer != NULL ? issuer->pem :
	    "");
	struct error e;
	struct tls_server *s = tls_server_new_pem(chain, strlen(chain),
	    m->key_pem, strlen(m->key_pem), &e);

	assert_non_null(s);
	free(chain);
	return s;
}

/*
 * Dials host and expects name of a server that shows m: the line of the client,
 * or "" when it is content.
 */
static const char *
says(const char *trusted, const struct made *m, const struct made *chain,
    const char *host, const char *name)
{
	static struct talk k;
	struct tls_client *c = client_for(trusted);
	struct tls_server *s = server_with(m, chain);
	bool content;

	talk_begin(&k);
	content = talk(&k, tls_connect(c, host, name, 443, TLS_ALPN_SSH),
	    tls_accept(s));
	talk_end(&k);
	tls_client_free(c);
	tls_server_free(s);
	if (content)
		return "";
	assert_int_equal(k.client_said, HANDSHAKE_FAILED);
	assert_int_equal(k.why.code, EX_NOPERM);
	return k.why.text;
}

static const char *
in_days(long days)
{
	static char date[16];
	time_t at = time(NULL) + days * DAY;
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	return date;
}

/* --- names ------------------------------------------------------------ */

static void
test_names(void **state)
{
	static const struct {
		const char *names, *host, *name, *line;
	} cases[] = {
		{ "DNS:gw.test", "gw.test", NULL, "" },
		{ "DNS:gw.test", "gw.test.", NULL, "" },
		{ "DNS:gw.test", "GW.test", NULL, "" },
		{ "DNS:gw.test", "192.0.2.1", "gw.test", "" },
		{ "DNS:a.test,DNS:*.b.test", "x.b.test", NULL, "" },
		{ "DNS:a.test,DNS:*.b.test", "y.x.b.test", NULL,
		    "the certificate of y.x.b.test is for a.test, *.b.test, "
		    "not for y.x.b.test (--tls-name)" },
		{ "IP:192.0.2.1", "192.0.2.1", NULL, "" },
		{ "IP:2001:db8::1", "2001:db8::1", NULL, "" },
		{ "IP:fe80::1", "fe80::1%eth0", NULL, "" },
		{ "DNS:gw.test,IP:192.0.2.1", "192.0.2.2", NULL,
		    "the certificate of 192.0.2.2 is for gw.test, 192.0.2.1, "
		    "not for 192.0.2.2 (--tls-name)" },
		{ "DNS:gw.test", "gw.test", "other.test",
		    "the certificate of gw.test is for gw.test, not for "
		    "other.test (--tls-name)" },
		/* An address is no name, whatever a name looks like. */
		{ "DNS:192.0.2.1", "192.0.2.1", NULL,
		    "the certificate of 192.0.2.1 is for 192.0.2.1, not for "
		    "192.0.2.1 (--tls-name)" },
		{ NULL, "gw.test", NULL, "the certificate of gw.test is for "
		    "CN=some subject, not for gw.test (--tls-name)" },
	};
	struct made m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		m = make_for("some subject", cases[i].names, &ca);
		assert_string_equal(says(ca.pem, &m, NULL, cases[i].host,
		    cases[i].name), cases[i].line);
		unmake(&m);
	}
}

/* More names than a line has room for, and some that are no text. */
static void
test_long_names(void **state)
{
	char names[2000] = "DNS:a\033[31m.test", line[ERROR_TEXT_MAX];
	struct made m;
	size_t n, i;

	(void)state;
	for (i = 0; i < 40; i++) {
		n = strlen(names);
		snprintf(names + n, sizeof(names) - n, ",DNS:name-%zu.test", i);
	}
	m = make_for("x", names, &ca);
	snprintf(line, sizeof(line), "%s", says(ca.pem, &m, NULL, "gw.test",
	    NULL));
	assert_non_null(strstr(line, "name-0.test, "));
	assert_non_null(strstr(line, ", ..., not for gw.test (--tls-name)"));
	for (i = 0; line[i] != '\0'; i++)
		assert_true(line[i] >= ' ' && line[i] < 0x7f);
	unmake(&m);
}

/* --- times ------------------------------------------------------------ */

static void
test_times(void **state)
{
	struct wish old = { .subject = "gw", .names = "DNS:gw.test",
	    .from = -9 * DAY, .until = -3 * DAY };
	struct wish young = { .subject = "gw", .names = "DNS:gw.test",
	    .from = 3 * DAY, .until = 9 * DAY };
	char line[200];
	struct made m = make(&old, &ca);

	(void)state;
	snprintf(line, sizeof(line), "the certificate of gw.test expired on "
	    "%s", in_days(-3));
	assert_string_equal(says(ca.pem, &m, NULL, "gw.test", NULL), line);
	unmake(&m);
	m = make(&young, &ca);
	snprintf(line, sizeof(line), "the certificate of gw.test is not valid "
	    "before %s", in_days(3));
	assert_string_equal(says(ca.pem, &m, NULL, "gw.test", NULL), line);
	unmake(&m);
	/* The same of one in between. */
	m = make_for("gw", "DNS:gw.test", &old_ca);
	snprintf(line, sizeof(line), "the certificate of the authority CN=Old "
	    "CA, for gw.test, expired on %s", in_days(-2));
	assert_string_equal(says(ca.pem, &m, &old_ca, "gw.test", NULL), line);
	unmake(&m);
}

/* --- authorities ------------------------------------------------------ */

static void
test_authorities(void **state)
{
	static const char unknown[] = "the certificate of gw.test was signed "
	    "by an authority unknown here (--tls-ca FILE): CN=Some CA";
	struct made m = make_for("gw", "DNS:gw.test", &ca), under;
	char *both = xasprintf("# two\n%s\nand\n%s", other_ca.pem, ca.pem);

	(void)state;
	assert_string_equal(says(other_ca.pem, &m, NULL, "gw.test", NULL),
	    unknown);
	/* The chain up to an unknown one is of no use. */
	assert_string_equal(says(other_ca.pem, &m, &ca, "gw.test", NULL),
	    unknown);
	assert_string_equal(says(both, &m, NULL, "gw.test", NULL), "");
	/* A server's own certificate, and one in between, will do as well. */
	assert_string_equal(says(m.pem, &m, NULL, "gw.test", NULL), "");
	under = make_ca("Under CA", &ca);
	unmake(&m);
	m = make_for("gw", "DNS:gw.test", &under);
	assert_string_equal(says(ca.pem, &m, &under, "gw.test", NULL), "");
	assert_string_equal(says(under.pem, &m, NULL, "gw.test", NULL), "");
	assert_string_equal(says(ca.pem, &m, NULL, "gw.test", NULL),
	    "the certificate of gw.test was signed by an authority unknown "
	    "here (--tls-ca FILE): CN=Under CA");
	unmake(&under);
	unmake(&m);
	free(both);
}

static void
test_self_signed(void **state)
{
	struct made m = make_for("gw", "DNS:gw.test", NULL);

	(void)state;
	assert_string_equal(says(ca.pem, &m, NULL, "gw.test", NULL),
	    "the certificate of gw.test is self-signed (--tls-ca FILE trusts "
	    "the one in FILE)");
	assert_string_equal(says(m.pem, &m, NULL, "gw.test", NULL), "");
	unmake(&m);
}

/* One who may sign nothing, and one that is for a client. */
static void
test_wrong_use(void **state)
{
	struct made no_ca = make_for("no CA", NULL, &ca);
	struct made m = make_for("gw", "DNS:gw.test", &no_ca);

	(void)state;
	assert_non_null(strstr(says(ca.pem, &m, &no_ca, "gw.test", NULL),
	    "is not to be trusted: invalid CA certificate"));
	unmake(&m);
	unmake(&no_ca);
	m = make(&(struct wish){ .subject = "gw", .names = "DNS:gw.test",
	    .use = "clientAuth" }, &ca);
	assert_string_equal(says(ca.pem, &m, NULL, "gw.test", NULL),
	    "the certificate of gw.test is not one for a server");
	unmake(&m);
}

/* --- what is no TLS 1.3 ----------------------------------------------- */

/* The line of a client to whom a server says this, and then closes or not. */
static const char *
hears(const void *answer, size_t n, bool closes)
{
	static struct talk k;
	struct tls_client *c = client_for(ca.pem);

	talk_begin(&k);
	assert_int_equal(send(k.server->fd, answer, n, 0), n);
	if (closes)
		shutdown(k.server->fd, SHUT_WR);
	talk(&k, tls_connect(c, "gw.test", NULL, 443, TLS_ALPN_SSH), NULL);
	talk_end(&k);
	tls_client_free(c);
	assert_int_equal(k.client_said, HANDSHAKE_FAILED);
	assert_int_equal(k.why.code, EX_UNAVAILABLE);
	return k.why.text;
}

static void
test_other_protocols(void **state)
{
	static const struct {
		const char *answer;
		size_t n;
		const char *line;
	} cases[] = {
		{ "SSH-2.0-OpenSSH_9.2\r\n", 21, "the server does not speak "
		    "TLS there (it answers like an SSH server: ssh://)" },
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", 28, "the server does not "
		    "speak TLS there (it answers like a web server without "
		    "TLS)" },
		{ "220 mail.test ESMTP\r\n", 21,
		    "the server does not speak TLS there" },
		{ "\25\3\1\0\2\2\106", 7, "the server speaks no TLS 1.3, and "
		    "older versions are not spoken here" },
		{ "\25\3\3\0\2\2\160", 7, "the server refused: unrecognized "
		    "name" },
		{ "\25\3\3\0\2\2\170", 7, "the server does not offer \"ssh\" "
		    "there (no common ALPN)" },
		{ "", 0, "the server closed the connection in the middle of "
		    "the handshake" },
		{ "\26", 1, "the server closed the connection in the middle of "
		    "the handshake" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(hears(cases[i].answer, cases[i].n, true),
		    cases[i].line);
	assert_string_equal(hears(cases[0].answer, cases[0].n, false),
	    cases[0].line);
	assert_non_null(strstr(hears("\26\3\3\377\377", 5, false),
	    "the handshake failed: "));
}

static void
test_older_tls(void **state)
{
	struct made m = make_for("gw", "DNS:gw.test", &ca);
	struct tls_client *c = client_for(ca.pem);
	struct talk k;
	SSL *ssl;

	(void)state;
	talk_begin(&k);
	ssl = foreign_server(k.server->fd, &m, TLS1_2_VERSION);
	assert_false(talk_foreign(&k, tls_connect(c, "gw.test", NULL, 443,
	    TLS_ALPN_SSH), ssl));
	assert_string_equal(k.why.text, "the server speaks no TLS 1.3, and "
	    "older versions are not spoken here");
	assert_int_equal(k.why.code, EX_UNAVAILABLE);
	SSL_free(ssl);
	talk_end(&k);
	tls_client_free(c);
	unmake(&m);
}

/* A line for whom neither answers. */
static void
test_silent(void **state)
{
	struct tls_client *c = client_for(ca.pem);
	struct handshake *h = tls_connect(c, "gw.test", NULL, 443,
	    TLS_ALPN_SSH);
	struct talk k;
	struct error e;

	(void)state;
	talk_begin(&k);
	assert_int_equal(h->ops->go_on(h, &k.client, &e), HANDSHAKE_READ);
	assert_string_equal(h->ops->name, "TLS");
	assert_string_equal(h->ops->awaited(h), "the server's answer");
	h->ops->free(h);
	talk_end(&k);
	tls_client_free(c);
}

/* --- whom to trust ---------------------------------------------------- */

static void
expect_bad_ca(const char *text, const char *line)
{
	char *path = in_file(text);
	struct error e;

	assert_null(tls_client_new(path, &e));
	assert_int_equal(e.code, EX_CONFIG);
	assert_int_equal(strncmp(e.text, path, strlen(path)), 0);
	assert_non_null(strstr(e.text, line));
	unlink(path);
	free(path);
}

static void
test_bad_ca_files(void **state)
{
	char *half = xstrdup(ca.pem);
	struct error e;

	(void)state;
	half[strlen(half) / 2] = '\0';
	expect_bad_ca("", "there is no certificate in it");
	expect_bad_ca(ca.key_pem, "there is no certificate in it");
	expect_bad_ca(half, "a certificate in it is broken");
	free(half);
	half = xasprintf("%s-----BEGIN CERTIFICATE-----\nAAAA\n"
	    "-----END CERTIFICATE-----\n", ca.pem);
	expect_bad_ca(half, "a certificate in it is broken");
	free(half);
	assert_null(tls_client_new("/nowhere/ca.pem", &e));
	assert_string_equal(e.text,
	    "/nowhere/ca.pem: No such file or directory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_authorities),
		cmocka_unit_test(test_self_signed),
		cmocka_unit_test(test_wrong_use),
		cmocka_unit_test(test_other_protocols),
		cmocka_unit_test(test_older_tls),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_bad_ca_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
