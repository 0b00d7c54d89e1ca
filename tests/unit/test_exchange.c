/* SPDX-License-Identifier: ISC */
/*
 * A request from a client in memory, by the Muzzle, to an engine in memory:
 * what is judged, what each side is sent, and what becomes of it when one of
 * them is away, slow, gone, or speaks as it should not.
 */
#include "config.h"

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
#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/http/server.h"
#include "orthrus/http/upstream.h"
#include "orthrus/muzzle/muzzle.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(target, headers) "POST " target " HTTP/1.1\r\nHost: x\r\n" \
	headers "\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define TO_ENGINE " HTTP/1.1\r\nHost: docker\r\nUser-Agent: orthrus/" \
	PACKAGE_VERSION "\r\nAccept: */*\r\n"
#define LOGS "/containers/x/logs?follow=1&stdout=1"
#define ENGINES_MAX (MUZZLE_STREAMS_MAX + 8)

/* A connection to the engine. */
struct engine_end {
	struct memory m;
	struct endpoint *ep;		/* the Muzzle's, to be joined */
	void (*failed)(struct endpoint *ep, const char *why);
	bool waits;			/* neither joined nor failed yet */
};

static struct event_base *base;
static struct muzzle *muzzle;
static struct http_server *other;	/* one that passes requests on */
static struct memory client;
static struct engine_end engines[ENGINES_MAX];
static size_t nengines;
static const char *away;		/* why the engine is not reached */
static bool hurry;			/* seconds are milliseconds */
static bool unread;			/* nobody looks at what engines say */

/* --- time --------------------------------------------------------- */

void __real_timer_set(struct event *timer, uint64_t ms);
void __wrap_timer_set(struct event *timer, uint64_t ms);

void
__wrap_timer_set(struct event *timer, uint64_t ms)
{
	__real_timer_set(timer, hurry ? ms / 1000 : ms);
}

/* --- the engine --------------------------------------------------- */

static void *
engine_connect(void *arg, struct endpoint *ep,
    void (*failed)(struct endpoint *ep, const char *why))
{
	struct engine_end *e = &engines[nengines++];

	(void)arg;
	assert_true(nengines <= ENGINES_MAX);
	memory_init(&e->m);
	e->ep = ep;
	e->failed = failed;
	e->waits = true;
	return e;
}

static void
engine_cancel(void *handle)
{
	((struct engine_end *)handle)->waits = false;
}

static void
engine_step(struct engine_end *e)
{
	if (e->waits) {
		e->waits = false;
		if (away != NULL)
			e->failed(e->ep, away);
		else
			relay_start(&e->m.ep, e->ep, NULL, NULL);
	} else if (e->m.ep.relay != NULL)
		memory_step(&e->m);
}

static void
settle(void)
{
	size_t i, k;

	for (i = 0; i < 50; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (client.ep.relay != NULL)
			memory_step(&client);
		for (k = 0; k < nengines && !unread; k++)
			engine_step(&engines[k]);
	}
}

/* What connection i was sent since the last time. */
static const char *
engine_heard(size_t i)
{
	static char text[64 * 1024];
	struct memory *m = &engines[i].m;

	assert_true(i < nengines && m->out_len < sizeof(text));
	if (m->out_len > 0)
		memcpy(text, m->out, m->out_len);
	text[m->out_len] = '\0';
	m->out_len = 0;
	return text;
}

static void
engine_says_bytes(size_t i, const char *p, size_t n)
{
	assert_true(i < nengines);
	engines[i].m.in = (const uint8_t *)p;
	engines[i].m.in_len = n;
	settle();
}

static void
engine_says(size_t i, const char *text)
{
	engine_says_bytes(i, text, strlen(text));
}

static void
engine_ends(size_t i)
{
	engines[i].m.in_end = true;
	settle();
}

/* --- the client --------------------------------------------------- */

static const char *
heard(void)
{
	static char text[1024 * 1024];

	assert_true(client.out_len < sizeof(text));
	if (client.out_len > 0)
		memcpy(text, client.out, client.out_len);
	text[client.out_len] = '\0';
	client.out_len = 0;
	return text;
}

static void
say(const char *text)
{
	client.in = (const uint8_t *)text;
	client.in_len = strlen(text);
	settle();
}

static const char *
ask(const char *text)
{
	say(text);
	return heard();
}

static void
assert_begins(const char *text, const char *with)
{
	if (strncmp(text, with, strlen(with)) != 0)
		fail_msg("\"%.300s\" does not begin with \"%s\"", text, with);
}

static void
assert_has(const char *text, const char *what)
{
	if (strstr(text, what) == NULL)
		fail_msg("\"%.300s\" has no \"%s\"", text, what);
}

/* Is the next request answered, too? */
static void
assert_goes_on(void)
{
	size_t i;

	for (i = 0; i < nengines; i++)
		engines[i].m.out_len = 0;
	assert_string_equal(ask(GET("/version")), "");
	for (i = 0; engines[i].m.out_len == 0; i++)
		assert_true(i + 1 < nengines);
	assert_string_equal(engine_heard(i), "GET /version" TO_ENGINE "\r\n");
	engine_says(i, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
	assert_string_equal(heard(),
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
}

static void
assert_counted(uint64_t allowed, uint64_t denied, size_t streams)
{
	struct muzzle_info info;

	muzzle_info(muzzle, &info);
	assert_int_equal(info.allowed, allowed);
	assert_int_equal(info.denied, denied);
	assert_int_equal(info.streams, streams);
}

/* --- another server, whose requests the Muzzle answers ------------ */

static void
on_other_request(void *arg, struct http_conn *c, const struct http_request *r)
{
	(void)arg;
	muzzle_serve(muzzle, c, r, r->target, r->target_len);
}

static int
on_other_refused(void *arg, int status, bool body, const char **why)
{
	(void)arg;
	(void)body;
	(void)why;
	return status;
}

static const struct http_service other_service = {
	.conns_max = 8, .prefix = "other: ", .every = "Every: 1\r\n",
	.own = "", .request = on_other_request, .refused = on_other_refused
};

/* --- setup -------------------------------------------------------- */

static void
come_by(struct endpoint *ep)
{
	memory_init(&client);
	relay_start(&client.ep, ep, NULL, NULL);
}

static int
setup(void **state)
{
	static const struct http_way way = { engine_connect, engine_cancel,
	    NULL };
	static const struct policy policy = { .actions = ACTION_RESTART,
	    .redact = true };

	(void)state;
	log_setup(LEVEL_ERROR, LOG_TEXT);
	base = event_base_new();
	nengines = 0;
	away = NULL;
	hurry = unread = false;
	muzzle = muzzle_new_over(base, &way, "test", &policy);
	other = http_server_new(base, &other_service, NULL);
	come_by(muzzle_endpoint_new(muzzle));
	return 0;
}

static int
teardown(void **state)
{
	size_t i;

	(void)state;
	hurry = unread = false;
	muzzle_free(muzzle);
	http_server_free(other);
	settle();
	event_base_free(base);
	for (i = 0; i < nengines; i++) {
		assert_int_equal(engines[i].m.empty_writes, 0);
		assert_true(engines[i].m.closed == 1 ||
		    engines[i].m.ep.relay == NULL);
		memory_free(&engines[i].m);
	}
	memory_free(&client);
	return 0;
}

/* --- requests ----------------------------------------------------- */

static void
test_judged_and_passed(void **state)
{
	const char *text;

	(void)state;
	assert_string_equal(ask("GET /v1.41/containers/%61/json?size=%31 "
	    "HTTP/1.1\r\nHost: x\r\nX-Registry-Auth: secret\r\n\r\n"), "");
	assert_string_equal(engine_heard(0),
	    "GET /v1.41/containers/a/json?size=1" TO_ENGINE "\r\n");
	assert_counted(1, 0, 0);
	engine_says(0, "HTTP/1.1 200 OK\r\nServer: engine\r\nX-Secret: s\r\n"
	    "Content-Type: application/json\r\nContent-Length: 28\r\n\r\n"
	    "{\"Env\":[\"PASSWORD=hunter2\"]}");
	text = heard();
	assert_begins(text, "HTTP/1.1 200 OK\r\nServer: engine\r\n");
	assert_null(strstr(text, "X-Secret"));
	assert_null(strstr(text, "hunter2"));
}

static void
test_head(void **state)
{
	(void)state;
	ask("HEAD /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_string_equal(engine_heard(0), "HEAD /_ping" TO_ENGINE "\r\n");
	engine_says(0, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
	assert_begins(heard(), "HTTP/1.1 200 OK\r\n");
	assert_goes_on();
}

static void
test_refused(void **state)
{
	static const struct { const char *request; int status; } cases[] = {
		{ POST("/containers/create", ""), 403 },
		{ POST("/containers/x/stop", ""), 403 },
		{ POST("/info", ""), 405 },
		{ GET("/secrets"), 403 },
		{ GET("/info?x=y"), 403 },
		{ "GET /info HTTP/1.1\r\nHost: evil.example.com\r\n\r\n",
		    403 },
		{ "GET /info HTTP/1.1\r\nHost: x\r\nOrigin: null\r\n\r\n",
		    403 },
		{ POST("/containers/x/attach?stream=1",
		    "Connection: Upgrade\r\nUpgrade: tcp\r\n"), 403 }
	};
	char line[16];
	const char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "HTTP/1.1 %d ", cases[i].status);
		text = ask(cases[i].request);
		assert_begins(text, line);
		assert_has(text, "{\"message\":\"orthrus: ");
	}
	assert_int_equal(nengines, 0);
	assert_counted(0, i, 0);
	assert_int_equal(client.finished, 0);
	ask(GET("/version"));
	assert_int_equal(nengines, 1);
}

/* What follows may be meant as anything. */
static void
test_malformed_target(void **state)
{
	const char *text;

	(void)state;
	text = ask(GET("/../info") GET("/version"));
	assert_begins(text, "HTTP/1.1 400 ");
	assert_has(text, "\r\nConnection: close\r\n");
	assert_int_equal(client.finished, 1);
	assert_int_equal(nengines, 0);
}

static void
test_bodies(void **state)
{
	(void)state;
	ask(POST("/containers/x/restart?t=1", "Content-Length: 7\r\n")
	    "{\"t\"");
	assert_int_equal(nengines, 0);
	assert_counted(0, 0, 0);
	ask(":1}" GET("/version"));
	assert_string_equal(engine_heard(0),
	    "POST /containers/x/restart?t=1" TO_ENGINE
	    "Content-Length: 0\r\n\r\n");
	assert_counted(1, 0, 0);
	engine_says(0, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_begins(heard(), "HTTP/1.1 204 No Content\r\n");
	/* One that had a body is the last. */
	assert_int_equal(client.finished, 1);
	assert_int_equal(nengines, 1);
}

static void
test_refused_bodies(void **state)
{
	static const struct { const char *request; int status; } cases[] = {
		{ POST("/containers/x/restart?t=1", "Content-Length: 7\r\n")
		    "{\"t\":2}", 400 },
		{ POST("/containers/x/restart", "Content-Length: 4097\r\n"),
		    413 },
		{ POST("/containers/x/restart",
		    "Transfer-Encoding: chunked\r\n") "x", 400 },
		{ "GET /info HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
		    "{}", 400 }
	};
	char line[16];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "HTTP/1.1 %d ", cases[i].status);
		assert_begins(ask(cases[i].request), line);
		assert_int_equal(client.finished, 1);
		assert_int_equal(nengines, 0);
		assert_counted(0, 1, 0);
		teardown(state);
		setup(state);
	}
}

/* --- the engine --------------------------------------------------- */

static void
test_engine_is_away(void **state)
{
	struct muzzle_info info;
	const char *text;

	(void)state;
	away = "Connection refused";
	text = ask(GET("/version"));
	assert_begins(text, "HTTP/1.1 502 ");
	assert_has(text, "cannot reach the Docker engine: Connection refused");
	muzzle_info(muzzle, &info);
	assert_false(info.ping);
	assert_string_equal(info.error, away);
	away = NULL;
	assert_goes_on();
	muzzle_info(muzzle, &info);
	assert_true(info.ping);
	assert_string_equal(info.error, "");
}

static void
test_engine_drips(void **state)
{
	static const char whole[] = CHUNKED "5\r\nhello\r\n3\r\n, w\r\n"
	    "0\r\n\r\n";
	const char *text;
	size_t i;

	(void)state;
	ask(GET(LOGS));
	for (i = 0; i < sizeof(whole) - 1; i++)
		engine_says_bytes(0, whole + i, 1);
	text = heard();
	assert_begins(text, CHUNKED);
	assert_has(text, "1\r\nh\r\n1\r\ne\r\n");
	assert_has(text, "1\r\nw\r\n0\r\n\r\n");
	assert_goes_on();
	assert_int_equal(nengines, 1);
}

static void
test_engine_speaks_wrongly(void **state)
{
	static const char *const cases[] = { "nonsense\r\n\r\n",
	    "HTTP/1.1 101 Switching Protocols\r\n\r\n",
	    "HTTP/1.1 200 OK\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
	    "Content-Length: 1\r\n\r\nx" };
	const char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ask(GET(LOGS));
		engine_says(i, cases[i]);
		text = heard();
		assert_begins(text, "HTTP/1.1 502 ");
		assert_has(text, "the Docker engine does not answer as it "
		    "should: ");
		assert_int_equal(engines[i].m.closed, 1);
	}
	assert_counted(i, 0, 0);
	assert_goes_on();
}

/* An answer that was begun is cut, so that it does not look whole. */
static void
test_engine_cuts(void **state)
{
	static const char *const cases[] = { CHUNKED "5\r\nhel",
	    CHUNKED "5\r\nhello\r\nzz\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello" };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ask(GET(LOGS));
		engine_says(0, cases[i]);
		engine_ends(0);
		assert_begins(heard(), "HTTP/1.1 200 OK\r\n");
		assert_int_equal(client.closed, 1);
		assert_true(client.aborted);
		assert_int_equal(client.finished, 0);
		assert_counted(1, 0, 0);
		teardown(state);
		setup(state);
	}
}

static void
test_engine_ends_before_an_answer(void **state)
{
	(void)state;
	ask(GET("/version"));
	engine_says(0, "HTTP/1.1 200");
	engine_ends(0);
	assert_begins(heard(), "HTTP/1.1 502 ");
	assert_goes_on();
	assert_int_equal(nengines, 2);
}

static void
test_engine_is_silent(void **state)
{
	int i;

	(void)state;
	hurry = true;
	say(GET("/version"));
	for (i = 0; i < 1000 && client.out_len == 0; i++) {
		event_base_loop(base, EVLOOP_ONCE);
		memory_step(&client);
	}
	assert_has(heard(), "it was silent for too long");
	assert_int_equal(engines[0].m.closed, 1);
}

/* --- a connection that is kept ------------------------------------ */

static void
test_kept(void **state)
{
	(void)state;
	assert_goes_on();
	assert_goes_on();
	assert_int_equal(nengines, 1);
	/* It closes while nothing is asked. */
	engine_ends(0);
	assert_goes_on();
	assert_int_equal(nengines, 2);
	/* It says that it will. */
	ask(GET("/version"));
	engine_says(1, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
	    "Content-Length: 2\r\n\r\n{}");
	assert_int_equal(engines[1].m.closed, 1);
	heard();
	assert_goes_on();
	assert_int_equal(nengines, 3);
	/* It says what nobody asked for. */
	engine_says(2, "HTTP/1.1 200 OK\r\n");
	assert_int_equal(engines[2].m.closed, 1);
	assert_goes_on();
	assert_int_equal(nengines, 4);
}

/* What it said before it was asked is no answer, though nobody saw it yet. */
static void
test_kept_has_spoken(void **state)
{
	(void)state;
	assert_goes_on();
	unread = true;
	engine_says(0, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
	assert_string_equal(ask(GET("/info")), "");
	unread = false;
	settle();
	assert_string_equal(heard(), "");
	assert_string_equal(engine_heard(0), "");
	assert_int_equal(engines[0].m.closed, 1);
	assert_begins(engine_heard(1), "GET /info ");
}

/* It closed as it was asked: the same again on a new one, and only once. */
static void
test_kept_for_too_long(void **state)
{
	(void)state;
	assert_goes_on();
	assert_string_equal(ask(GET("/info")), "");
	assert_begins(engine_heard(0), "GET /info ");
	engine_ends(0);
	assert_int_equal(nengines, 2);
	assert_begins(engine_heard(1), "GET /info ");
	assert_string_equal(heard(), "");
	engine_ends(1);
	assert_begins(heard(), "HTTP/1.1 502 ");
	assert_int_equal(nengines, 2);
	assert_counted(2, 0, 0);
}

/* What does something is never sent twice. */
static void
test_action_is_sent_once(void **state)
{
	(void)state;
	assert_goes_on();
	ask(POST("/containers/x/restart", ""));
	assert_int_equal(nengines, 2);
	assert_int_equal(engines[0].m.closed, 1);
	assert_begins(engine_heard(1), "POST /containers/x/restart ");
	engine_ends(1);
	assert_begins(heard(), "HTTP/1.1 502 ");
	assert_int_equal(nengines, 2);
}

/* --- the reader --------------------------------------------------- */

static void
test_reader_is_gone(void **state)
{
	static const char *const said[] = { "", CHUNKED "5\r\nhello\r\n" };
	size_t i;

	for (i = 0; i < 2; i++) {
		ask(GET(LOGS));
		engine_says(0, said[i]);
		assert_counted(1, 0, 1);
		client.in_end = true;
		settle();
		assert_int_equal(engines[0].m.closed, 1);
		assert_int_equal(client.closed, 1);
		assert_counted(1, 0, 0);
		teardown(state);
		setup(state);
	}
}

/* It goes while the engine is still being connected to. */
static void
test_reader_goes_at_once(void **state)
{
	(void)state;
	client.in = (const uint8_t *)GET("/version");
	client.in_len = strlen(GET("/version"));
	while (nengines == 0) {
		memory_step(&client);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	client.in_errno = 104;
	while (client.closed == 0) {
		memory_step(&client);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	assert_false(engines[0].waits);
	assert_null(engines[0].m.ep.relay);
}

/* While it reads nothing, the engine's bytes stay where they are. */
static void
test_reader_is_slow(void **state)
{
	enum { LEN = 1024 * 1024 };
	static char flood[LEN + 256];
	size_t n = (size_t)sprintf(flood, CHUNKED "%x\r\n", LEN), left;

	(void)state;
	memset(flood + n, 'x', LEN);
	ask(GET(LOGS));
	client.room = 1000;
	client.tells_room = true;
	engine_says_bytes(0, flood, n + LEN);
	assert_int_equal(client.out_len, 1000);
	left = engines[0].m.in_len;
	assert_true(left > LEN - 256 * 1024);
	settle();
	assert_int_equal(engines[0].m.in_len, left);
	client.room = SIZE_MAX;
	settle();
	while (engines[0].m.in_len > 0)
		settle();
	assert_true(client.out_len > LEN);
	assert_int_equal(client.closed, 0);
}

static void
test_http10(void **state)
{
	const char *text;

	(void)state;
	/* A stream has no chunks, and ends with the connection. */
	ask("GET " LOGS " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	    GET("/version"));
	engine_says(0, CHUNKED "3\r\nabc\r\n3\r\ndef\r\n");
	assert_string_equal(heard(), "HTTP/1.0 200 OK\r\n"
	    "Connection: close\r\n\r\nabcdef");
	assert_int_equal(client.finished, 0);
	engine_says(0, "0\r\n\r\n");
	assert_string_equal(heard(), "");
	assert_int_equal(client.finished, 1);
	assert_int_equal(nengines, 1);
	teardown(state);
	setup(state);
	/* Another answer has its length, and the connection goes on. */
	ask("GET /version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	engine_says(0, CHUNKED "3\r\nabc\r\n");
	assert_string_equal(heard(), "");
	engine_says(0, "3\r\ndef\r\n0\r\n\r\n");
	text = heard();
	assert_begins(text, "HTTP/1.0 200 OK\r\n");
	assert_has(text, "Content-Length: 6\r\n");
	assert_has(text, "\r\n\r\nabcdef");
	assert_goes_on();
}

static void
test_too_many_streams(void **state)
{
	static struct memory others[MUZZLE_STREAMS_MAX];
	static const char logs[] = GET(LOGS);
	size_t i;
	int k;

	(void)state;
	for (i = 0; i < MUZZLE_STREAMS_MAX; i++) {
		memory_init(&others[i]);
		others[i].in = (const uint8_t *)logs;
		others[i].in_len = strlen(logs);
		relay_start(&others[i].ep, muzzle_endpoint_new(muzzle), NULL,
		    NULL);
		for (k = 0; nengines == i && k < 100; k++) {
			memory_step(&others[i]);
			event_base_loop(base, EVLOOP_NONBLOCK);
		}
	}
	assert_counted(MUZZLE_STREAMS_MAX, 0, MUZZLE_STREAMS_MAX);
	assert_begins(ask(GET(LOGS)), "HTTP/1.1 429 ");
	/* What ends by itself is answered all the same. */
	assert_goes_on();
	engine_says(0, CHUNKED "0\r\n\r\n");
	assert_counted(MUZZLE_STREAMS_MAX + 1, 1, MUZZLE_STREAMS_MAX - 1);
	assert_string_equal(ask(GET(LOGS)), "");
	muzzle_free(muzzle);
	muzzle = NULL;
	settle();
	for (i = 0; i < MUZZLE_STREAMS_MAX; i++)
		memory_free(&others[i]);
}

/* --- Swarm -------------------------------------------------------- */

static void
test_swarm(void **state)
{
	static const struct { const char *info; int status; } cases[] = {
		{ "{\"Swarm\":{\"LocalNodeState\":\"inactive\"}}", 503 },
		{ "{\"Swarm\":{\"LocalNodeState\":\"active\"}}", 403 },
		{ "{\"Swarm\":{}}", 403 },
		{ "no JSON", 403 }
	};
	char line[16], text[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(ask(GET("/swarm")), "");
		assert_begins(engine_heard(i), "GET /info ");
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n"
		    "Content-Length: %zu\r\n\r\n%s", strlen(cases[i].info),
		    cases[i].info);
		engine_says(i, text);
		snprintf(line, sizeof(line), "HTTP/1.1 %d ", cases[i].status);
		assert_begins(heard(), line);
	}
	assert_counted(1, 3, 0);
	away = "Connection refused";
	assert_begins(ask(GET("/swarm")), "HTTP/1.1 502 ");
	away = NULL;
	ask(GET("/swarm"));
	client.in_errno = 104;
	settle();
	assert_int_equal(engines[nengines - 1].m.closed, 1);
}

/* --- on another server -------------------------------------------- */

static void
come_by_the_other(void)
{
	client.in_errno = 104;
	settle();
	assert_int_equal(client.closed, 1);
	memory_free(&client);
	come_by(http_conn_new(other));
}

static void
assert_ends_with_words(void)
{
	muzzle_free(muzzle);
	muzzle = NULL;
	settle();
	assert_has(heard(), "cannot reach the Docker engine: it is not shared "
	    "any more");
	assert_int_equal(engines[nengines - 1].m.closed, 1);
	assert_int_equal(client.finished, 0);
}

static void
test_on_another_server(void **state)
{
	const char *text;

	(void)state;
	come_by_the_other();
	/* A malformed target is not the end of somebody else's connection. */
	text = ask(GET("/../info"));
	assert_begins(text, "HTTP/1.1 400 ");
	assert_has(text, "\"orthrus: ");
	ask(GET("/version"));
	engine_says(0, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
	assert_string_equal(heard(), "HTTP/1.1 200 OK\r\nEvery: 1\r\n"
	    "Content-Length: 2\r\n\r\n{}");
	/* The Muzzle ends before it: what was asked is answered. */
	ask(GET("/info"));
	assert_ends_with_words();
}

static void
test_ends_on_another_server(void **state)
{
	(void)state;
	come_by_the_other();
	ask(GET("/swarm"));
	assert_ends_with_words();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_judged_and_passed), TEST(test_head),
		TEST(test_refused), TEST(test_malformed_target),
		TEST(test_bodies), TEST(test_refused_bodies),
		TEST(test_engine_is_away), TEST(test_engine_drips),
		TEST(test_engine_speaks_wrongly), TEST(test_engine_cuts),
		TEST(test_engine_ends_before_an_answer),
		TEST(test_engine_is_silent), TEST(test_kept),
		TEST(test_kept_has_spoken),
		TEST(test_kept_for_too_long), TEST(test_action_is_sent_once),
		TEST(test_reader_is_gone), TEST(test_reader_goes_at_once),
		TEST(test_reader_is_slow), TEST(test_http10),
		TEST(test_too_many_streams), TEST(test_swarm),
		TEST(test_on_another_server),
		TEST(test_ends_on_another_server)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
