/* SPDX-License-Identifier: ISC */
/* Addresses, hosts, ports, durations and names. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/address.h"
#include "orthrus/base/well_known.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char *
repeat(char *s, char c, size_t n)
{
	memset(s, c, n);
	s[n] = '\0';
	return s;
}

static void
test_parse_good(void **state)
{
	static const struct {
		const char *in, *out;
		bool zero_ok, local;
	} cases[] = {
		{ "1080", "localhost:1080", false, true },
		{ "1", "localhost:1", false, true },
		{ "65535", "localhost:65535", false, true },
		{ "0", "localhost:0", true, true },
		{ "h:0", "h:0", true, false },
		{ "localhost:80", "localhost:80", false, true },
		{ "LocalHost:80", "LocalHost:80", false, true },
		{ "127.0.0.1:1080", "127.0.0.1:1080", false, true },
		{ "127.255.255.254:1", "127.255.255.254:1", false, true },
		{ "128.0.0.1:1", "128.0.0.1:1", false, false },
		{ "0.0.0.0:1080", "0.0.0.0:1080", false, false },
		{ "127.0.0.1.example.com:1", "127.0.0.1.example.com:1", false,
		    false },
		{ "localhost.example.com:1", "localhost.example.com:1", false,
		    false },
		{ "*:1080", "*:1080", false, false },
		{ "[::1]:1080", "[::1]:1080", false, true },
		{ "[0:0:0:0:0:0:0:1]:22", "[0:0:0:0:0:0:0:1]:22", false, true },
		{ "[::]:1080", "[::]:1080", false, false },
		{ "[::2]:1080", "[::2]:1080", false, false },
		{ "[fe80::1%eth0]:22", "[fe80::1%eth0]:22", false, false },
		{ "a_b-c.example.com.:22", "a_b-c.example.com.:22", false,
		    false },
		{ "b\xc3\xbc" "cher.example:443",
		    "b\xc3\xbc" "cher.example:443", false, false },
		{ "/run/x.sock", "/run/x.sock", false, true },
		{ "unix:/run/x.sock", "/run/x.sock", false, true },
		{ "/with space:and[colon]", "/with space:and[colon]", false,
		    true },
		{ "/a", "/a", false, true },
		{ "http", "localhost:80", false, true },
		{ "db:postgresql", "db:5432", false, false },
		{ "[::1]:ssh", "[::1]:22", false, true },
	};
	char text[ADDRESS_TEXT_MAX];
	struct address a, b;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (address_parse(cases[i].in, cases[i].zero_ok, &a, &e) != 0)
			fail_msg("%s", e.text);
		assert_string_equal(address_format(&a, text), cases[i].out);
		assert_int_equal(address_is_local(&a), cases[i].local);
		assert_int_equal(address_parse(text, cases[i].zero_ok, &b,
		    NULL), 0);
		assert_true(address_equal(&a, &b));
	}
}

static void
test_parse_bad(void **state)
{
	static const struct {
		const char *in, *says;
	} cases[] = {
		{ "", "empty" },
		{ "0", "1 to 65535" },
		{ "65536", "1 to 65535" },
		{ "99999999999999999999", "1 to 65535" },
		{ "-1", "no port" },
		{ "+80", "no port" },
		{ "h", "no port" },
		{ "h:", "not a port" },
		{ "h:0", "not a port" },
		{ "h:65536", "not a port" },
		{ "h:4294967376", "not a port" },
		{ "h: 80", "not a port" },
		{ "h:80 ", "not a port" },
		{ "h:+80", "not a port" },
		{ "h:no-such-service", "or the name of a service" },
		{ "h:ht tp", "not a port" },
		{ "~joe/x.sock", "no port" },
		{ "unix:~joe/x", "absolute" },
		{ ":1080", "*:1080" },
		{ ":", "not a port" },
		{ "::1:1080", "brackets" },
		{ "::", "brackets" },
		{ "a:b:80", "brackets" },
		{ "[::1]", "no port" },
		{ "[::1]1080", "brackets" },
		{ "[::1:1080", "brackets" },
		{ "[]:1080", "brackets" },
		{ "[localhost]:1080", "brackets" },
		{ "[127.0.0.1]:1080", "brackets" },
		{ "[::1%]:1080", "brackets" },
		{ "[::12345]:1080", "brackets" },
		{ "[1:2:3:4:5:6:7:8:9]:1080", "brackets" },
		{ "[80]", "brackets" },
		{ "-oProxyCommand:22", "not a host" },
		{ "a b:80", "not a host" },
		{ "a\tb:80", "not a host" },
		{ "a/b:80", "not a host" },
		{ "a@b:80", "not a host" },
		{ "a,b:80", "not a host" },
		{ "a]:80", "not a host" },
		{ "\xff:80", "not a host" },
		{ "unix:", "absolute" },
		{ "unix:x.sock", "absolute" },
		{ "/", "must not end" },
		{ "/run/", "must not end" },
		{ "/run/a\nb", "control" },
		{ "/run/\xff", "UTF-8" },
	};
	struct address a = { .kind = ADDRESS_UNIX, .path = "/before" };
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (address_parse(cases[i].in, false, &a, &e) != -1)
			fail_msg("\"%s\" was taken", cases[i].in);
		assert_int_equal(e.code, EX_USAGE);
		if (strstr(e.text, cases[i].says) == NULL)
			fail_msg("%s: \"%s\"", cases[i].in, e.text);
		assert_int_equal(address_parse(cases[i].in, false, &a, NULL),
		    -1);
		assert_int_equal(a.kind, ADDRESS_UNIX);
		assert_string_equal(a.path, "/before");
	}
}

static void
test_lengths(void **state)
{
	char s[1024], text[ADDRESS_TEXT_MAX];
	struct address a;
	struct error e;

	(void)state;
	strcpy(repeat(s, 'h', 255) + 255, ":65535");
	assert_int_equal(address_parse(s, false, &a, &e), 0);
	assert_string_equal(address_format(&a, text), s);
	strcpy(repeat(s, 'h', 256) + 256, ":65535");
	assert_int_equal(address_parse(s, false, &a, &e), -1);

	repeat(s, 'p', 107);
	s[0] = '/';
	assert_int_equal(address_parse(s, false, &a, &e), 0);
	assert_string_equal(address_format(&a, text), s);
	repeat(s, 'p', 108);
	s[0] = '/';
	assert_int_equal(address_parse(s, false, &a, &e), -1);
	assert_non_null(strstr(e.text, "107"));

	/* The longest host with brackets: a zone of any length. */
	strcpy(repeat(s, 'z', 263) + 256, "]:65535");
	memcpy(s, "[fe80::1%", 9);
	assert_int_equal(address_parse(s, false, &a, &e), 0);
	assert_int_equal(strlen(a.host), 255);
	assert_string_equal(address_format(&a, text), s);
}

static void
test_equal(void **state)
{
	struct address a, b;

	(void)state;
	assert_int_equal(address_parse("Host:1", false, &a, NULL), 0);
	assert_int_equal(address_parse("host:1", false, &b, NULL), 0);
	assert_true(address_equal(&a, &b));
	b.port = 2;
	assert_false(address_equal(&a, &b));
	assert_int_equal(address_parse("host2:1", false, &b, NULL), 0);
	assert_false(address_equal(&a, &b));
	assert_int_equal(address_parse("/Host", false, &a, NULL), 0);
	assert_false(address_equal(&a, &b));
	assert_int_equal(address_parse("/host", false, &b, NULL), 0);
	assert_false(address_equal(&a, &b));
	a = b = (struct address){ .kind = ADDRESS_NONE };
	assert_true(address_equal(&a, &b));
	assert_false(address_is_local(&a));
}

static void
test_host(void **state)
{
	static const char *const good[] = { "a", "example.com", "10.0.0.1",
	    "::1", "2001:db8::7", "::ffff:10.0.0.1", "fe80::1%eth0", "x_y",
	    "a-", "xn--bcher-kva.example", "1" };
	static const char *const bad[] = { "", "*", "-a", "a b", "a/b", "a@b",
	    "[::1]", "a]", "a,b", "a:b", "::1:", "1::2::3", "a\n", "\x7f",
	    "fe80::1%", "a%b:c", "\xc2\x85", "\xe2\x82" };
	char s[300];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		if (!host_valid(good[i], strlen(good[i])))
			fail_msg("\"%s\" was refused", good[i]);
	}
	for (i = 0; i < COUNT(bad); i++) {
		if (host_valid(bad[i], strlen(bad[i])))
			fail_msg("\"%s\" was taken", bad[i]);
	}
	assert_false(host_valid("a\0b", 3));
	assert_true(host_valid("abc]", 3));	/* only len bytes count */
	assert_true(host_valid(repeat(s, 'a', 255), 255));
	assert_false(host_valid(repeat(s, 'a', 256), 256));
}

static void
test_port(void **state)
{
	uint16_t port = 7;

	(void)state;
	assert_int_equal(port_parse("65535", 5, false, &port), 0);
	assert_int_equal(port, 65535);
	assert_int_equal(port_parse("00022", 5, false, &port), 0);
	assert_int_equal(port, 22);
	assert_int_equal(port_parse("443x", 3, false, &port), 0);
	assert_int_equal(port, 443);
	assert_int_equal(port_parse("0", 1, true, &port), 0);
	assert_int_equal(port, 0);
	port = 7;
	assert_int_equal(port_parse("", 0, true, &port), -1);
	assert_int_equal(port_parse("0", 1, false, &port), -1);
	assert_int_equal(port_parse("000", 3, false, &port), -1);
	assert_int_equal(port_parse("65536", 5, true, &port), -1);
	assert_int_equal(port_parse("4294967297", 10, true, &port), -1);
	assert_int_equal(port_parse("0x16", 4, true, &port), -1);
	assert_int_equal(port_parse(" 1", 2, true, &port), -1);
	assert_int_equal(port_parse("-1", 2, true, &port), -1);
	assert_int_equal(port_parse("1\0", 2, true, &port), -1);
	assert_int_equal(port, 7);
}

/* Names are those of services(5); only a whole word is looked up. */
static void
test_port_word(void **state)
{
	static const struct {
		const char *in;
		uint16_t port;
	} good[] = {
		{ "ssh", 22 }, { "http", 80 }, { "postgresql", 5432 },
		{ "ssh", 22 }, { "443", 443 },
	};
	static const char *const bad[] = { "", "0", "65536", "-", "80-",
	    "no-such-service", "s sh", "ssh\n", "\xc3\xa4",
	    "a-name-that-is-longer-than-any-service-has" };
	uint16_t port;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		assert_int_equal(port_word_parse(good[i].in,
		    strlen(good[i].in), false, &port), 0);
		assert_int_equal(port, good[i].port);
	}
	assert_int_equal(port_word_parse("sshx", 3, false, &port), 0);
	assert_int_equal(port, 22);
	port = 7;
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(port_word_parse(bad[i], strlen(bad[i]), false,
		    &port), -1);
	assert_int_equal(port, 7);
}

static void
test_home(void **state)
{
	char text[ADDRESS_TEXT_MAX], *home;
	struct address a;

	(void)state;
	assert_int_equal(setenv("HOME", "/home/joe", 1), 0);
	assert_int_equal(address_parse("~/x.sock", false, &a, NULL), 0);
	assert_string_equal(address_format(&a, text), "/home/joe/x.sock");
	assert_int_equal(address_parse("unix:~/x.sock", false, &a, NULL), 0);
	assert_string_equal(address_format(&a, text), "/home/joe/x.sock");
	assert_int_equal(setenv("HOME", "/", 1), 0);
	assert_int_equal(address_parse("~/x.sock", false, &a, NULL), 0);
	assert_string_equal(address_format(&a, text), "/x.sock");
	assert_int_equal(setenv("HOME", "not/absolute", 1), 0);
	home = home_directory();
	assert_true(home[0] == '/' || home[0] == '\0');
	free(home);
}

static void
test_duration(void **state)
{
	static const struct {
		const char *in;
		uint64_t ms;
	} good[] = {
		{ "1", 1000 }, { "30", 30000 }, { "250ms", 250 }, { "1ms", 1 },
		{ "30s", 30000 }, { "5m", 300000 }, { "2h", 7200000 },
		{ "1d", 86400000 }, { "365d", UINT64_C(31536000000) },
		{ "31536000", UINT64_C(31536000000) },
		{ "31536000000ms", UINT64_C(31536000000) },
		{ "007s", 7000 },
	};
	static const struct {
		const char *in, *says;
	} bad[] = {
		{ "", "expected" }, { "s", "expected" }, { "ms", "expected" },
		{ "1.5s", "expected" }, { "-1", "expected" },
		{ "+1", "expected" }, { " 1", "expected" },
		{ "1 s", "expected" }, { "1S", "expected" },
		{ "1sec", "expected" }, { "1w", "expected" },
		{ "1m30s", "expected" }, { "0", "more than 0" },
		{ "0ms", "more than 0" }, { "000d", "more than 0" },
		{ "366d", "365d" }, { "31536001", "365d" },
		{ "31536000001ms", "365d" }, { "8761h", "365d" },
		{ "18446744073709551616", "365d" },
		{ "18446744073709551617ms", "365d" },
		{ "99999999999999999999999999999d", "365d" },
	};
	struct error e;
	uint64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		if (duration_parse(good[i].in, &ms, &e) != 0)
			fail_msg("%s", e.text);
		assert_true(ms == good[i].ms);
	}
	for (i = 0; i < COUNT(bad); i++) {
		ms = 42;
		if (duration_parse(bad[i].in, &ms, &e) != -1)
			fail_msg("\"%s\" was taken", bad[i].in);
		assert_int_equal(e.code, EX_USAGE);
		if (strstr(e.text, bad[i].says) == NULL)
			fail_msg("%s: \"%s\"", bad[i].in, e.text);
		assert_true(ms == 42);
	}
}

static void
test_name(void **state)
{
	static const char *const good[] = { "a", "0", "vps-london-01", "a--b" };
	static const char *const bad[] = { "", "-", "-a", "a-", "A", "a.b",
	    "a_b", "a b", "a/b", "\xc3\xa4" };
	char s[80];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++)
		assert_true(name_valid(good[i]));
	for (i = 0; i < COUNT(bad); i++)
		assert_false(name_valid(bad[i]));
	assert_true(name_valid(repeat(s, 'n', 63)));
	assert_false(name_valid(repeat(s, 'n', 64)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_good),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_port_word),
		cmocka_unit_test(test_home),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
