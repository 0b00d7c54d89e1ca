/* SPDX-License-Identifier: ISC */
/*
 * A server's connection between a client in memory and a small service: whole
 * answers, long ones, bodies, and clients that leave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "memory_endpoint.h"
#include "orthrus/http/server.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(headers) "POST /body HTTP/1.1\r\nHost: x\r\n" headers "\r\n"

static struct event_base *base;
static struct http_server *server;
static struct memory client;
static struct http_conn *held;
static unsigned mores, gones, closes, dones, drops;
static char body[HTTP_BODY_MAX + 1];
static size_t body_len;

/* --- the service -------------------------------------------------- */

static void
on_body(void *arg, const uint8_t *p, size_t n)
{
	(void)arg;
	if (n > 0)
		memcpy(body, p, n);
	body_len = n;
	http_reply(held, 200, "", "taken", 5);
}

static void
on_more(void *arg)
{
	(void)arg;
	mores++;
}

static void
on_gone(void *arg)
{
	(void)arg;
	held = NULL;
	gones++;
}

static void
on_request(void *arg, struct http_conn *c, const struct http_request *r)
{
	static const struct http_producer producer = { on_body, on_more,
	    on_more, on_gone };

	(void)arg;
	if (memcmp(r->target, "/whole", 6) == 0) {
		http_reply(c, 200, "X: y\r\n", "text", 4);
		return;
	}
	held = c;
	http_hold(c, &producer, NULL, memcmp(r->target, "/stream", 7) == 0 ?
	    0 : 60);
	if (r->body)
		http_take_body(c, r, HTTP_BODY_MAX);
}

static int
on_refused(void *arg, int status, bool announced, const char **why)
{
	(void)arg;
	(void)announced;
	(void)why;
	return status;
}

static void
on_closed(void *arg)
{
	(void)arg;
	closes++;
}

static const struct http_service service = {
	.conns_max = 2, .unhurried = 0, .prefix = "test: ",
	.every = "Every: 1\r\n", .own = "Own: 1\r\n",
	.request = on_request, .refused = on_refused, .closed = on_closed
};

/* --- the client --------------------------------------------------- */

static void
on_done(void *arg, uint64_t out, uint64_t in)
{
	(void)arg;
	(void)out;
	(void)in;
	dones++;
}

static void
settle(void)
{
	int i;

	for (i = 0; i < 50; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (client.closed == 0)
			memory_step(&client);
	}
}

static void
say(const char *text, size_t n)
{
	client.in = (const uint8_t *)text;
	client.in_len = n;
	settle();
}

static const char *
heard(void)
{
	static char text[1024 * 1024];

	memcpy(text, client.out, client.out_len);
	text[client.out_len] = '\0';
	client.out_len = 0;
	return text;
}

static const char *
ask(const char *text)
{
	say(text, strlen(text));
	return heard();
}

static int
setup(void **state)
{
	(void)state;
	base = event_base_new();
	server = http_server_new(base, &service, NULL);
	memory_init(&client);
	client.out = malloc(1);
	held = NULL;
	mores = gones = closes = dones = drops = 0;
	body_len = 0;
	relay_start(&client.ep, http_conn_new(server, NULL), on_done, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	http_server_free(server);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	memory_free(&client);
	return 0;
}

/* --- tests -------------------------------------------------------- */

static void
test_whole(void **state)
{
	const char *text = ask(GET("/whole"));

	(void)state;
	assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(text, "\r\nDate: "));
	assert_non_null(strstr(text, "\r\nEvery: 1\r\nOwn: 1\r\nX: y\r\n"
	    "Content-Length: 4\r\n\r\ntext"));
	/* To HEAD the same without the body. */
	text = ask("HEAD /whole HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_non_null(strstr(text, "Content-Length: 4\r\n\r\n"));
	assert_null(strstr(text, "text"));
	assert_int_equal(client.closed, 0);
	text = ask("GET /whole HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	    "\r\n" GET("/whole"));
	assert_non_null(strstr(text, "Connection: close\r\n"));
	assert_null(strstr(strstr(text, "text") + 4, "HTTP/1.1"));
	assert_int_equal(client.finished, 1);
}

static void
test_malformed(void **state)
{
	const char *text = ask("nonsense\r\n\r\n" GET("/whole"));

	(void)state;
	assert_memory_equal(text, "HTTP/1.1 400 ", 13);
	assert_non_null(strstr(text, "{\"message\":\"test: "));
	assert_null(strstr(text, "text"));
	assert_int_equal(client.finished, 1);
}

/* The second request waits for the first one's answer. */
static void
test_held(void **state)
{
	(void)state;
	assert_string_equal(ask(GET("/held") GET("/whole")), "");
	assert_non_null(held);
	assert_int_equal(http_server_holds(server), 1);
	http_begin(held, 200, "");
	http_put(held, "hello", 5);
	settle();
	assert_non_null(strstr(heard(), "chunked\r\n\r\n5\r\nhello\r\n"));
	http_end(held);
	settle();
	assert_memory_equal(heard(), "0\r\n\r\nHTTP/1.1 200 OK", 20);
	assert_int_equal(http_server_holds(server), 0);
	assert_int_equal(gones, 0);
}

static void
test_cut(void **state)
{
	(void)state;
	ask(GET("/held"));
	http_begin(held, 200, "");
	http_put(held, "hello", 5);
	http_cut(held);
	settle();
	assert_null(strstr(heard(), "0\r\n\r\n"));
	assert_int_equal(client.closed, 1);
	assert_true(client.aborted);
	assert_int_equal(gones, 0);
	assert_int_equal(dones, 1);
}

/* While the client does not read, more is asked for when it has. */
static void
test_back_pressure(void **state)
{
	static char piece[HTTP_OUT_HIGH];

	(void)state;
	memset(piece, 'x', sizeof(piece));
	ask(GET("/held"));
	client.room = 0;
	http_begin(held, 200, "");
	assert_int_equal(http_room(held), HTTP_OUT_HIGH);
	http_put(held, piece, sizeof(piece));
	assert_int_equal(http_room(held), 0);
	http_wait(held);
	settle();
	assert_int_equal(mores, 0);
	client.room = HTTP_OUT_HIGH / 4;
	settle();
	assert_int_equal(mores, 0);
	client.room = SIZE_MAX;
	settle();
	assert_int_equal(mores, 1);
	http_end(held);
}

static void
test_client_leaves(void **state)
{
	(void)state;
	ask(GET("/stream"));
	client.in_end = true;
	settle();
	assert_int_equal(gones, 1);
	assert_int_equal(http_server_conns(server), 0);
	assert_int_equal(closes, 1);
}

static void
test_server_ends(void **state)
{
	(void)state;
	ask(GET("/held"));
	http_server_free(server);
	server = NULL;
	assert_int_equal(gones, 1);
	assert_int_equal(client.closed, 1);
}

static void
test_bodies(void **state)
{
	const char *text;

	(void)state;
	text = ask(POST("Content-Length: 5\r\n") "hello" GET("/whole"));
	assert_non_null(strstr(text, "taken"));
	assert_non_null(strstr(text, "text"));
	assert_int_equal(body_len, 5);
	assert_memory_equal(body, "hello", 5);
	text = ask(POST("Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n2\r\nde"
	    "\r\n0\r\n\r\n" GET("/whole"));
	assert_non_null(strstr(text, "text"));
	assert_memory_equal(body, "abcde", 5);
	/* It comes when we have said that it may. */
	text = ask(POST("Content-Length: 2\r\nExpect: 100-continue\r\n"));
	assert_string_equal(text, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_non_null(strstr(ask("ok"), "taken"));
	/* Of nothing nobody waits for the first byte. */
	text = ask(POST("Content-Length: 0\r\nExpect: 100-continue\r\n"));
	assert_non_null(strstr(text, "taken"));
	assert_int_equal(body_len, 0);
	/* HTTP/1.0 knows of no such word. */
	assert_string_equal(ask("POST /body HTTP/1.0\r\nContent-Length: 2\r\n"
	    "Expect: 100-continue\r\n\r\n"), "");
	assert_non_null(strstr(ask("ok"), "taken"));
	assert_int_equal(gones, 0);
}

static void
test_largest_body(void **state)
{
	static char text[HTTP_BODY_MAX + 256];
	size_t n = (size_t)snprintf(text, sizeof(text), POST(
	    "Content-Length: %d\r\n"), HTTP_BODY_MAX);

	(void)state;
	memset(text + n, 'b', HTTP_BODY_MAX);
	say(text, n + HTTP_BODY_MAX);
	assert_non_null(strstr(heard(), "taken"));
	assert_int_equal(body_len, HTTP_BODY_MAX);
}

static void
test_bad_bodies(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{ POST("Content-Length: 65537\r\n"), 413 },
		{ POST("Content-Length: 65537\r\nExpect: 100-continue\r\n"),
		    413 },
		{ POST("Transfer-Encoding: chunked\r\n") "x\r\n", 400 },
		{ POST("Transfer-Encoding: chunked\r\n") "10001\r\n", 0 },
		{ POST("Transfer-Encoding: gzip\r\n") "x", 400 },
		{ POST("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")
		    "0\r\n\r\n", 400 }
	};
	char line[16];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "HTTP/1.1 %d ", cases[i].status);
		if (cases[i].status == 0)
			assert_string_equal(ask(cases[i].text), "");
		else {
			assert_memory_equal(ask(cases[i].text), line, 13);
			assert_int_equal(gones, 1);
			assert_int_equal(client.finished, 1);
		}
		teardown(state);
		setup(state);
	}
}

static void
test_refusal(void **state)
{
	struct memory other;

	(void)state;
	memory_init(&other);
	relay_start(&other.ep, http_conn_refusal(server, 502, "away\n"),
	    on_done, NULL);
	settle();
	assert_non_null(memmem(other.out, other.out_len, "\r\n\r\naway\n",
	    9));
	assert_int_equal(other.finished, 1);
	other.in_end = true;
	memory_step(&other);
	assert_int_equal(other.closed, 1);
	memory_free(&other);
}

static void
on_dropped(struct http_kept *k)
{
	assert_null(k->conn);
	drops++;
}

static void
test_kept(void **state)
{
	struct http_kept one = { NULL, on_dropped }, two = one;

	(void)state;
	ask(GET("/held"));
	http_keep(held, &one);
	assert_ptr_equal(http_kept(held), &one);
	http_keep(held, &two);
	assert_int_equal(drops, 1);
	http_unkeep(&two);
	assert_null(http_kept(held));
	http_keep(held, &two);
	client.in_errno = 5;
	settle();
	assert_int_equal(drops, 2);
	assert_int_equal(gones, 1);
}

/* --- whose memory and places they are ------------------------------ */

static struct account alice, bob;

static void
test_account(void **state)
{
	size_t idle, left;

	(void)state;
	account_init(&alice, NULL);
	ask(GET("/held"));
	http_pay(held, &alice);
	assert_in_range(alice.promised.used, HTTP_OUT_HIGH, 2 * HTTP_OUT_HIGH);
	assert_in_range(alice.held.used, 1, 4096);
	assert_ptr_equal(http_payer(held), &alice);
	assert_int_equal(http_server_holds_of(server, &alice), 1);
	assert_int_equal(http_server_holds_of(server, &bob), 0);
	http_begin(held, 200, "");
	client.room = 0;
	http_put(held, body, sizeof(body));
	http_put(held, body, sizeof(body));
	assert_in_range(alice.held.used, 2 * sizeof(body), 8 * sizeof(body));
	assert_int_equal(alice.promised.used, alice.held.used);
	client.room = SIZE_MAX;
	settle();
	idle = alice.held.used;
	assert_in_range(idle, 1, 4096);
	left = account_left(&alice);
	assert_true(http_may_hold(held));
	http_wrote(held, 8 * HTTP_OUT_HIGH);
	assert_false(http_is_full(held));
	account_charge(&alice, left);
	assert_false(http_may_hold(held));
	assert_true(http_is_full(held));	/* it is large itself */
	http_wrote(held, 0);
	assert_false(http_is_full(held));
	account_give(&alice, left);
	http_end(held);
	assert_in_range(alice.promised.used, 1, 4096);
	relay_abort(client.ep.relay);
	assert_true(account_is_idle(&alice));
}

/* Nobody gets more places than are left, and some are always left. */
static void
test_shares(void **state)
{
	static const struct http_service eight = { .conns_max = 8,
	    .prefix = "", .every = "", .own = "", .request = on_request,
	    .refused = on_refused };
	struct http_server *s = http_server_new(base, &eight, NULL);
	static struct memory clients[8];
	static struct account *const whose[8] = { &alice, &alice, &alice,
	    &alice, &alice, &bob, &bob, &bob };
	static const bool served[8] = { true, true, true, true, false, true,
	    true, false };
	int i;

	(void)state;
	account_init(&alice, NULL);
	account_init(&bob, NULL);
	for (i = 0; i < 8; i++) {
		memory_init(&clients[i]);
		relay_start(&clients[i].ep, http_conn_new(s, whose[i]), NULL,
		    NULL);
		event_base_loop(base, EVLOOP_NONBLOCK);
		memory_step(&clients[i]);
		if (!served[i])
			assert_memory_equal(clients[i].out, "HTTP/1.1 503", 12);
		else
			assert_int_equal(clients[i].out_len, 0);
		if (!served[i] && clients[i].closed == 0)
			relay_abort(clients[i].ep.relay);
	}
	http_server_free(s);
	for (i = 0; i < 8; i++)
		memory_free(&clients[i]);
	assert_true(account_is_idle(&alice));
	assert_true(account_is_idle(&bob));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_whole), TEST(test_malformed), TEST(test_held),
		TEST(test_cut), TEST(test_back_pressure),
		TEST(test_client_leaves), TEST(test_server_ends),
		TEST(test_bodies), TEST(test_largest_body),
		TEST(test_bad_bodies), TEST(test_refusal), TEST(test_kept),
		TEST(test_account), TEST(test_shares)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
