/* SPDX-License-Identifier: ISC */
/*
 * Both heads of an upgrade to WebSocket: each answer and request whole, cut
 * everywhere, and what is said of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/upgrade.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The example of RFC 6455 section 1.3. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define PATH "/api/v1/orthrus/connect"

static void
test_accept(void **state)
{
	char accept[UPGRADE_ACCEPT_LEN + 1];

	(void)state;
	upgrade_accept(KEY, accept);
	assert_string_equal(accept, ACCEPT);
}

/* --- the client's side ------------------------------------------------ */

static void
check_host(const char *host, uint16_t port, const char *line)
{
	char *text = upgrade_request(host, port, "/x", KEY);

	assert_non_null(strstr(text, line));
	assert_true(strncmp(text, "GET /x HTTP/1.1\r\n", 17) == 0);
	assert_string_equal(text + strlen(text) - 4, "\r\n\r\n");
	free(text);
}

static void
test_request(void **state)
{
	(void)state;
	check_host("gw.example.com", 443, "\r\nHost: gw.example.com\r\n");
	check_host("gw.example.com", 8443,
	    "\r\nHost: gw.example.com:8443\r\n");
	check_host("::1", 443, "\r\nHost: [::1]\r\n");
	check_host("2001:db8::1", 65535, "\r\nHost: [2001:db8::1]:65535\r\n");
	check_host("h", 443, "\r\nSec-WebSocket-Key: " KEY "\r\n");
	check_host("h", 443, "\r\nSec-WebSocket-Protocol: ssh\r\n");
}

#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADES "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPTS "Sec-WebSocket-Accept: " ACCEPT "\r\n"
#define SSH "Sec-WebSocket-Protocol: ssh\r\n"

/* What the answer is, and what the error says; NULL: it is granted. */
static const struct {
	const char *answer, *says;
} answers[] = {
	{ SWITCH UPGRADES ACCEPTS SSH "\r\n", NULL },
	{ "HTTP/1.1 101\r\n" UPGRADES ACCEPTS SSH "\r\n", NULL },
	{ SWITCH "uPGRADE:WebSocket\r\nconnection: keep-alive , upgrade \r\n"
	    "Server: nginx\r\nSEC-WEBSOCKET-ACCEPT:\t" ACCEPT " \r\n"
	    "sec-websocket-protocol: ssh\r\n\r\n", NULL },
	{ "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" SWITCH UPGRADES
	    ACCEPTS SSH "\r\n", NULL },
	{ SWITCH UPGRADES SSH "\r\n", "Sec-WebSocket-Accept is not for our" },
	{ SWITCH UPGRADES "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO="
	    "\r\n" SSH "\r\n", "Sec-WebSocket-Accept is not for our key" },
	{ SWITCH UPGRADES ACCEPTS ACCEPTS SSH "\r\n",
	    "Sec-WebSocket-Accept is not for our key" },
	{ SWITCH UPGRADES ACCEPTS "\r\n", "does not take the subprotocol" },
	{ SWITCH UPGRADES ACCEPTS "Sec-WebSocket-Protocol: chat\r\n\r\n",
	    "does not take the subprotocol" },
	{ SWITCH UPGRADES ACCEPTS SSH
	    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
	    "permessage-deflate" },
	{ SWITCH "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPTS SSH "\r\n",
	    "not to WebSocket" },
	{ SWITCH "Upgrade: websocket\r\n" ACCEPTS SSH "\r\n",
	    "not to WebSocket" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
	    "is \"200 OK\"" },
	{ "HTTP/1.1 200 OK\r\n\r\n", "is the path right" },
	{ "HTTP/1.1 301 Moved\r\nLocation: https://b.example/x\r\n\r\n",
	    "is 301, which sends us on to \"wss://b.example/x\"" },
	{ "HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", "\"/login\"" },
	{ "HTTP/1.1 304 Not Modified\r\n\r\n", "no charon answers" },
	{ "HTTP/1.1 400 Bad Request\r\n\r\n", "does not pass the upgrade on" },
	{ "HTTP/1.1 401 Unauthorized\r\n\r\n", "wants a password" },
	{ "HTTP/1.1 403 Forbidden\r\n\r\n", "does not let us" },
	{ "HTTP/1.1 404 Not Found\r\n\r\n", "nothing is at this path" },
	{ "HTTP/1.1 407 P\r\n\r\n", "--proxy" },
	{ "HTTP/1.1 421 M\r\n\r\n", "does not know this name" },
	{ "HTTP/1.1 426 Upgrade Required\r\n\r\n", "does not pass" },
	{ "HTTP/1.1 429 Too Many\r\n\r\n", "too many requests" },
	{ "HTTP/1.1 500 Oops\r\n\r\n", "in trouble" },
	{ "HTTP/1.0 502 Bad Gateway\r\n\r\n", "does not reach charon" },
	{ "HTTP/1.1 503 Unavailable\r\n\r\n", "does not reach charon" },
	{ "HTTP/1.1 504 Time-out\r\n\r\n", "does not reach charon" },
	{ "HTTP/1.1 418 Tea\x1b[2J\r\n\r\n", "not as HTTP has it" },
	{ "HTTP/1.1 404 Not Found\r\nnot a field\r\n\r\n", "not as HTTP" },
	{ "HTTP/1.1 404 Not Found\nX: y\r\n\r\n", "not as HTTP" },
	{ "HTTP/1.1 40 Odd\r\n\r\n", "not as HTTP" },
	{ "HTTP/1.1 4040 Odd\r\n\r\n", "not as HTTP" },
	{ "SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "begins with ssh:// or tls://" },
	{ "220 mail.example ESMTP\r\n", "\"220 mail.example ESMTP" },
	{ "\x15\x03\x01", "no web server answers there" },
	{ "<html>", "\"<html>\"" }
};

/* Reads the first n bytes, in memory of that size. */
static int
answer_read(const char *text, size_t n, size_t *used, struct error *e)
{
	uint8_t *copy = xcalloc(1, n + 1);
	int rc;

	copy = xreallocarray(copy, n > 0 ? n : 1, 1);
	memcpy(copy, text, n);
	rc = upgrade_answer_read(copy, n, PATH, ACCEPT, used, e);
	free(copy);
	return rc;
}

static void
test_answers(void **state)
{
	struct error e;
	size_t i, n, used, len;
	int rc;

	(void)state;
	for (i = 0; i < COUNT(answers); i++) {
		len = strlen(answers[i].answer);
		rc = answer_read(answers[i].answer, len, &used, &e);
		if (answers[i].says == NULL) {
			assert_int_equal(rc, 1);
			assert_int_equal(used, len);
		} else {
			assert_int_equal(rc, -1);
			assert_int_equal(e.code, EX_UNAVAILABLE);
			if (strstr(e.text, answers[i].says) == NULL)
				fail_msg("%s", e.text);
		}
		/* A part is never granted, nor taken for a whole answer. */
		for (n = 0; n < len; n++)
			assert_int_not_equal(answer_read(answers[i].answer, n,
			    &used, &e), 1);
	}
}

static void
test_answer_leaves_rest(void **state)
{
	static const char text[] = SWITCH UPGRADES ACCEPTS SSH
	    "\r\n\x82\x03SSH";
	struct error e;
	size_t used;

	(void)state;
	assert_int_equal(answer_read(text, sizeof(text) - 1, &used, &e), 1);
	assert_int_equal(used, sizeof(text) - 1 - 5);
}

static void
test_answer_too_long(void **state)
{
	static char text[100 * 1024];
	struct error e;
	size_t used;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, SWITCH "X: ", sizeof(SWITCH "X: ") - 1);
	assert_int_equal(answer_read(text, UPGRADE_HEAD_MAX - 1, &used, &e),
	    0);
	assert_int_equal(answer_read(text, sizeof(text), &used, &e), -1);
	assert_non_null(strstr(e.text, "over 16384 bytes"));
}

/* --- the server's side ------------------------------------------------ */

#define GET "GET " PATH " HTTP/1.1\r\n"
#define HOST "Host: gw\r\n"
#define KEYS "Sec-WebSocket-Key: " KEY "\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"

/* NULL: granted; else the status line's beginning. */
static const struct {
	const char *request, *status;
	enum upgrade_look look;
} requests[] = {
	{ GET HOST UPGRADES KEYS V13 SSH "\r\n", NULL, UPGRADE_WANTED },
	{ GET HOST UPGRADES KEYS V13
	    "Sec-WebSocket-Protocol: chat, ssh\r\nOrigin: null\r\n\r\n", NULL,
	    UPGRADE_WANTED },
	{ GET HOST UPGRADES KEYS V13 "\r\n", "400", UPGRADE_WANTED },
	{ GET HOST UPGRADES KEYS V13 "Sec-WebSocket-Protocol: sshx\r\n\r\n",
	    "400", UPGRADE_WANTED },
	{ GET UPGRADES KEYS V13 SSH "\r\n", "400", UPGRADE_WANTED },
	{ GET HOST HOST UPGRADES KEYS V13 SSH "\r\n", "400", UPGRADE_WANTED },
	{ GET HOST UPGRADES V13 SSH "\r\n", "400", UPGRADE_WANTED },
	{ GET HOST UPGRADES KEYS KEYS V13 SSH "\r\n", "400", UPGRADE_WANTED },
	{ GET HOST UPGRADES V13 SSH
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ\xff==\r\n\r\n", "400",
	    UPGRADE_WANTED },
	{ GET HOST UPGRADES V13 SSH
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==dGhl\r\n\r\n", "400",
	    UPGRADE_WANTED },
	{ GET HOST UPGRADES KEYS "Sec-WebSocket-Version: 8\r\n" SSH "\r\n",
	    "426", UPGRADE_WANTED },
	{ GET HOST UPGRADES KEYS SSH "\r\n", "426", UPGRADE_WANTED },
	{ GET HOST "Upgrade: websocket\r\nConnection: close\r\n" KEYS V13 SSH
	    "\r\n", "426", UPGRADE_WANTED },
	{ GET HOST "\r\n", "426", UPGRADE_OTHER },
	{ GET HOST "Upgrade: h2c\r\n\r\n", "426", UPGRADE_OTHER },
	{ GET "Host : gw\r\n" UPGRADES "\r\n", "400", UPGRADE_OTHER },
	{ GET HOST " folded\r\n" UPGRADES "\r\n", "400", UPGRADE_OTHER },
	{ GET HOST UPGRADES KEYS V13 SSH "X: a\rb\r\n\r\n", "400",
	    UPGRADE_OTHER },
	{ "GET " PATH " HTTP/1.0\r\n" HOST UPGRADES KEYS V13 SSH "\r\n",
	    "404", UPGRADE_OTHER },
	{ "GET " PATH "/ HTTP/1.1\r\n" HOST UPGRADES "\r\n", "404",
	    UPGRADE_OTHER },
	{ "GET " PATH "?a HTTP/1.1\r\n" HOST UPGRADES "\r\n", "404",
	    UPGRADE_OTHER },
	{ "POST " PATH " HTTP/1.1\r\n" HOST UPGRADES "\r\n", "404",
	    UPGRADE_OTHER },
	{ "GET / HTTP/1.1\r\n" HOST UPGRADES "\r\n", "404", UPGRADE_OTHER },
	{ "SSH-2.0-x\r\n", "404", UPGRADE_OTHER }
};

static void
check_request(size_t i)
{
	const uint8_t *p = (const uint8_t *)requests[i].request;
	size_t n, used = 0, len = strlen(requests[i].request);
	char *answer = NULL;
	struct error e;
	int rc;

	assert_int_equal(upgrade_look(p, len, PATH), requests[i].look);
	rc = upgrade_request_read(p, len, PATH, &used, &answer, &e);
	assert_non_null(answer);
	assert_int_equal(rc, requests[i].status == NULL ? 1 : -1);
	assert_true(strncmp(answer + 9, requests[i].status == NULL ? "101" :
	    requests[i].status, 3) == 0);
	if (rc == 1) {
		assert_int_equal(used, len);
		assert_non_null(strstr(answer, "\r\n" ACCEPTS));
		assert_non_null(strstr(answer, "\r\n" SSH "\r\n"));
	}
	free(answer);
	/* More bytes never change a verdict, and a part is never granted. */
	for (n = 0; n < len; n++) {
		if (upgrade_look(p, n, PATH) != UPGRADE_MORE)
			assert_int_equal(requests[i].look, UPGRADE_OTHER);
		rc = upgrade_request_read(p, n, PATH, &used, &answer, &e);
		assert_int_not_equal(rc, 1);
		free(answer);
	}
}

static void
test_requests(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(requests); i++)
		check_request(i);
}

static void
test_request_too_long(void **state)
{
	static char text[UPGRADE_HEAD_MAX + 1];
	struct error e;
	char *answer;
	size_t used;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, GET, sizeof(GET) - 1);
	assert_int_equal(upgrade_look((uint8_t *)text, sizeof(text), PATH),
	    UPGRADE_OTHER);
	assert_int_equal(upgrade_request_read((uint8_t *)text, sizeof(text),
	    PATH, &used, &answer, &e), -1);
	assert_true(strncmp(answer, "HTTP/1.1 400 ", 13) == 0);
	free(answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_answer_leaves_rest),
		cmocka_unit_test(test_answer_too_long),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_request_too_long)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
