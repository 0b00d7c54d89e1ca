/* SPDX-License-Identifier: ISC */
/* Forward specifications: ssh(1)'s grammar, its limits, and round trips. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/spec.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_good(void **state)
{
	static const struct {
		const char *in, *listen, *to;
	} cases[] = {
		/* [bind_address:]port:host:hostport */
		{ "5432:db:5432", "localhost:5432", "db:5432" },
		{ "localhost:5432:db:5432", "localhost:5432", "db:5432" },
		{ "127.0.0.1:80:10.0.0.1:8080", "127.0.0.1:80",
		    "10.0.0.1:8080" },
		{ ":80:db:81", "*:80", "db:81" },
		{ "*:80:db:81", "*:80", "db:81" },
		{ "[]:80:db:81", "*:80", "db:81" },
		{ "[*]:80:db:81", "*:80", "db:81" },
		{ "[::1]:80:db:81", "[::1]:80", "db:81" },
		{ "80:[::1]:81", "localhost:80", "[::1]:81" },
		{ "[::]:80:[2001:db8::1]:81", "[::]:80", "[2001:db8::1]:81" },
		{ "[fe80::1%eth0]:80:[fe80::2%eth1]:81", "[fe80::1%eth0]:80",
		    "[fe80::2%eth1]:81" },
		{ "[localhost]:[80]:[db]:[81]", "localhost:80", "db:81" },
		{ "1:h:65535", "localhost:1", "h:65535" },
		/* services(5) */
		{ "http:db:postgresql", "localhost:80", "db:5432" },
		{ "*:ssh:[::1]:domain", "*:22", "[::1]:53" },
		{ "[http]:[db]:[ssh]", "localhost:80", "db:22" },
		{ "http:/run/x.sock", "localhost:80", "/run/x.sock" },
		/* [bind_address:]port:/socket */
		{ "80:/run/x.sock", "localhost:80", "/run/x.sock" },
		{ "10.0.0.1:80:/run/x", "10.0.0.1:80", "/run/x" },
		{ ":80:/run/x", "*:80", "/run/x" },
		{ "*:80:/run/x", "*:80", "/run/x" },
		{ "[::1]:80:/run/x", "[::1]:80", "/run/x" },
		{ "80:[/run/a:b]", "localhost:80", "/run/a:b" },
		/* /socket:host:hostport and /socket:/socket */
		{ "/run/x:db:5432", "/run/x", "db:5432" },
		{ "/run/x:[::1]:5432", "/run/x", "[::1]:5432" },
		{ "/run/x:/run/y", "/run/x", "/run/y" },
		{ "[/run/x:1]:[/run/y:2]", "/run/x:1", "/run/y:2" },
		{ "[/run/x]:[/run/y]", "/run/x", "/run/y" },
		{ "/run/with space:/run/y", "/run/with space", "/run/y" },
	};
	char text[SPEC_TEXT_MAX], address[ADDRESS_TEXT_MAX];
	struct forward_spec spec, again;
	struct error e;
	size_t i;
	int remote;

	(void)state;
	for (i = 0; i < COUNT(cases) * 2; i++) {
		remote = i % 2;
		if (forward_spec_parse(cases[i / 2].in, remote, &spec, &e) != 0)
			fail_msg("%s", e.text);
		assert_string_equal(address_format(&spec.listen, address),
		    cases[i / 2].listen);
		assert_string_equal(address_format(&spec.to, address),
		    cases[i / 2].to);
		forward_spec_format(&spec, text);
		assert_int_equal(forward_spec_parse(text, remote, &again, &e),
		    0);
		assert_true(forward_spec_equal(&spec, &again));
	}
}

static void
test_bad(void **state)
{
	static const struct {
		const char *in, *says;
	} cases[] = {
		{ "", "expected [bind_address:]port:host:hostport" },
		{ ":", "expected [" },
		{ "5432", "expected [" },
		{ "5432:db", "expected [" },
		{ "/run/x", "expected [" },
		{ "80:", "expected [" },
		{ "h:80:db:/run/x", "expected [" },
		{ "/run/x:80:db:/run/y", "expected [" },
		{ "a:b:c:d:e", "too many parts" },
		{ "/run/x:a:b:c:d", "too many parts" },
		{ "::1:80:db:81", "too many parts" },
		{ "80:::1:81", "too many parts" },
		{ "80:db:81:", "listening port \"db\"" },
		{ "x:db:81", "listening port \"x\"" },
		{ "0:db:81", "listening port \"0\" is not a number from 1" },
		{ "65536:db:81", "listening port \"65536\"" },
		{ "-1:db:81", "listening port \"-1\"" },
		{ " 80:db:81", "listening port \" 80\"" },
		{ ":db:81", "listening port \"\"" },
		{ "x:/run/y", "listening port \"x\"" },
		{ "a:b:db:81", "listening port \"b\"" },
		{ "unix:/run/x:/run/y", "listening port \"/run/x\"" },
		{ "-b:80:db:81", "bind address \"-b\"" },
		{ "a b:80:db:81", "bind address \"a b\"" },
		{ "/run/x:80:db:81", "bind address \"/run/x\"" },
		{ "[::1%]:80:db:81", "bind address \"::1%\"" },
		{ "[:]:80:db:81", "bind address \":\"" },
		{ "80::81", "destination host \"\"" },
		{ "80:*:81", "destination host \"*\"" },
		{ "80:-h:81", "destination host \"-h\"" },
		{ "80:a@b:81", "destination host \"a@b\"" },
		{ "80:[a:b]:81", "destination host \"a:b\"" },
		{ "80:/run/x:81", "destination host \"/run/x\"" },
		{ "80:db:0", "destination port \"0\"" },
		{ "80:db:", "destination port \"\"" },
		{ "80:db:65536", "destination port \"65536\"" },
		{ "80:db:no-such", "destination port \"no-such\"" },
		{ "no-such:db:80", "nor a service's name" },
		{ "80:~/x.sock", "is at the server, whose home" },
		{ "~joe/x:/run/y", "listening socket \"~joe/x\"" },
		{ "1:80:db:81x", "destination port \"81x\"" },
		{ "/run/x:db:", "destination port \"\"" },
		{ "80:run/x", "destination socket \"run/x\"" },
		{ "run/x:/run/y", "listening socket \"run/x\"" },
		{ "./x:db:81", "listening socket \"./x\"" },
		{ "80:/", "destination socket" },
		{ "/run/:db:81", "listening socket" },
		{ "80:/run/a\tb", "destination socket" },
		{ "[::1:80:db:81", "no closing ']'" },
		{ "80:[::1:81", "no closing ']'" },
		{ "80:[::1]81", "after a ']'" },
		{ "[::1]x:80:db:81", "after a ']'" },
		{ "80:\\/run\\/x:81", "destination host" },
	};
	struct forward_spec spec, before;
	struct error e;
	size_t i;

	(void)state;
	assert_int_equal(forward_spec_parse("1:a:2", false, &before, &e), 0);
	spec = before;
	for (i = 0; i < COUNT(cases); i++) {
		if (forward_spec_parse(cases[i].in, false, &spec, &e) != -1)
			fail_msg("\"%s\" was taken", cases[i].in);
		assert_int_equal(e.code, EX_USAGE);
		if (strstr(e.text, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].in, e.text);
		assert_int_equal(forward_spec_parse(cases[i].in, false, &spec,
		    NULL), -1);
		assert_true(forward_spec_equal(&spec, &before));
	}
}

/* Only a server may choose a port. */
/* "~" is a directory here, which the server's side has none of. */
static void
test_home(void **state)
{
	static const struct {
		const char *local, *remote, *out;	/* "~" taken in one */
	} cases[] = {
		{ "~/l.sock:h:80", "80:~/l.sock", "/home/joe/l.sock" },
		{ "[~/a:b]:h:80", "*:80:[~/a:b]", "/home/joe/a:b" },
	};
	char text[ADDRESS_TEXT_MAX];
	struct forward_spec spec;
	struct error e;
	size_t i;

	(void)state;
	assert_int_equal(setenv("HOME", "/home/joe", 1), 0);
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(forward_spec_parse(cases[i].local, false,
		    &spec, &e), 0);
		assert_string_equal(address_format(&spec.listen, text),
		    cases[i].out);
		assert_int_equal(forward_spec_parse(cases[i].remote, true,
		    &spec, &e), 0);
		assert_string_equal(address_format(&spec.to, text),
		    cases[i].out);
		assert_int_equal(forward_spec_parse(cases[i].local, true,
		    &spec, &e), -1);
		assert_non_null(strstr(e.text, "at the server"));
	}
}

/* A remote forward without a destination: SOCKS at its far end. */
static void
test_socks(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "1080", "localhost:1080" }, { "0", "localhost:0" },
		{ "socks", "localhost:1080" }, { "*:1080", "*:1080" },
		{ ":1080", "*:1080" }, { "[::1]:1080", "[::1]:1080" },
		{ "h:socks", "h:1080" }, { "/run/x.sock", "/run/x.sock" },
		{ "[/run/a:b]", "[/run/a:b]" },
	};
	static const char *const bad[] = { "", ":", "h:", "80:db", "x",
	    "65536", "~/x.sock", "run/x" };
	struct forward_spec spec, again;
	char text[SPEC_TEXT_MAX];
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (forward_spec_parse(cases[i].in, true, &spec, &e) != 0)
			fail_msg("%s", e.text);
		assert_int_equal(spec.to.kind, ADDRESS_NONE);
		assert_string_equal(forward_spec_format(&spec, text),
		    cases[i].out);
		assert_int_equal(forward_spec_parse(text, true, &again, &e),
		    0);
		assert_true(forward_spec_equal(&spec, &again));
		assert_int_equal(forward_spec_parse(cases[i].in, false, &spec,
		    &e), -1);
	}
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(forward_spec_parse(bad[i], true, &spec, &e),
		    -1);
}

static void
test_port_zero(void **state)
{
	static const char *const cases[] = { "0:db:81", "*:0:db:81",
	    "[::1]:0:db:81", "0:/run/x", ":0:/run/x" };
	struct forward_spec spec;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(forward_spec_parse(cases[i], false, &spec,
		    &e), -1);
		assert_int_equal(forward_spec_parse(cases[i], true, &spec,
		    &e), 0);
		assert_int_equal(spec.listen.port, 0);
	}
	assert_int_equal(forward_spec_parse("0:db:0", true, &spec, &e), -1);
	assert_non_null(strstr(e.text, "destination port"));
	assert_int_equal(forward_spec_parse("x:db:1", true, &spec, &e), -1);
	assert_non_null(strstr(e.text, "from 0 to 65535"));
}

static void
test_lengths(void **state)
{
	char host[300], path[200], in[1200], text[SPEC_TEXT_MAX];
	struct forward_spec spec;
	struct error e;

	(void)state;
	memset(host, 'h', sizeof(host));
	host[255] = '\0';
	snprintf(in, sizeof(in), "%s:65535:%s:65535", host, host);
	assert_int_equal(forward_spec_parse(in, false, &spec, &e), 0);
	assert_string_equal(forward_spec_format(&spec, text), in);

	memset(host, 'z', sizeof(host));
	memcpy(host, "fe80::1%", 8);
	host[255] = '\0';
	snprintf(in, sizeof(in), "[%s]:65535:[%s]:65535", host, host);
	assert_int_equal(forward_spec_parse(in, false, &spec, &e), 0);
	assert_string_equal(forward_spec_format(&spec, text), in);

	memset(host, 'h', sizeof(host));
	host[256] = '\0';
	snprintf(in, sizeof(in), "%s:1:h:1", host);
	assert_int_equal(forward_spec_parse(in, false, &spec, &e), -1);
	snprintf(in, sizeof(in), "1:%s:1", host);
	assert_int_equal(forward_spec_parse(in, false, &spec, &e), -1);

	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[5] = ':';
	path[107] = '\0';
	snprintf(in, sizeof(in), "[%s]:[%s]", path, path);
	assert_int_equal(forward_spec_parse(in, false, &spec, &e), 0);
	assert_string_equal(forward_spec_format(&spec, text), in);
	path[107] = 'p';
	path[108] = '\0';
	snprintf(in, sizeof(in), "[%s]:h:1", path);
	assert_int_equal(forward_spec_parse(in, false, &spec, &e), -1);
	assert_non_null(strstr(e.text, "107"));
}

static void
test_equal(void **state)
{
	struct forward_spec a, b;

	(void)state;
	forward_spec_parse("80:db:81", false, &a, NULL);
	forward_spec_parse("localhost:80:DB:81", false, &b, NULL);
	assert_true(forward_spec_equal(&a, &b));
	forward_spec_parse("80:db:82", false, &b, NULL);
	assert_false(forward_spec_equal(&a, &b));
	forward_spec_parse("*:80:db:81", false, &b, NULL);
	assert_false(forward_spec_equal(&a, &b));
	forward_spec_parse("80:/db", false, &b, NULL);
	assert_false(forward_spec_equal(&a, &b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_home),
		cmocka_unit_test(test_socks),
		cmocka_unit_test(test_port_zero),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
