/* SPDX-License-Identifier: ISC */
/*
 * What a web server without pages answers, as widespread ones do (nginx 1.22
 * was asked the same), and that it comes from the bytes alone.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "orthrus/http/web.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HOST "Host: x\r\n"

enum end { OPEN, CLOSED };

static const struct {
	const char *request;
	int status;		/* 0: it is not complete */
	enum end end;
} cases[] = {
	{ "GET / HTTP/1.1\r\n" HOST "\r\n", 404, OPEN },
	{ "GET / HTTP/1.1\n" "Host: x\n\n", 404, OPEN },
	{ "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 404, OPEN },
	{ "GET  /a  HTTP/1.1 \r\n" HOST "\r\n", 404, OPEN },
	{ "GET http://x.example/a HTTP/1.1\r\n" HOST "\r\n", 404, OPEN },
	{ "HEAD /healthz HTTP/1.1\r\n" HOST "\r\n", 404, OPEN },
	{ "POST /a HTTP/1.1\r\n" HOST "\r\n", 404, OPEN },
	{ "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 404,
	    CLOSED },
	{ "GET / HTTP/1.1\r\n" HOST "junk\r\na@b: x\r\n\r\n", 404, OPEN },
	{ "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400, CLOSED },
	{ "GET / HTTP/1.1\r\n" HOST "a b: x\r\n\r\n", 400, CLOSED },
	{ "GET / HTTP/1.1\r\n" HOST "a :x\r\n\r\n", 400, CLOSED },
	{ "GET / HTTP/1.1\r\n" HOST "a: b\r\n c: d\r\n\r\n", 400, CLOSED },
	{ "GET / HTTP/1.9\r\n" HOST "\r\n", 404, OPEN },
	{ "GET / HTTP/1.0\r\n\r\n", 404, CLOSED },
	{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 404, OPEN },
	{ "GET /\r\n", 404, CLOSED },			/* HTTP/0.9 */
	{ "POST /\r\n", 400, CLOSED },
	{ "OPTIONS / HTTP/1.1\r\n" HOST "\r\n", 405, OPEN },
	{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400, CLOSED },
	{ "PUT / HTTP/1.1\r\n" HOST "\r\n", 405, OPEN },
	{ "TRACE / HTTP/1.1\r\n" HOST "\r\n", 405, OPEN },
	{ "BREW / HTTP/1.1\r\n" HOST "\r\n", 405, OPEN },
	{ "CONNECT x:443 HTTP/1.1\r\n" HOST "\r\n", 400, CLOSED },
	{ "get / HTTP/1.1\r\n" HOST "\r\n", 400, CLOSED },
	{ "GET / HTTP/1.1\r\n\r\n", 400, CLOSED },
	{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, CLOSED },
	{ "GET / HTTP/2.0\r\n\r\n", 505, CLOSED },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, CLOSED },
	{ "GET / HTTQ/1.1\r\n", 400, CLOSED },
	{ "GET / HTTP/1.1 x\r\n", 400, CLOSED },
	{ "GET /\x01 HTTP/1.1\r\n", 400, CLOSED },
	{ "GET x HTTP/1.1\r\n", 400, CLOSED },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n", 400,
	    CLOSED },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"
	    "Content-Length: 1\r\n\r\n", 400, CLOSED },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
	    404, CLOSED },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501,
	    CLOSED },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n", 400, CLOSED },
	{ "\x16\x03\x01", 400, CLOSED },
	{ "SSH-2.0-x\r\n", 400, CLOSED },
	{ "USER anonymous\r\n", 400, CLOSED },
	{ "", 0, OPEN },
	{ "\r\n\r\n", 0, OPEN },
	{ "GET / HTTP/1.1\r\n" HOST, 0, OPEN },
	{ "GET / HTTP/1.1", 0, OPEN },
	{ "GET ", 0, OPEN },
};

static void
test_answers(void **state)
{
	struct web_request r;
	const char *q;
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		q = cases[i].request;
		n = web_read((const uint8_t *)q, strlen(q), &r);
		if ((n == 0) != (cases[i].status == 0) || (n > 0 &&
		    (r.status != cases[i].status ||
		    r.keep_alive != (cases[i].end == OPEN))))
			fail_msg("%s: %zu, %d, %d", q, n, r.status,
			    r.keep_alive);
	}
}

/* What is right is read up to its end, and what follows is another request. */
static void
test_what_follows(void **state)
{
	static const char two[] = "POST / HTTP/1.1\r\n" HOST
	    "Content-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n";
	struct web_request r;
	size_t n = web_read((const uint8_t *)two, sizeof(two) - 1, &r);

	(void)state;
	assert_memory_equal(two + n, "abcGET", 6);
	assert_int_equal(r.skip, 3);
	n += (size_t)r.skip;
	assert_int_equal(web_read((const uint8_t *)two + n, sizeof(two) - 1 -
	    n, &r), sizeof(two) - 1 - n);
	assert_false(r.keep_alive);
	/* Nobody waits for a body without end. */
	n = web_read((const uint8_t *)"POST / HTTP/1.0\r\nContent-Length: "
	    "999999999\r\nConnection: keep-alive\r\n\r\n", 70, &r);
	assert_true(n > 0);
	assert_int_equal(r.skip, 0);
	assert_false(r.keep_alive);
}

static void
test_too_long(void **state)
{
	static char head[WEB_HEAD_MAX];
	struct web_request r;
	size_t i, n;

	(void)state;
	memset(head, 'a', sizeof(head));
	memcpy(head, "GET /", 5);
	assert_int_equal(web_read((uint8_t *)head, 8191, &r), 0);
	assert_int_equal(web_read((uint8_t *)head, 8192, &r), 8192);
	assert_int_equal(r.status, 414);
	n = (size_t)sprintf(head, "GET / HTTP/1.1\r\n" HOST);
	for (i = n; i < sizeof(head); i++)
		head[i] = 'a';
	assert_int_equal(web_read((uint8_t *)head, sizeof(head) - 1, &r), 0);
	assert_int_equal(web_read((uint8_t *)head, sizeof(head), &r),
	    sizeof(head));
	assert_int_equal(r.status, 400);
	assert_false(r.keep_alive);
}

static void
answer_text(const char *request, char text[WEB_ANSWER_MAX + 1])
{
	struct web_request r;
	struct buffer out;

	assert_true(web_read((const uint8_t *)request, strlen(request),
	    &r) > 0);
	buffer_init(&out, WEB_ANSWER_MAX);
	web_answer(&r, &out);
	memcpy(text, buffer_head(&out), out.len);
	text[out.len] = '\0';
	buffer_clear(&out);
}

static void
test_text(void **state)
{
	char text[WEB_ANSWER_MAX + 1], body[WEB_ANSWER_MAX + 1];
	unsigned length;

	(void)state;
	answer_text("GET /\r\n", body);		/* HTTP/0.9 has no head */
	assert_memory_equal(body, "<html>", 6);
	answer_text("GET / HTTP/1.1\r\n" HOST "\r\n", text);
	assert_memory_equal(text, "HTTP/1.1 404 Not Found\r\nServer: ", 32);
	assert_non_null(strstr(text, "\r\nContent-Type: text/html\r\n"));
	assert_non_null(strstr(text, "\r\nConnection: keep-alive\r\n"));
	assert_int_equal(sscanf(strstr(text, "Content-Length: "),
	    "Content-Length: %u", &length), 1);
	assert_int_equal(length, strlen(body));
	assert_string_equal(strstr(text, "\r\n\r\n") + 4, body);
	answer_text("HEAD / HTTP/1.0\r\n\r\n", text);
	assert_string_equal(strstr(text, "\r\nConnection"),
	    "\r\nConnection: close\r\n\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_what_follows),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests_name("web", tests, NULL, NULL);
}
