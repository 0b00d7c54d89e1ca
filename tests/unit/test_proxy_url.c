/* SPDX-License-Identifier: ISC */
/* URLs of proxies, and which server has which, as curl(1) would say. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "orthrus/proto/proxy_url.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_good_urls(void **state)
{
	static const struct {
		const char *in, *user, *password, *out;
	} cases[] = {
		{ "http://p", "", "", "http://p:1080" },
		{ "HTTP://p:3128", "", "", "http://p:3128" },
		{ "http://p:3128/", "", "", "http://p:3128" },
		{ "socks5://10.0.0.1:1", "", "", "socks5://10.0.0.1:1" },
		{ "socks5h://[::1]:1081", "", "", "socks5h://[::1]:1081" },
		{ "http://u@p", "u", "", "http://u@p:1080" },
		{ "http://u:p@p", "u", "p", "http://u:***@p:1080" },
		{ "http://u:@p", "u", "", "http://u@p:1080" },
		{ "http://u:a:b@c@p", "u", "a:b@c", "http://u:***@p:1080" },
		{ "http://u:a/b@p", "u", "a/b", "http://u:***@p:1080" },
		{ "socks5://a%40b:%25%3a%20@p", "a@b", "%: ",
		    "socks5://a%40b:***@p:1080" },
		{ "socks5h://%C3%A4:x@p", "\xc3\xa4", "x",
		    "socks5h://%C3%A4:***@p:1080" },
		{ "socks5h://a%3Ab:c@p", "a:b", "c",
		    "socks5h://a%3Ab:***@p:1080" },
	};
	char text[PROXY_TEXT_MAX];
	struct proxy p;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (proxy_parse(cases[i].in, &p, &e) != 0)
			fail_msg("%s: %s", cases[i].in, e.text);
		assert_string_equal(p.user, cases[i].user);
		assert_string_equal(p.password, cases[i].password);
		assert_string_equal(proxy_format(&p, text), cases[i].out);
	}
}

/* Nothing of what was wrong is repeated, for any part may be a password. */
static void
test_bad_urls(void **state)
{
	static const char *const cases[] = { "", "hunter2", "hunter2:3128",
	    "u:hunter2@p", "://hunter2", "ftp://u:hunter2@p",
	    "https://u:hunter2@p", "socks4://hunter2", "socks4a://hunter2",
	    "socks://hunter2", "http:/hunter2", "http://", "http:///",
	    "http://u:hunter2@", "http://u:hunter2@/", "http://u:hunter2@:80",
	    "http://:hunter2@p", "http://@p", "http://u:hunter2%@p",
	    "http://u:hunter2%0@p", "http://u:hunter2%00@p",
	    "http://u:hunter2%0a@p", "http://u:hunter2%ff@p",
	    "http://u%zz:hunter2@p", "http://a%3ab:hunter2@p",
	    "http://p:hunter2", "http://p:0", "http://p:65536", "http://p:",
	    "http://p/hunter2", "http://p//", "http://::1", "http://[::1",
	    "http://[p]",
	    "http://[::1]hunter2", "http://a b", "http://a,b", "http://-p",
	    "http://*" };
	struct proxy p, before;
	struct error e;
	size_t i;

	(void)state;
	memset(&before, 0x5a, sizeof(before));
	for (i = 0; i < COUNT(cases); i++) {
		memcpy(&p, &before, sizeof(p));
		if (proxy_parse(cases[i], &p, &e) != -1)
			fail_msg("\"%s\" was taken", cases[i]);
		assert_int_equal(e.code, EX_USAGE);
		assert_null(strstr(e.text, "hunter2"));
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

static void
test_long_urls(void **state)
{
	char url[700], word[300];
	struct proxy p;

	(void)state;
	memset(word, 'w', sizeof(word));
	word[255] = '\0';
	snprintf(url, sizeof(url), "http://%s:%s@p", word, word);
	assert_int_equal(proxy_parse(url, &p, NULL), 0);
	assert_string_equal(p.password, word);
	word[255] = 'w';
	word[256] = '\0';
	snprintf(url, sizeof(url), "http://u:%s@p", word);
	assert_int_equal(proxy_parse(url, &p, NULL), -1);
	snprintf(url, sizeof(url), "http://%s@p", word);
	assert_int_equal(proxy_parse(url, &p, NULL), -1);
	snprintf(url, sizeof(url), "http://%s", word);
	assert_int_equal(proxy_parse(url, &p, NULL), -1);
}

static void
test_list(void **state)
{
	static const struct {
		const char *list, *host;
		bool has;
	} cases[] = {
		{ "", "h", false }, { ",", "h", false }, { "*", "h", true },
		{ "a, *", "::1", true }, { "*.h", "a.h", false },
		{ "example.com", "example.com", true },
		{ "example.com", "EXAMPLE.com", true },
		{ "example.com", "gw.example.com", true },
		{ ".example.com", "gw.example.com", true },
		{ ".example.com", "example.com", true },
		{ "example.com.", "gw.example.com", true },
		{ "example.com", "gw.example.com.", true },
		{ "example.com", "badexample.com", false },
		{ "example.com", "example.com.evil", false },
		{ "gw.example.com", "example.com", false },
		{ "a b,c\td", "c", true }, { "a b,c\td", "d", true },
		{ "a b,c\td", "b", true }, { "a b,c\td", "e", false },
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.10", false },
		{ "0.0.1", "10.0.0.1", false },
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "192.168.4.0/22", "192.168.7.255", true },
		{ "192.168.4.0/22", "192.168.8.0", false },
		{ "0.0.0.0/0", "1.2.3.4", true },
		{ "0.0.0.0/0", "::1", false },
		{ "0.0.0.0/0", "example.com", false },
		{ "10.0.0.0/33", "10.0.0.0", false },
		{ "10.0.0.0/", "10.0.0.0", false },
		{ "10.0.0.0/x", "10.0.0.0", false },
		{ "::1", "::1", true }, { "[::1]", "::1", true },
		{ "0:0::1", "::1", true }, { "::2", "::1", false },
		{ "2001:db8::/32", "2001:db8:1::5", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "[2001:db8::]/33", "2001:db8:8000::", false },
		{ "fe80::/10", "fe80::1%eth0", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (proxy_list_has(cases[i].list, cases[i].host) !=
		    cases[i].has)
			fail_msg("\"%s\": %s", cases[i].list, cases[i].host);
}

/* --- the environment -------------------------------------------------- */

static const char *const *variables;	/* NAME, value, ..., NULL */

static char *
get(const char *name)
{
	const char *const *v;

	for (v = variables; *v != NULL; v += 2)
		if (strcmp(*v, name) == 0)
			return (char *)(uintptr_t)v[1];
	return NULL;
}

static void
test_environment(void **state)
{
	static const struct {
		const char *const variables[9];
		const char *server, *proxy;	/* NULL: none */
	} cases[] = {
		{ { NULL }, "h", NULL },
		{ { "ALL_PROXY", "http://a", NULL }, "h", "http://a:1080" },
		{ { "all_proxy", "http://a", NULL }, "h", "http://a:1080" },
		{ { "all_proxy", "http://a", "ALL_PROXY", "http://b", NULL },
		    "h", "http://a:1080" },
		{ { "all_proxy", "", "ALL_PROXY", "http://b", NULL }, "h",
		    "http://b:1080" },
		{ { "ALL_PROXY", "a:3128", NULL }, "h", "http://a:3128" },
		{ { "HTTPS_PROXY", "http://s", NULL }, "h", "http://s:1080" },
		{ { "HTTPS_PROXY", "http://s", "ALL_PROXY", "socks5://a",
		    NULL }, "ssh://h", "socks5://a:1080" },
		{ { "HTTPS_PROXY", "http://s", "ALL_PROXY", "socks5://a",
		    NULL }, "tls://h", "http://s:1080" },
		{ { "https_proxy", "http://s", "ALL_PROXY", "socks5://a",
		    NULL }, "wss://h", "http://s:1080" },
		{ { "ALL_PROXY", "socks5://a", NULL }, "wss://h",
		    "socks5://a:1080" },
		{ { "http_proxy", "http://a", "HTTP_PROXY", "http://a",
		    NULL }, "h", NULL },
		{ { "ALL_PROXY", "http://a", "NO_PROXY", "h", NULL }, "h",
		    NULL },
		{ { "ALL_PROXY", "http://a", "NO_PROXY", "h", NULL }, "i",
		    "http://a:1080" },
		{ { "ALL_PROXY", "http://a", "NO_PROXY", "*", "no_proxy", "i",
		    NULL }, "h", "http://a:1080" },
		{ { "ALL_PROXY", "http://a", "NO_PROXY", "", NULL }, "h",
		    "http://a:1080" },
	};
	char text[PROXY_TEXT_MAX];
	const struct proxy *p;
	struct server server;
	struct proxies v;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		variables = cases[i].variables;
		assert_int_equal(proxies_from_environment(&v, get, &e), 0);
		assert_int_equal(server_parse(cases[i].server, &server, &e),
		    0);
		p = proxies_find(&v, &server);
		if ((p == NULL) != (cases[i].proxy == NULL))
			fail_msg("case %zu", i);
		if (p != NULL)
			assert_string_equal(proxy_format(p, text),
			    cases[i].proxy);
		proxies_clear(&v);
	}
}

static void
test_bad_environment(void **state)
{
	static const char *const bad[] = { "HTTPS_PROXY",
	    "https://u:hunter2@p", NULL };
	static const struct proxies empty;
	struct proxies v;
	struct error e;

	(void)state;
	variables = bad;
	assert_int_equal(proxies_from_environment(&v, get, &e), -1);
	assert_int_equal(e.code, EX_CONFIG);
	assert_non_null(strstr(e.text, "environment HTTPS_PROXY: "));
	assert_null(strstr(e.text, "hunter2"));
	assert_memory_equal(&v, &empty, sizeof(v));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_urls),
		cmocka_unit_test(test_bad_urls),
		cmocka_unit_test(test_long_urls),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_bad_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
