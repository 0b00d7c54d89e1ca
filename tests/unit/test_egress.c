/* SPDX-License-Identifier: ISC */
/* Rules of egress: their grammar, what they allow, and what is inside. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <netinet/in.h>

#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

#include "orthrus/proto/egress.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define RULES_MAX 8

static void
test_good(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "*:*", "*:*" },
		{ "*:443", "*:443" },
		{ "example.com:443", "example.com:443" },
		{ "Example.COM.:443", "example.com:443" },
		{ "localhost:1-65535", "localhost:*" },
		{ "a_b.x-1:80-90", "a_b.x-1:80-90" },
		{ "1password.com:80-80", "1password.com:80" },
		{ "*.Example.com:00443", "*.example.com:443" },
		{ "*.com.:*", "*.com:*" },
		{ "10.0.0.0/8:*", "10.0.0.0/8:*" },
		{ "10.1.2.3:22", "10.1.2.3:22" },
		{ "10.1.2.3/32:22", "10.1.2.3:22" },
		{ "0.0.0.0/0:80", "0.0.0.0/0:80" },
		{ "[::1]:80", "[::1]:80" },
		{ "[2001:DB8::/32]:443", "[2001:db8::/32]:443" },
		{ "[::/0]:443", "[::/0]:443" },
		{ "[2001:db8:0:0::1/128]:443", "[2001:db8::1]:443" },
	};
	char text[EGRESS_TEXT_MAX], twice[EGRESS_TEXT_MAX];
	struct egress_rule rule, again;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (egress_rule_parse(cases[i].in, &rule, &e) == -1)
			fail_msg("%s", e.text);
		assert_string_equal(egress_rule_format(&rule, text),
		    cases[i].out);
		assert_int_equal(egress_rule_parse(text, &again, &e), 0);
		assert_string_equal(egress_rule_format(&again, twice), text);
	}
}

static void
test_bad(void **state)
{
	static const struct {
		const char *in, *says;
	} cases[] = {
		{ "", "expected HOST:PORT" },
		{ "example.com", "expected HOST:PORT" },
		{ ":80", "a host has 1 to 255" },
		{ "example.com:", "is not a port" },
		{ "example.com:0", "is not a port" },
		{ "example.com:65536", "is not a port" },
		{ "example.com:90-80", "is not a port" },
		{ "example.com:80-", "is not a port" },
		{ "example.com:-80", "is not a port" },
		{ "example.com:0-80", "is not a port" },
		{ "example.com:80-90-95", "is not a port" },
		{ "example.com:http", "is not a port" },
		{ "example.com:**", "is not a port" },
		{ "http://example.com:80", "goes in brackets" },
		{ "example..com:80", "is not a name" },
		{ ".example.com:80", "is not a name" },
		{ "-a.com:80", "is not a name" },
		{ "a-.com:80", "is not a name" },
		{ "a b:80", "is not a name" },
		{ "*example.com:80", "is not a name" },
		{ "**:80", "is not a name" },
		{ "*.:80", "is not a name" },
		{ "*.*.com:80", "is not a name" },
		{ "a.*.com:80", "is not a name" },
		{ "b\xc3\xbc""cher.de:80", "is not a name" },
		{ "10.1:80", "is not a name" },
		{ "10.0.0.256:80", "is not a name" },
		{ "0x7f000001:80", "is not a name" },
		{ "2130706433:80", "is not a name" },
		{ "*.1:80", "is not a name" },
		{ "10.0.0.0/33:80", "from 0 to 32" },
		{ "10.0.0.0/:80", "from 0 to 32" },
		{ "10.0.0.0/08:80", "from 0 to 32" },
		{ "10.0.0.0/+8:80", "from 0 to 32" },
		{ "10.0.0.0/8/8:80", "from 0 to 32" },
		{ "10.0.0.1/8:80", "write the network's own" },
		{ "example.com/8:80", "is not a name" },
		{ "2001:db8::1:80", "goes in brackets" },
		{ "[2001:db8::1:80", "expected HOST:PORT" },
		{ "[2001:db8::1]80", "expected HOST:PORT" },
		{ "[2001:db8::]/32:80", "expected HOST:PORT" },
		{ "[2001:db8::/129]:80", "from 0 to 128" },
		{ "[2001:db8::1/32]:80", "write the network's own" },
		{ "[fe80::1%eth0]:80", "brackets are for" },
		{ "[10.0.0.1]:80", "brackets are for" },
		{ "[example.com]:80", "brackets are for" },
		{ "[*]:80", "brackets are for" },
		{ "[]:80", "a host has 1 to 255" },
		{ "[:80", "expected HOST:PORT" },
		{ "[::ffff:10.0.0.1]:80", "as an IPv4 address" },
		{ "[::ffff:0:0/96]:80", "as an IPv4 address" },
	};
	struct egress_rule rule, untouched;
	struct error e;
	size_t i;

	(void)state;
	memset(&untouched, 0x5a, sizeof(untouched));
	for (i = 0; i < COUNT(cases); i++) {
		memcpy(&rule, &untouched, sizeof(rule));
		if (egress_rule_parse(cases[i].in, &rule, &e) == 0)
			fail_msg("\"%s\" was taken", cases[i].in);
		assert_int_equal(e.code, EX_USAGE);
		if (strstr(e.text, cases[i].says) == NULL)
			fail_msg("\"%s\" gave \"%s\"", cases[i].in, e.text);
		assert_memory_equal(&rule, &untouched, sizeof(rule));
	}
}

/* Reads rules with spaces between. */
static size_t
read_rules(const char *text, struct egress_rule rules[RULES_MAX])
{
	char one[EGRESS_TEXT_MAX];
	struct error e;
	size_t n = 0;
	int len;

	while (sscanf(text, "%279s%n", one, &len) == 1) {
		assert_true(n < RULES_MAX);
		if (egress_rule_parse(one, &rules[n++], &e) == -1)
			fail_msg("%s", e.text);
		text += len;
	}
	return n;
}

static bool
allows(const char *text, const char *host, uint16_t port)
{
	struct egress_rule rules[RULES_MAX];
	size_t n = read_rules(text, rules);

	return egress_allows(rules, n, host, port);
}

static bool
resolved(const char *text, const char *host, uint16_t port,
    const char *address)
{
	struct egress_rule rules[RULES_MAX];
	size_t n = read_rules(text, rules);
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
		return egress_address_allowed(rules, n, host, port,
		    (struct sockaddr *)&in);
	assert_int_equal(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
	return egress_address_allowed(rules, n, host, port,
	    (struct sockaddr *)&in6);
}

static void
test_names(void **state)
{
	(void)state;
	assert_false(allows("", "example.com", 443));
	assert_true(allows("example.com:443", "example.com", 443));
	assert_true(allows("example.com:443", "EXAMPLE.com.", 443));
	assert_false(allows("example.com:443", "example.com", 444));
	assert_false(allows("example.com:443", "www.example.com", 443));
	assert_false(allows("example.com:443", "example.comx", 443));
	assert_false(allows("example.com:443", "", 443));
	assert_false(allows("*:*", "example.com", 0));
	assert_true(allows("x:80-90", "x", 80));
	assert_true(allows("x:80-90", "x", 90));
	assert_false(allows("x:80-90", "x", 91));
	assert_false(allows("x:80-90", "x", 79));
	assert_true(allows("a:1 b:2", "b", 2));
	assert_false(allows("a:1 b:2", "b", 1));

	assert_true(allows("*.example.com:*", "a.example.com", 1));
	assert_true(allows("*.example.com:*", "a.b.Example.com", 1));
	assert_false(allows("*.example.com:*", "example.com", 1));
	assert_false(allows("*.example.com:*", "aexample.com", 1));
	assert_false(allows("*.example.com:*", ".example.com", 1));
	assert_false(allows("*.example.com:*", "a.example.com.evil", 1));

	assert_true(allows("*:*", "anything", 1));
	assert_false(allows("*:*", "a b", 1));
	assert_false(allows("*:*", "a@b", 1));
	assert_false(allows("*:*", "web.orthrus", 80));
	assert_false(allows("*:*", "web.ORTHRUS.", 80));
	assert_false(allows("*.orthrus:*", "web.orthrus", 80));
	assert_true(allows("*:*", "weborthrus", 80));
}

static void
test_literals(void **state)
{
	(void)state;
	assert_true(allows("*:*", "8.8.8.8", 53));
	assert_true(allows("*:*", "2001:4860:4860::8888", 53));
	assert_false(allows("*:*", "127.0.0.1", 53));
	assert_false(allows("*:*", "::ffff:127.0.0.1", 53));
	assert_false(allows("*:*", "fe80::1%eth0", 53));
	assert_true(allows("127.0.0.1:53", "127.0.0.1", 53));
	assert_true(allows("127.0.0.1:53", "::ffff:127.0.0.1", 53));
	assert_false(allows("127.0.0.1:53", "127.0.0.2", 53));
	assert_false(allows("127.0.0.1:53", "127.0.0.1", 54));
	assert_true(allows("10.0.0.0/9:*", "10.127.255.255", 1));
	assert_false(allows("10.0.0.0/9:*", "10.128.0.0", 1));
	assert_true(allows("0.0.0.0/0:*", "1.2.3.4", 1));
	assert_false(allows("0.0.0.0/0:*", "2001:db8::1", 1));
	assert_false(allows("[::/0]:*", "1.2.3.4", 1));
	assert_true(allows("[::/0]:*", "::1", 1));
	assert_true(allows("[2001:db8::/33]:*", "2001:db8:7fff::", 1));
	assert_false(allows("[2001:db8::/33]:*", "2001:db8:8000::", 1));
	/* A name's rule says nothing of addresses, nor the other way. */
	assert_false(allows("*.2.3.4.x:*", "1.2.3.4", 1));
	assert_false(allows("0.0.0.0/0:*", "example.com", 1));
}

/* None of these is reached by a name, nor by "*", unless it is named. */
static void
test_inside(void **state)
{
	static const char *const inside[] = {
		"0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255",
		"100.64.0.0", "100.127.255.255", "127.0.0.1",
		"127.255.255.255", "169.254.169.254", "172.16.0.0",
		"172.31.255.255", "192.0.0.8", "192.168.0.1",
		"192.168.255.255", "198.18.0.1", "198.19.255.255",
		"224.0.0.1", "239.255.255.255", "240.0.0.1",
		"255.255.255.255", "::", "::1", "::127.0.0.1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b:1::8.8.8.8", "2002:a00:1::1",
		"2002:7f00:1::", "fc00::1", "fd12:3456::1", "fe80::1",
		"febf::1", "fec0::1", "ff02::1", "ff0e::1",
	};
	static const char *const outside[] = {
		"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255",
		"100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255",
		"172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255",
		"::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1",
		"2001:4860:4860::8888", "fbff::1", "2a00::1",
	};
	char rule[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(inside); i++) {
		if (resolved("*:* evil.example:*", "evil.example", 80,
		    inside[i]) || allows("*:*", inside[i], 80))
			fail_msg("%s is reached", inside[i]);
		if (strncmp(inside[i], "::ffff:", 7) == 0)
			continue;	/* the same as IPv4 */
		snprintf(rule, sizeof(rule), "*:* %s%s%s:80",
		    strchr(inside[i], ':') != NULL ? "[" : "", inside[i],
		    strchr(inside[i], ':') != NULL ? "]" : "");
		if (!resolved(rule, "evil.example", 80, inside[i]))
			fail_msg("%s is not reached", inside[i]);
		assert_false(resolved(rule, "evil.example", 81, inside[i]));
	}
	for (i = 0; i < COUNT(outside); i++)
		if (!resolved("*:*", "good.example", 80, outside[i]) ||
		    !allows("*:*", outside[i], 80))
			fail_msg("%s is not reached", outside[i]);
}

static void
test_resolved(void **state)
{
	struct sockaddr other = { .sa_family = AF_UNIX };
	struct egress_rule rule;

	(void)state;
	/* The host itself must be allowed, whatever it resolves to. */
	assert_false(resolved("a:80", "b", 80, "1.1.1.1"));
	assert_false(resolved("1.1.1.1:80", "b", 80, "1.1.1.1"));
	assert_true(resolved("a:80", "a", 80, "1.1.1.1"));
	assert_false(resolved("a:80", "a", 80, "10.0.0.1"));
	assert_true(resolved("a:80 10.0.0.0/8:80", "a", 80, "10.0.0.1"));
	assert_false(resolved("a:80 10.0.0.0/8:81", "a", 80, "10.0.0.1"));
	assert_false(resolved("a:80 [::/0]:*", "a", 80, "10.0.0.1"));
	assert_true(resolved("a:80 [::/0]:*", "a", 80, "::1"));
	assert_true(resolved("a:80 0.0.0.0/0:*", "a", 80, "::ffff:10.0.0.1"));

	assert_int_equal(egress_rule_parse("*:*", &rule, NULL), 0);
	assert_false(egress_address_allowed(&rule, 1, "a", 80, &other));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_inside),
		cmocka_unit_test(test_resolved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
