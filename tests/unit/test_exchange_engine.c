/* SPDX-License-Identifier: ISC */
/*
 * The Muzzle and an engine that is away, slow or gone, or speaks as it should
 * not; and the connection to it that is kept for the next request.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "muzzle_fixture.h"
#include "orthrus/base/loop.h"

static bool hurry;			/* seconds are milliseconds */

void __real_timer_set(struct event *timer, uint64_t ms);
void __wrap_timer_set(struct event *timer, uint64_t ms);

void
__wrap_timer_set(struct event *timer, uint64_t ms)
{
	__real_timer_set(timer, hurry ? ms / 1000 : ms);
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
		muzzle_teardown(state);
		muzzle_setup(state);
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
	hurry = false;
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
	assert_string_equal(engine_heard(0), "");
	assert_begins(engine_heard(1), "POST /containers/x/restart ");
	engine_ends(1);
	assert_begins(heard(), "HTTP/1.1 502 ");
	assert_int_equal(nengines, 2);
}

/* --- a connection that is spare ----------------------------------- */

static void
client_goes(void)
{
	client.in_errno = 104;
	settle();
	assert_int_equal(client.closed, 1);
	memory_free(&client);
	memory_init(&client);
}

static void
next_client(void)
{
	client_goes();
	come_by(muzzle_endpoint_new(muzzle, NULL));
}

static void
test_spare(void **state)
{
	(void)state;
	muzzle_keep_spares(muzzle);
	assert_goes_on();
	next_client();
	assert_int_equal(engines[0].m.closed, 0);
	assert_goes_on();
	assert_int_equal(nengines, 1);
	/* One that has ended meanwhile is not taken, nor for an action. */
	next_client();
	engine_ends(0);
	assert_goes_on();
	assert_int_equal(nengines, 2);
	next_client();
	ask(POST("/containers/x/restart", ""));
	assert_int_equal(nengines, 3);
	assert_begins(engine_heard(2), "POST /containers/x/restart ");
	engine_says(2, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_has(heard(), " 204 ");
}

/* With an answer under way nothing is left to spare, nor unless it is wanted. */
static void
test_not_spare(void **state)
{
	(void)state;
	assert_goes_on();
	next_client();
	assert_int_equal(engines[0].m.closed, 1);
	muzzle_teardown(state);
	muzzle_setup(state);
	muzzle_keep_spares(muzzle);
	ask(GET(LOGS));
	engine_says(0, CHUNKED "5\r\nhello\r\n");
	next_client();
	assert_int_equal(engines[0].m.closed, 1);
	assert_goes_on();
	assert_int_equal(nengines, 2);
}

/* An engine that sleeps until it is needed may sleep soon. */
static void
test_spare_for_a_while(void **state)
{
	int i;

	(void)state;
	muzzle_keep_spares(muzzle);
	assert_goes_on();
	hurry = true;
	client_goes();
	for (i = 0; i < 1000 && engines[0].m.closed == 0; i++)
		event_base_loop(base, EVLOOP_ONCE);
	hurry = false;
	assert_int_equal(engines[0].m.closed, 1);
	come_by(muzzle_endpoint_new(muzzle, NULL));
	assert_goes_on();
	assert_int_equal(nengines, 2);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, muzzle_setup, \
	muzzle_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_engine_is_away),
		TEST(test_engine_drips),
		TEST(test_engine_speaks_wrongly),
		TEST(test_engine_cuts),
		TEST(test_engine_ends_before_an_answer),
		TEST(test_engine_is_silent),
		TEST(test_kept),
		TEST(test_kept_has_spoken),
		TEST(test_kept_for_too_long),
		TEST(test_action_is_sent_once),
		TEST(test_spare),
		TEST(test_not_spare),
		TEST(test_spare_for_a_while)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
