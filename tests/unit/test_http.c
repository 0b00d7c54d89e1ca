/* SPDX-License-Identifier: ISC */
/* The strict HTTP readers: heads, requests, answers and chunks. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/http/message.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BODY -1			/* taken, and a body is announced */
#define GET "GET /info HTTP/1.1\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

static struct http_request r;
static struct http_answer a;

/* --- heads ------------------------------------------------------------ */

static long
end_of(const char *text, size_t n, size_t max, int *status)
{
	size_t seen = 0;

	*status = 0;
	return http_head_end((const uint8_t *)text, n, max, &seen, status);
}

static void
test_head_end(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		long end;
	} cases[] = {
		{ "", 0, 0 }, { "GET", 3, 0 }, { "\r\n\r\n", 4, 4 },
		{ "a\r\n\r\n", 5, 5 }, { "a\r\n\r\nb\n", 7, 5 },
		{ "a\r\nb\r\n\r\n", 8, 8 }, { "a\r\n\r", 4, 0 },
		{ "a\n", 2, -1 }, { "\n", 1, -1 }, { "a\rb", 3, -1 },
		{ "a\r\r\n", 4, -1 }, { "a\0", 2, -1 }, { "a\r\n\n", 4, -1 },
		{ "a\r", 2, 0 },
	};
	size_t i, k, seen;
	int status;
	long end;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		end = end_of(cases[i].text, cases[i].n, 100, &status);
		assert_int_equal(end, cases[i].end);
		assert_int_equal(status, end == -1 ? 400 : 0);
		/* The same, a byte at a time. */
		seen = 0;
		for (k = 0, end = 0; k <= cases[i].n && end == 0; k++)
			end = http_head_end((const uint8_t *)cases[i].text, k,
			    100, &seen, &status);
		assert_int_equal(end, cases[i].end);
	}
	assert_int_equal(end_of("abcd\r\n\r\n", 8, 8, &status), 8);
	assert_int_equal(end_of("abcd\r\n\r\n", 8, 7, &status), -1);
	assert_int_equal(status, 431);
	assert_int_equal(end_of("abcd", 4, 4, &status), -1);
	assert_int_equal(status, 431);
}

/* --- requests --------------------------------------------------------- */

static int
request(const char *text)
{
	const char *reason = NULL;
	size_t n = strlen(text);
	char *copy = malloc(n);
	int status, rc;

	assert_non_null(copy);
	memcpy(copy, text, n);
	assert_int_equal(end_of(copy, n, n, &status), n);
	rc = http_request_read((const uint8_t *)copy, n, &r, &reason);
	assert_true((rc == 0) == (reason == NULL));
	if (rc == 0) {
		/* Where it stands in what was given. */
		assert_true(r.target > copy &&
		    r.target + r.target_len < copy + n);
		r.target = text + (r.target - copy);
		if (r.caller.hosts > 0)
			r.caller.host = text + (r.caller.host - copy);
		if (r.caller.origins > 0)
			r.caller.origin = text + (r.caller.origin - copy);
	}
	free(copy);
	return rc == 0 && r.body ? BODY : rc;
}

static void
test_request(void **state)
{
	(void)state;
	assert_int_equal(request("GET /a?b HTTP/1.1\r\nHost: docker\r\n\r\n"),
	    0);
	assert_string_equal(r.method, "GET");
	assert_int_equal(r.target_len, 4);
	assert_memory_equal(r.target, "/a?b", 4);
	assert_true(r.keep_alive && !r.http10);
	assert_int_equal(r.caller.host_len, 6);
	assert_int_equal(request("POST / HTTP/1.0\r\n\r\n"), 0);
	assert_string_equal(r.method, "POST");
	assert_true(r.http10 && !r.keep_alive);
	assert_int_equal(request("HEAD / HTTP/1.0\r\nConnection: a, "
	    "Keep-Alive\r\n\r\n"), 0);
	assert_true(r.http10 && r.keep_alive);
	/* A strange method and target are for the policy to refuse. */
	assert_int_equal(request("M-SEARCH * HTTP/1.1\r\nHost:\r\n\r\n"), 0);
	assert_string_equal(r.method, "M-SEARCH");
	assert_int_equal(request("get \t\xff HTTP/1.1\r\nHost:\r\n\r\n"), 0);
	assert_int_equal(r.target_len, 2);
}

static void
test_request_line(void **state)
{
	static const struct {
		const char *line;
		int status;
	} cases[] = {
		{ "", 400 }, { "GET", 400 }, { "GET ", 400 },
		{ "GET /", 400 }, { "GET / ", 400 }, { " / HTTP/1.1", 400 },
		{ "GET  HTTP/1.1", 400 }, { "GET  / HTTP/1.1", 400 },
		{ "GET /  HTTP/1.1", 400 }, { "GET / HTTP/1.1 ", 400 },
		{ " GET / HTTP/1.1", 400 }, { "GET\t/\tHTTP/1.1", 400 },
		{ "GET / http/1.1", 400 }, { "GET / HTTP/1.2", 400 },
		{ "GET / HTTP/1.11", 400 }, { "GET / HTTP/1", 400 },
		{ "GET / HTTP/0.9", 400 }, { "GET / HTTP/01.1", 400 },
		{ "GET / HTTP/2.0", 505 }, { "GET / HTTP/3.0", 505 },
		{ "PRI * HTTP/2.0", 400 }, { "GE(T / HTTP/1.1", 400 },
		{ "G\xc3\x89T / HTTP/1.1", 400 }, { "GET: / HTTP/1.1", 400 },
		{ "GET / a HTTP/1.1", 400 }, { "GET / HTTP/1.1x", 400 },
		{ "ABCDEFGHIJKLMNOPQRSTUVWX / HTTP/1.1", 400 },
		{ "ABCDEFGHIJKLMNOPQRSTUVW / HTTP/1.1", 0 },
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), "%s\r\nHost: docker\r\n\r\n",
		    cases[i].line);
		if (request(text) != cases[i].status)
			fail_msg("%s", cases[i].line);
	}
}

static void
test_request_headers(void **state)
{
	static const struct {
		const char *headers;
		int status;
	} cases[] = {
		{ "Host: docker\r\n", 0 }, { "hOST:docker\r\n", 0 },
		{ "Host:\t docker \t\r\n", 0 }, { "", 400 },
		{ "Host: docker\r\nHost: docker\r\n", 400 },
		{ "Host: docker\r\nhost:\r\n", 400 },
		{ "Host : docker\r\n", 400 }, { "Host\t: docker\r\n", 400 },
		{ " Host: docker\r\n", 400 }, { "Host docker\r\n", 400 },
		{ ": docker\r\n", 400 }, { "Host: docker\r\nX\r\n", 400 },
		{ "Host: docker\r\nX: a\r\n b\r\n", 400 },
		{ "Host: docker\r\nX: a\r\n\tb: c\r\n", 400 },
		{ "Host: docker\r\nX: a\x01\r\n", 400 },
		{ "Host: docker\r\nX: a\x7f\r\n", 400 },
		{ "Host: docker\r\nX(: a\r\n", 400 },
		{ "Host: docker\r\n\xc3\x89: a\r\n", 400 },
		{ "Host: docker\r\nX: \xc3\x89\ta\r\n", 0 },
		{ "Host: docker\r\nX:\r\n", 0 },
		/* No body, however it is said. */
		{ "Host: docker\r\nContent-Length: 0\r\n", 0 },
		{ "Host: docker\r\nContent-Length: 1\r\n", BODY },
		{ "Host: docker\r\nContent-Length:\r\n", 400 },
		{ "Host: docker\r\nContent-Length: +0\r\n", 400 },
		{ "Host: docker\r\nContent-Length: -0\r\n", 400 },
		{ "Host: docker\r\nContent-Length: 0x0\r\n", 400 },
		{ "Host: docker\r\nContent-Length: 0, 0\r\n", 400 },
		{ "Host: docker\r\nContent-Length: 0 0\r\n", 400 },
		{ "Host: docker\r\nContent-Length: 18446744073709551616\r\n",
		    400 },
		{ "Host: docker\r\nContent-Length: 0\r\n"
		    "Content-Length: 0\r\n", 400 },
		{ "Host: docker\r\nTransfer-Encoding: chunked\r\n", BODY },
		{ "Host: docker\r\ntransfer-encoding: identity\r\n", BODY },
		{ "Host: docker\r\nTransfer-Encoding:\r\n", BODY },
		{ "Host: docker\r\nTransfer-Encoding: chunked\r\n"
		    "Content-Length: 0\r\n", BODY },
		{ "Host: docker\r\nTrailer: X\r\n", BODY },
		{ "Host: docker\r\nExpect: 100-continue\r\n", BODY },
		{ "Host: docker\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n",
		    0 },
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), GET "%s\r\n", cases[i].headers);
		if (request(text) != cases[i].status)
			fail_msg("%s", cases[i].headers);
	}
}

/* Whoever takes a body must know where it ends, and so must all others. */
static void
test_request_body(void **state)
{
	static const struct {
		const char *headers;
		enum http_framing framing;
		unsigned length;
		bool expects;
	} cases[] = {
		{ "X: y\r\n", FRAMING_NONE, 0, false },
		{ "Content-Length: 0\r\n", FRAMING_NONE, 0, false },
		{ "Content-Length: 12\r\n", FRAMING_LENGTH, 12, false },
		{ "Content-Length: 12\r\nExpect: 100-Continue\r\n",
		    FRAMING_LENGTH, 12, true },
		{ "Transfer-Encoding: Chunked\r\n", FRAMING_CHUNKED, 0,
		    false },
		{ "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
		    FRAMING_CHUNKED, 0, true },
		{ "Expect: 100-continue\r\n", FRAMING_NONE, 0, true },
		{ "Expect: more\r\nContent-Length: 12\r\n", FRAMING_NONE,
		    12, true },
		{ "Transfer-Encoding: gzip, chunked\r\n", FRAMING_NONE, 0,
		    false },
		{ "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
		    FRAMING_NONE, 0, false },
		{ "Transfer-Encoding: chunked\r\n"
		    "Transfer-Encoding: chunked\r\n", FRAMING_NONE, 0, false },
		{ "Transfer-Encoding: chunked\r\nContent-Length: 12\r\n",
		    FRAMING_NONE, 12, false },
		{ "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
		    FRAMING_NONE, 0, false },
		{ "Transfer-Encoding: chunked\r\nTrailer: X\r\n",
		    FRAMING_NONE, 0, false },
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost:\r\n"
		    "%s\r\n", cases[i].headers);
		request(text);
		if (r.framing != cases[i].framing ||
		    r.length != cases[i].length ||
		    r.expects != cases[i].expects)
			fail_msg("%s", cases[i].headers);
	}
	assert_int_equal(request("POST / HTTP/1.0\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"), BODY);
	assert_int_equal(r.framing, FRAMING_NONE);
}

static void
test_request_find_header(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX: one\r\n"
	    "Xx: two\r\nx:\tthree \r\n\r\n";
	const char *reason;
	struct span value;

	(void)state;
	assert_int_equal(http_request_read((const uint8_t *)text,
	    sizeof(text) - 1, &r, &reason), 0);
	assert_int_equal(http_request_header(&r, "Host", &value), 1);
	assert_true(span_is(value, "a"));
	assert_int_equal(http_request_header(&r, "X", &value), 2);
	assert_true(span_is(value, "three"));
	assert_int_equal(http_request_header(&r, "Y", &value), 0);
}

static void
test_request_many(void **state)
{
	char text[2048];
	size_t n, i;

	(void)state;
	n = (size_t)snprintf(text, sizeof(text), GET "Host:\r\n");
	for (i = 1; i < HTTP_HEADERS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "X: %zu\r\n",
		    i);
	snprintf(text + n, sizeof(text) - n, "\r\n");
	assert_int_equal(request(text), 0);
	snprintf(text + n, sizeof(text) - n, "X:\r\n\r\n");
	assert_int_equal(request(text), 431);
}

static void
test_request_keep_alive(void **state)
{
	static const struct {
		const char *headers;
		bool keep_alive;
	} cases[] = {
		{ "X: y\r\n", true },
		{ "Connection: close\r\n", false },
		{ "Connection: keep-alive, CLOSE\r\n", false },
		{ "Connection: close\r\nConnection: keep-alive\r\n", false },
		{ "Connection: closed\r\n", true },
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), GET "Host:\r\n%s\r\n",
		    cases[i].headers);
		assert_int_equal(request(text), 0);
		assert_int_equal(r.keep_alive, cases[i].keep_alive);
	}
}

/* Every header that tells who asks is shown to those who judge that. */
static void
test_request_caller(void **state)
{
	(void)state;
	assert_int_equal(request("GET / HTTP/1.0\r\n\r\n"), 0);
	assert_int_equal(caller_judge(&r.caller, NULL), CALLER_PROGRAM);
	assert_int_equal(request(GET "hOST:\tevil.example \r\n\r\n"), 0);
	assert_int_equal(r.caller.host_len, 12);
	assert_int_equal(request(GET "Host:\r\nX: y\r\nORIGIN:\r\n\r\n"), 0);
	assert_int_equal(caller_judge(&r.caller, NULL), CALLER_PAGE);
	assert_int_equal(request(GET "Sec-Fetch-Site: none\r\nHost:\r\n\r\n"),
	    0);
	assert_int_equal(caller_judge(&r.caller, NULL), CALLER_PAGE);
}

/* --- answers ---------------------------------------------------------- */

static int
answer(const char *text, bool head)
{
	const char *reason = NULL;
	size_t n = strlen(text);
	char *copy = malloc(n);
	int status, rc;

	assert_non_null(copy);
	memcpy(copy, text, n);
	assert_int_equal(end_of(copy, n, n, &status), n);
	rc = http_answer_read((const uint8_t *)copy, n, head, &a, &reason);
	assert_true((rc == 0) == (reason == NULL));
	free(copy);
	return rc;
}

static void
test_answer(void **state)
{
	(void)state;
	assert_int_equal(answer(OK "Content-Type: application/json\r\n"
	    "Content-Length: 42\r\nSet-Cookie: x\r\nServer: Docker\r\n"
	    "Location: /x\r\nX: y\r\n\r\n", false), 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.framing, FRAMING_LENGTH);
	assert_int_equal(a.length, 42);
	assert_true(a.keep_alive);
	a.kept[a.kept_len] = '\0';
	assert_string_equal(a.kept, "Content-Type: application/json\r\n"
	    "Server: Docker\r\n");
	assert_int_equal(answer("HTTP/1.0 404 Not Found\r\n"
	    "content-length:0\r\n\r\n", false), 0);
	assert_int_equal(a.status, 404);
	assert_false(a.keep_alive);
	assert_int_equal(answer(OK "Transfer-Encoding: Chunked\r\n"
	    "Connection: close\r\n\r\n", false), 0);
	assert_int_equal(a.framing, FRAMING_CHUNKED);
	assert_false(a.keep_alive);
	assert_int_equal(answer(OK "Content-Length: 42\r\n\r\n", true), 0);
	assert_int_equal(a.framing, FRAMING_NONE);
	assert_int_equal(answer(OK "\r\n", true), 0);
	assert_int_equal(answer("HTTP/1.1 204\r\n\r\n", false), 0);
	assert_int_equal(a.framing, FRAMING_NONE);
	assert_int_equal(answer("HTTP/1.1 304 \r\n\r\n", false), 0);
	assert_int_equal(answer("HTTP/1.1 100 Continue\r\n\r\n", false), 0);
	assert_int_equal(answer("HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n"
	    "Connection: Upgrade\r\n\r\n", false), 0);
	assert_int_equal(a.status, 101);
	assert_int_equal(a.kept_len, 0);
}

static void
test_answer_bad(void **state)
{
	static const char *const bad[] = {
		"HTTP/1.1\r\n\r\n", "HTTP/1.1 20\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n",
		"HTTP/1.1 600 x\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
		"HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 2a0 OK\r\n\r\n",
		"http/1.1 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n",
		OK "\r\n",		/* it would end with the connection */
		OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
		OK "Content-Length: 1, 1\r\n\r\n",
		OK "Content-Length: -1\r\n\r\n",
		OK "Content-Length: 1x\r\n\r\n", OK "Content-Length:\r\n\r\n",
		OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		OK "Transfer-Encoding: chunked\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n",
		OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
		OK "Transfer-Encoding: identity\r\n\r\n",
		OK "Content-Length: 1\r\nContent-Encoding: gzip\r\n\r\n",
		OK "Content-Length : 1\r\n\r\n", OK "X\r\n\r\n",
		OK "Content-Length: 1\r\n X: folded\r\n\r\n",
		OK "Content-Length: 9999999999999999999\r\n\r\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		if (answer(bad[i], false) != -1)
			fail_msg("%s", bad[i]);
}

/* What is over the room for kept lines stays out; none is cut. */
static void
test_answer_kept(void **state)
{
	char text[3 * HTTP_KEPT_MAX], x[HTTP_KEPT_MAX];

	(void)state;
	memset(x, 'x', sizeof(x));
	x[sizeof(x) - 1] = '\0';
	snprintf(text, sizeof(text), OK "Content-Length: 0\r\nServer: %s\r\n"
	    "Swarm: a\r\nDate: b\tc\r\nOstype: \xff\r\n\r\n", x);
	assert_int_equal(answer(text, false), 0);
	a.kept[a.kept_len] = '\0';
	assert_string_equal(a.kept, "Swarm: a\r\n");
}

/* --- chunks ----------------------------------------------------------- */

/* Feeds step bytes at a time: the payload, or NULL when malformed. */
static const char *
unchunk(const char *text, size_t step, bool *done, size_t *used)
{
	static char out[256];
	struct http_chunks c = { 0 };
	size_t n = strlen(text), i, len, put = 0, take;
	const uint8_t *data;
	long rc;

	*done = false;
	for (i = 0; i < n && !*done; i += (size_t)rc) {
		take = n - i < step ? n - i : step;
		rc = http_chunks_read(&c, (const uint8_t *)text + i, take,
		    &data, &len, done);
		if (rc == -1)
			return NULL;
		assert_true((size_t)rc <= take && (rc > 0 || *done));
		if (len > 0) {
			assert_true(data >= (const uint8_t *)text + i &&
			    data + len <= (const uint8_t *)text + i + rc);
			memcpy(out + put, data, len);
			put += len;
		}
	}
	*used = i;
	out[put] = '\0';
	return out;
}

static void
test_chunks(void **state)
{
	static const struct {
		const char *in, *out;	/* NULL: malformed */
		bool done;
	} cases[] = {
		{ "5\r\nhello\r\n0\r\n\r\n", "hello", true },
		{ "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nHTTP", "hello!", true },
		{ "00a\r\n0123456789\r\n000\r\n\r\n", "0123456789", true },
		{ "A\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
		    "\r\n\r\n\r\n\r\n\r\n", true },
		{ "0\r\n\r\n", "", true }, { "5\r\nhel", "hel", false },
		{ "5\r\nhello\r\n", "hello", false }, { "0\r\n", "", false },
		{ "\r\n", NULL, false }, { "x\r\n", NULL, false },
		{ "5 \r\nhello", NULL, false }, { " 5\r\n", NULL, false },
		{ "5;a=b\r\nhello", NULL, false }, { "-1\r\n", NULL, false },
		{ "0x5\r\nhello", NULL, false }, { "5\nhello", NULL, false },
		{ "5\r\nhelloX", NULL, false }, { "5\r\nhello\n", NULL, false },
		{ "5\r\nhello\r\r", NULL, false }, { "5\rX", NULL, false },
		{ "0\r\nX: trailer\r\n\r\n", NULL, false },
		{ "0\r\n\n", NULL, false },
		{ "1000000000000\r\n", NULL, false },
		{ "0000000000000\r\n", NULL, false },
		{ "ffffffffffff\r\nx", "x", false },
	};
	const char *out;
	size_t i, step, used;
	bool done;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		for (step = 1; step < 32; step++) {
			out = unchunk(cases[i].in, step, &done, &used);
			if (cases[i].out == NULL) {
				if (out != NULL)
					fail_msg("%s", cases[i].in);
				continue;
			}
			if (out == NULL)
				fail_msg("%s", cases[i].in);
			assert_string_equal(out, cases[i].out);
			assert_int_equal(done, cases[i].done);
			if (strstr(cases[i].in, "HTTP") != NULL)
				assert_string_equal(cases[i].in + used,
				    "HTTP");
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head_end),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_request_line),
		cmocka_unit_test(test_request_headers),
		cmocka_unit_test(test_request_body),
		cmocka_unit_test(test_request_find_header),
		cmocka_unit_test(test_request_many),
		cmocka_unit_test(test_request_keep_alive),
		cmocka_unit_test(test_request_caller),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_answer_bad),
		cmocka_unit_test(test_answer_kept),
		cmocka_unit_test(test_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
