/* SPDX-License-Identifier: ISC */
/*
 * Streams of JSON through the Muzzle: each event passes when it is there, its
 * secrets do not, and one that cannot be read ends the stream as broken.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "muzzle_fixture.h"

#define EVENTS10 "GET /events HTTP/1.0\r\n\r\n"
#define SHOWN10 "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n"

/* The engine says one event, or a part of one, as a chunk. */
static void
says_chunk(const char *text)
{
	static char chunk[1024];

	snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", strlen(text), text);
	engine_says(0, chunk);
}

/* The client has seen just that since the last time, as one chunk. */
static void
assert_chunk(const char *want)
{
	char chunk[1024];

	snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", strlen(want), want);
	assert_string_equal(heard(), chunk);
}

static void
test_at_once(void **state)
{
	(void)state;
	ask(GET("/events"));
	engine_says(0, CHUNKED);
	/* Who waits for the first event has been told that it may come. */
	assert_string_equal(heard(), CHUNKED);
	assert_counted(1, 0, 1);
	says_chunk("{\"status\":\"exec_create: env A=s3cret sh\"}\n");
	assert_chunk("{\"status\":\"exec_create: env A=***\"}\n");
	says_chunk("{\"Actor\":{\"Attributes\":{\"u\":\"http://a:s3cret@h\"}}}");
	assert_chunk("{\"Actor\":{\"Attributes\":{\"u\":\"http://***@h\"}}}");
	/* Of one that comes in parts what is known passes, and no more. */
	says_chunk("{\"a\":1,\"Env\":[\"A=s3c");
	assert_chunk("{\"a\":1,\"Env\":[\"");
	says_chunk("ret\"]}\n{\"b\":2}\n");
	assert_chunk("A=***\"]}\n{\"b\":2}\n");
	engine_says(0, "0\r\n\r\n");
	assert_string_equal(heard(), "0\r\n\r\n");
	assert_counted(1, 0, 0);
	assert_goes_on();
}

static void
test_statistics(void **state)
{
	(void)state;
	ask(GET("/containers/x/stats"));
	engine_says(0, CHUNKED);
	assert_string_equal(heard(), CHUNKED);
	says_chunk("{\"name\":\"/x\",\"n\":18446744073709551616}\n");
	assert_chunk("{\"name\":\"/x\",\"n\":18446744073709551616}\n");
	assert_counted(1, 0, 1);
}

/* An engine that knows the length of its stream; none of it is an event. */
static void
test_known_length(void **state)
{
	(void)state;
	ask(GET("/events?until=1"));
	engine_says(0, "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n"
	    "{\"Env\":[\"A=s\"]}");
	assert_string_equal(heard(), CHUNKED
	    "11\r\n{\"Env\":[\"A=***\"]}\r\n0\r\n\r\n");
	ask(GET("/events?until=1"));
	engine_says(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_string_equal(heard(), CHUNKED "0\r\n\r\n");
	assert_goes_on();
}

static void
test_http10(void **state)
{
	(void)state;
	ask(EVENTS10);
	engine_says(0, CHUNKED);
	assert_string_equal(heard(), SHOWN10);
	says_chunk("{\"Env\":[\"A=s\"]}\n");
	assert_string_equal(heard(), "{\"Env\":[\"A=***\"]}\n");
	says_chunk("{\"Env\":[");
	assert_string_equal(heard(), "{\"Env\":[");
	says_chunk("]}");
	assert_string_equal(heard(), "]}");
	assert_int_equal(client.finished, 0);
	engine_says(0, "0\r\n\r\n");
	assert_string_equal(heard(), "");
	assert_int_equal(client.finished, 1);
}

/* What cannot be read never looks whole: no last chunk, and no plain end. */
static void
test_broken(void **state)
{
	static const char *const cases[] = { "[1,]", "{}}", "nonsense",
	    "{\"a\":\"\x01\"}", "\xef\xbb\xbf{}", "1.5.5" };
	size_t i;

	for (i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		ask(i % 2 == 0 ? GET("/events") : EVENTS10);
		engine_says(0, CHUNKED);
		says_chunk("{}\n");
		assert_has(heard(), "{}\n");
		says_chunk(cases[i / 2]);
		assert_null(strstr(heard(), "0\r\n\r\n"));
		assert_true(client.aborted);
		assert_int_equal(client.finished, 0);
		assert_int_equal(engines[0].m.closed, 1);
		assert_counted(1, 0, 0);
		muzzle_teardown(state);
		muzzle_setup(state);
	}
}

/* The engine ends in the middle of an event, in the best of manners. */
static void
test_ends_within_one(void **state)
{
	static const char *const cases[] = { "{", "{}\n[", "{}\n\"s3cr", "{}-",
	    "{}\ntru" };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ask(GET("/events"));
		engine_says(0, CHUNKED);
		says_chunk(cases[i]);
		engine_says(0, "0\r\n\r\n");
		assert_null(strstr(heard(), "0\r\n\r\n"));
		assert_true(client.aborted);
		muzzle_teardown(state);
		muzzle_setup(state);
	}
}

/* An error in front of the stream is one as of any other answer. */
static void
test_refused_by_the_engine(void **state)
{
	const char *text;

	(void)state;
	ask(GET("/events"));
	engine_says(0, "HTTP/1.1 400 Bad Request\r\nContent-Length: 27\r\n\r\n"
	    "{\"message\":\"x://u:s@h bad\"}");
	text = heard();
	assert_begins(text, "HTTP/1.1 400 ");
	assert_has(text, "{\"message\":\"x://***@h bad\"}");
	ask(GET("/events"));
	engine_says(0, "HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\n"
	    "x://u:s@h");
	text = heard();
	assert_begins(text, "HTTP/1.1 500 ");
	assert_has(text, "in words that cannot be looked through");
	assert_null(strstr(text, "u:s"));
	assert_counted(2, 0, 0);
}

/* Every other answer that is JSON is looked through. */
static void
test_everywhere(void **state)
{
	static const char *const asked[] = { GET("/version"), GET("/info"),
	    GET("/containers/json"), GET("/containers/x/json"),
	    GET("/containers/x/top"), GET("/containers/x/changes"),
	    GET("/containers/x/stats?stream=0"), GET("/images/json"),
	    GET("/images/x/json"), GET("/images/x/history"),
	    GET("/networks"), GET("/networks/"), GET("/networks/x"),
	    GET("/volumes"), GET("/volumes/x"), GET("/system/df"),
	    POST("/containers/x/restart", "") };
	const char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		ask(asked[i]);
		engine_says(nengines - 1, CHUNKED "d\r\n[\"x://u:s@h\"]\r\n"
		    "0\r\n\r\n");
		text = heard();
		assert_has(text, "Content-Length: 13\r\n\r\n"
		    "[\"x://***@h\"]");
	}
}

/* Nothing is no secret, and what podman may say of what is not running. */
static void
test_nothing(void **state)
{
	static const char *const said[] = { CHUNKED "0\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		ask(GET("/containers/x/top"));
		engine_says(0, said[i]);
		assert_string_equal(heard(), "HTTP/1.1 200 OK\r\n"
		    "Content-Length: 0\r\n\r\n");
	}
	ask(GET("/info"));
	engine_says(0, said[0]);
	assert_begins(heard(), "HTTP/1.1 502 ");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, muzzle_setup, \
	muzzle_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_at_once),
		TEST(test_statistics),
		TEST(test_known_length),
		TEST(test_http10),
		TEST(test_broken),
		TEST(test_ends_within_one),
		TEST(test_refused_by_the_engine),
		TEST(test_everywhere),
		TEST(test_nothing)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
