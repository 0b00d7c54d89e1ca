/* SPDX-License-Identifier: ISC */
/*
 * What is said to proxies, and what each of their answers comes to, with the
 * number of bytes that are taken: what follows is the server's.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "orthrus/proto/proxy_talk.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) s, sizeof(s) - 1

static struct proxy proxy;
static struct proxy_talk talk;
static struct error error;
static char said[4 * PROXY_OUT_MAX];	/* to the proxy, in all */
static size_t said_len;

static void
say(void)
{
	memcpy(said + said_len, talk.out, talk.out_len);
	said_len += talk.out_len;
	said[said_len] = '\0';
	talk.out_len = 0;
}

/* Speaks with the proxy of that URL, which answers; *taken are the bytes. */
static enum proxy_progress
speak(const char *url, const char *host, uint16_t port, const char *answer,
    size_t len, size_t *taken)
{
	enum proxy_progress r = PROXY_SAYS_MORE;

	assert_int_equal(proxy_parse(url, &proxy, NULL), 0);
	said_len = 0;
	error.text[0] = '\0';
	proxy_talk_begin(&talk, &proxy, host, port);
	say();
	for (*taken = 0; *taken < len && r == PROXY_SAYS_MORE; say())
		r = proxy_talk_take(&talk, (uint8_t)answer[(*taken)++],
		    &error);
	return r;
}

static void
assert_through(const char *url, const char *answer, size_t len)
{
	char all[1024];
	size_t taken;

	memcpy(all, answer, len);
	memcpy(all + len, "SSH-2.0-x\r\n", 11);
	if (speak(url, "gw", 22, all, len + 11, &taken) !=
	    PROXY_LEADS_THROUGH)
		fail_msg("%s: %s", answer, error.text);
	assert_int_equal(taken, len);
}

static void
assert_fails(const char *url, const char *answer, size_t len,
    const char *says)
{
	size_t taken;

	if (speak(url, "gw", 22, answer, len, &taken) != PROXY_FAILS)
		fail_msg("\"%s\" was taken", answer);
	assert_int_equal(error.code, EX_UNAVAILABLE);
	if (strstr(error.text, says) == NULL)
		fail_msg("\"%s\": %s", says, error.text);
	assert_null(strstr(error.text, "hunter2"));
}

/* --- HTTP ------------------------------------------------------------- */

static void
test_http_request(void **state)
{
	size_t n;

	(void)state;
	speak("http://p", "gw.example.com", 2222, "", 0, &n);
	assert_string_equal(said, "CONNECT gw.example.com:2222 HTTP/1.1\r\n"
	    "Host: gw.example.com:2222\r\n\r\n");
	speak("http://Aladdin:open%20sesame@p", "2001:db8::1", 443, "", 0, &n);
	assert_string_equal(said, "CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"
	    "Host: [2001:db8::1]:443\r\nProxy-Authorization: Basic "
	    "QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
	speak("http://u@p", "h", 1, "", 0, &n);
	assert_non_null(strstr(said, "Authorization: Basic dTo=\r\n"));
}

static void
test_http_longest(void **state)
{
	char url[800], word[256], host[256];
	size_t n;

	(void)state;
	memset(word, 'w', 255);
	word[255] = '\0';
	memset(host, 'h', 255);
	host[255] = '\0';
	snprintf(url, sizeof(url), "http://%s:%s@p", word, word);
	speak(url, host, 65535, "", 0, &n);
	assert_true(said_len < PROXY_OUT_MAX - 1);
	assert_string_equal(said + said_len - 4, "\r\n\r\n");
	snprintf(url, sizeof(url), "socks5://%s:%s@p", word, word);
	speak(url, host, 65535, "\5\2\1\0", 4, &n);
	assert_int_equal(said_len, 4 + 513 + 4 + 1 + 255 + 2);
}

static void
test_http_through(void **state)
{
	static const char *const good[] = {
		"HTTP/1.1 200 Connection established\r\n\r\n",
		"HTTP/1.0 200\r\n\r\n",
		"HTTP/1.1 200 \r\nVia: x\r\n\r\n",
		"HTTP/1.1 200 OK\n\n",
		"HTTP/1.1 299 Fine\r\nContent-Length: 11\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nA: b\r\n"
		    "\r\nHTTP/1.1 200 OK\r\n\r\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++)
		assert_through("http://p", good[i], strlen(good[i]));
}

static void
test_http_refusals(void **state)
{
#define NTLM "HTTP/1.1 407 Wanted\r\nProxy-Authenticate: NTLM\r\n\r\n"
#define BASIC "HTTP/1.1 407 Wanted\r\nProxy-Authenticate: Negotiate\r\n" \
	"proxy-authenticate:basic realm=\"x\"\r\n\r\n<html>hunter2"
#define ONE_LINE "HTTP/1.1 407 Wanted\r\n" \
	"Proxy-Authenticate: Digest realm=\"a\", Basic realm=\"b\"\r\n\r\n"
	static const struct {
		const char *url, *answer, *says;
	} cases[] = {
		{ "http://p", BASIC, "it wants a user and a password (407 " },
		{ "http://p", ONE_LINE, "it wants a user and a password" },
		{ "http://u:hunter2@p", BASIC, "it refuses the user \"u\"" },
		{ "http://u:hunter2@p", NTLM, "a login by NTLM" },
		{ "http://p", "HTTP/1.1 407 No\r\n\r\n", "does not name" },
		{ "http://p", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n"
		    "\r\nno", "its rules do not let us connect to that host "
		    "and port (403 Forbidden); many" },
		{ "http://p", "HTTP/1.1 400 Bad Request\r\n\r\n",
		    "it is no proxy, or does not serve CONNECT (400" },
		{ "http://p", "HTTP/1.1 405 No\r\n\r\n", "it is no proxy" },
		{ "http://p", "HTTP/1.1 501 No\r\n\r\n", "it is no proxy" },
		{ "http://p", "HTTP/1.1 502 Bad Gateway\r\n\r\n",
		    "it cannot connect to the server (502 Bad Gateway)" },
		{ "http://p", "HTTP/1.0 503 No\r\n\r\n", "cannot connect" },
		{ "http://p", "HTTP/1.1 504 T\x1b[31m\r\n\r\n",
		    "cannot connect to the server (504 T\\x1b" },
		{ "http://p", "HTTP/1.1 302 Found\r\n\r\n",
		    "it answers 302 Found instead" },
		{ "http://p", "HTTP/1.1 999\r\n\r\n", "it answers 999" },
		{ "http://p", "SSH-2.0-OpenSSH", "something like SSH" },
		{ "http://p", "\5", "SOCKS answers" },
		{ "http://p", "\x15\x03\x01", "TLS answers" },
		{ "http://p", "220 mail", "something else than HTTP" },
		{ "http://p", "\r\n", "something else than HTTP" },
		{ "http://p", "HTTP/2 200\r\n", "something else than HTTP" },
		{ "http://p", "HTTP/1.1 2000 x\r\n", "something else" },
		{ "http://p", "HTTP/1.1 20\r\n", "something else" },
		{ "http://p", "HTTP/1.1\t200 x\r\n", "something else" },
		{ "http://p", "HTTQ", "something else" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_fails(cases[i].url, cases[i].answer,
		    strlen(cases[i].answer), cases[i].says);
	assert_fails("http://p", BYTES("\0\x5a\0\0"), "SOCKS answers");
}

/* However its header is long: in one line, in many, in answers before it. */
static void
test_http_long_head(void **state)
{
	static char answer[100 * 1024];
	static const char interim[] = "HTTP/1.1 100 x\r\n\r\n";
	size_t taken, i;

	(void)state;
	memset(answer, 'x', sizeof(answer));
	memcpy(answer, "HTTP/1.1 200 ", 13);
	assert_fails("http://p", answer, sizeof(answer), "more than 16 KiB");
	for (i = 15; i + 2 < sizeof(answer); i += 40)
		memcpy(answer + i, "\r\n", 2);
	assert_fails("http://p", answer, sizeof(answer), "more than 16 KiB");
	for (i = 0; i + strlen(interim) < sizeof(answer);
	    i += strlen(interim))
		memcpy(answer + i, interim, strlen(interim));
	assert_fails("http://p", answer, sizeof(answer), "more than 16 KiB");

	memset(answer, 'x', sizeof(answer));
	memcpy(answer, "HTTP/1.1 200 OK\r\n", 17);
	memcpy(answer + PROXY_HEAD_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(speak("http://p", "h", 1, answer, sizeof(answer),
	    &taken), PROXY_LEADS_THROUGH);
	assert_int_equal(taken, PROXY_HEAD_MAX);
}

/* --- SOCKS5 ----------------------------------------------------------- */

static void
assert_said(const char *url, const char *host, const char *answer, size_t len,
    const char *all, size_t all_len)
{
	size_t taken;

	speak(url, host, 258, answer, len, &taken);
	assert_int_equal(said_len, all_len);
	assert_memory_equal(said, all, all_len);
}

static void
test_socks_request(void **state)
{
	(void)state;
	assert_said("socks5h://p", "gw", BYTES("\5\0"),
	    BYTES("\5\1\0" "\5\1\0\3\2gw\1\2"));
	assert_said("socks5h://p", "1.2.3.4", BYTES("\5\0"),
	    BYTES("\5\1\0" "\5\1\0\1\1\2\3\4\1\2"));
	assert_said("socks5://p", "102:304::f", BYTES("\5\0"),
	    BYTES("\5\1\0" "\5\1\0\4\1\2\3\4\0\0\0\0\0\0\0\0\0\0\0\xf\1\2"));
	assert_said("socks5://u:pw@p", "gw", BYTES("\5\2\1\0"),
	    BYTES("\5\2\0\2" "\1\1u\2pw" "\5\1\0\3\2gw\1\2"));
	assert_said("socks5://u:pw@p", "gw", BYTES("\5\0"),
	    BYTES("\5\2\0\2" "\5\1\0\3\2gw\1\2"));
	assert_said("socks5://u@p", "gw", BYTES("\5\2"),
	    BYTES("\5\2\0\2" "\1\1u\0"));
}

static void
test_socks_through(void **state)
{
	(void)state;
	assert_through("socks5h://p", BYTES("\5\0" "\5\0\0\1\0\0\0\0\0\0"));
	assert_through("socks5h://p", BYTES("\5\0" "\5\0\0\3\0\0\0"));
	assert_through("socks5h://p", BYTES("\5\0" "\5\0\0\3\3abc\0\0"));
	assert_through("socks5h://p",
	    BYTES("\5\0" "\5\0\0\4abcdefghijklmnop\0\0"));
	assert_through("socks5h://u:p@p",
	    BYTES("\5\2" "\1\0" "\5\0\0\1\0\0\0\0\0\0"));
	assert_through("socks5h://u:p@p",	/* some repeat SOCKS' version */
	    BYTES("\5\2" "\5\0" "\5\0\0\1\0\0\0\0\0\0"));
}

static void
test_socks_long_name(void **state)
{
	char answer[2 + 5 + 255 + 2] = "\5\0" "\5\0\0\3\xff";

	(void)state;
	assert_through("socks5h://p", answer, sizeof(answer));
}

static void
test_socks_refusals(void **state)
{
	static const char *const replies[] = { "general SOCKS",
	    "its rules do not let us", "no way to the server's network",
	    "cannot reach the server's host", "the server refuses",
	    "too many hops", "does not serve CONNECT",
	    "no such kind of address", "does not know (9)" };
	char answer[] = "\5\0" "\5?";
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(replies); i++) {
		answer[3] = (char)(i + 1);
		assert_fails("socks5h://p", answer, 4, replies[i]);
	}
	assert_fails("socks5h://p", BYTES("\5\xff"), "wants a user");
	assert_fails("socks5h://u:hunter2@p", BYTES("\5\xff"), "no login");
	assert_fails("socks5h://u:hunter2@p", BYTES("\5\2\1\1"),
	    "it refuses the user \"u\" or the password");
	assert_fails("socks5h://p", BYTES("\5\2"), "not offered");
	assert_fails("socks5h://u:hunter2@p", BYTES("\5\1"), "not offered");
	assert_fails("socks5h://p", BYTES("HTTP/1.1"), "HTTP answers");
	assert_fails("socks5h://p", BYTES("SSH-2.0"), "something like SSH");
	assert_fails("socks5h://p", BYTES("\0\x5b"), "it speaks SOCKS4");
	assert_fails("socks5h://p", BYTES("\x7f"), "something else");
	assert_fails("socks5h://p", BYTES("\5\0" "\4"), "something else");
	assert_fails("socks5h://p", BYTES("\5\0" "\5\0\0\2\0"), "unknown kind");
}

static void
test_closed(void **state)
{
	size_t taken;

	(void)state;
	speak("http://p", "h", 1, "", 0, &taken);
	proxy_talk_closed(&talk, &error);
	assert_int_equal(error.code, EX_UNAVAILABLE);
	assert_non_null(strstr(error.text, "without an answer; is it a SOCKS"));
	speak("socks5h://p", "h", 1, "", 0, &taken);
	proxy_talk_closed(&talk, &error);
	assert_non_null(strstr(error.text, "is it an HTTP proxy"));
	speak("socks5h://p", "h", 1, "\5", 1, &taken);
	proxy_talk_closed(&talk, &error);
	assert_non_null(strstr(error.text, "in the middle"));
}

static void
test_wipe(void **state)
{
	static const struct proxy_talk nothing;
	size_t taken;

	(void)state;
	speak("http://u:hunter2@p", "h", 1, "", 0, &taken);
	proxy_talk_wipe(&talk);
	assert_memory_equal(&talk, &nothing, sizeof(talk));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_request),
		cmocka_unit_test(test_http_longest),
		cmocka_unit_test(test_http_through),
		cmocka_unit_test(test_http_refusals),
		cmocka_unit_test(test_http_long_head),
		cmocka_unit_test(test_socks_request),
		cmocka_unit_test(test_socks_through),
		cmocka_unit_test(test_socks_long_name),
		cmocka_unit_test(test_socks_refusals),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
