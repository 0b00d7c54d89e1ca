/* SPDX-License-Identifier: ISC */
/*
 * What the Muzzle makes of a client's requests: judged, written anew, refused,
 * with a body; readers that are slow, gone or speak HTTP/1.0; Swarm.
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

#include "muzzle_fixture.h"

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
		muzzle_teardown(state);
		muzzle_setup(state);
	}
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
		muzzle_teardown(state);
		muzzle_setup(state);
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
	muzzle_teardown(state);
	muzzle_setup(state);
	/* Another answer has its length, and the connection goes on. */
	ask("GET /containers/x/logs?stdout=1 HTTP/1.0\r\n"
	    "Connection: keep-alive\r\n\r\n");
	engine_says(0, CHUNKED "3\r\nabc\r\n");
	assert_string_equal(heard(), "");
	engine_says(0, "3\r\ndef\r\n0\r\n\r\n");
	text = heard();
	assert_begins(text, "HTTP/1.0 200 OK\r\n");
	assert_has(text, "Content-Length: 6\r\n");
	assert_has(text, "\r\n\r\nabcdef");
	assert_goes_on();
}

/* Which is not the same as what is no JSON, and is told so. */
static void
test_too_large_to_keep(void **state)
{
	static const char begin[] = CHUNKED "800010\r\n[\"";
	static const char end[] = "\"]\r\n0\r\n\r\n";
	size_t len = 0x800010 - 4, n = strlen(begin) + len + strlen(end);
	char *text = malloc(n);
	const char *answer;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n);
	memcpy(text, begin, strlen(begin));
	memcpy(text + strlen(begin) + len, end, strlen(end));
	ask("GET /info HTTP/1.0\r\n\r\n");
	engine_says_bytes(0, text, n);
	free(text);
	answer = heard();
	assert_begins(answer, "HTTP/1.0 502 ");
	assert_has(answer, "more than 8 MiB");
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
		relay_start(&others[i].ep, muzzle_endpoint_new(muzzle, NULL), NULL,
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
	come_by(http_conn_new(other, NULL));
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
#define TEST(f) cmocka_unit_test_setup_teardown(f, muzzle_setup, \
	muzzle_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_judged_and_passed),
		TEST(test_head),
		TEST(test_refused),
		TEST(test_malformed_target),
		TEST(test_bodies),
		TEST(test_refused_bodies),
		TEST(test_reader_is_gone),
		TEST(test_reader_goes_at_once),
		TEST(test_reader_is_slow),
		TEST(test_http10),
		TEST(test_too_large_to_keep),
		TEST(test_too_many_streams),
		TEST(test_swarm),
		TEST(test_on_another_server),
		TEST(test_ends_on_another_server)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
