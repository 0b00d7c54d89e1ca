/* SPDX-License-Identifier: ISC */
/*
 * The link: which server is tried next, after how long, and when it gives up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "captured.h"
#include "link_fixture.h"

static char *pins[1];

static void
test_tries_each_server_and_then_waits(void **state)
{
	struct link_config c = config_for(3);

	(void)state;
	start(&c);
	expect_tried(0);
	end(EX_UNAVAILABLE, "cannot connect");
	assert_string_equal(told.why.text,
	    "ssh://web-1@server-0:22: cannot connect");
	expect_tried(1);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_tried(2);
	assert_int_equal(state_now(), LINK_CONNECTING);
	end(EX_UNAVAILABLE, "cannot connect");
	assert_int_equal(told.trouble, 3);
	expect_wait(BACKOFF_MIN);
	expect_tried(0);
	assert_int_equal(told.up + told.down + told.gave_up, 0);
}

static void
test_waits_longer_after_each_round(void **state)
{
	static const uint64_t expected[] = { 1000, 2000, 4000, 8000, 16000,
	    30000, 30000 };
	struct link_config c = config_for(1);
	size_t i;

	(void)state;
	start(&c);
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		end(EX_UNAVAILABLE, "cannot connect");
		expect_wait(expected[i]);
	}
	expect_tried(0);
}

/* What is slow says so once, and later only when it is another thing. */
static void
test_slow_attempts(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	capture_start();
	start(&c);
	pass(4900);
	assert_int_equal(captured_count("still waiting"), 0);
	pass(5000);
	assert_int_equal(captured_count("connecting to ssh://web-1@server-0:22"
	    "\n"), 1);
	assert_int_equal(captured_count("ssh://web-1@server-0:22: still "
	    "waiting for an answer\n"), 1);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_wait(BACKOFF_MIN);
	pass(6000);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_wait(2 * BACKOFF_MIN);
	waits_for = "something else";
	pass(6000);
	assert_int_equal(captured_count("still waiting for something else"),
	    1);
	come_up();
	pass(6000);
	assert_int_equal(captured_count("still waiting"), 2);
	assert_int_equal(captured_count("connecting to "), 1);
	capture_end();
	waits_for = "an answer";
}

/* Another one of this identity has our place, and is left alone for a while. */
static void
test_displaced(void **state)
{
	struct link_config c = config_for(2);

	(void)state;
	start(&c);
	come_up();
	pass(60000);
	end(EX_TEMPFAIL, "another machine has this identity");
	assert_int_equal(told.down, 1);
	expect_wait(BACKOFF_MAX);
	come_up();
	pass(60000);
	end(EX_UNAVAILABLE, "session lost");
	pass(2 * BACKOFF_MIN);
	expect_tried(0);
}

static void
test_displaced_without_another_try(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	c.reconnect = false;
	start(&c);
	come_up();
	pass(5000);
	end(EX_TEMPFAIL, "another machine has this identity");
	assert_int_equal(told.gave_up, 1);
	assert_int_equal(told.why.code, EX_UNAVAILABLE);
}

static void
test_lost_session_moves_on(void **state)
{
	struct link_config c = config_for(2);
	struct link_info info;

	(void)state;
	start(&c);
	come_up();
	assert_true(told.gateway);
	pass(5000);
	end(EX_UNAVAILABLE, "session lost");
	assert_int_equal(told.down, 1);
	assert_int_equal(state_now(), LINK_BACKOFF);
	pass(2 * BACKOFF_MIN);
	expect_tried(1);
	come_up();
	link_info(the_link, &info);
	assert_int_equal(info.reconnects, 1);
	assert_string_equal(info.server->host, "server-1");
}

/* One that ends at once is no success: else it would be tried every second. */
static void
test_short_session_counts_as_a_failed_round(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	pass(100);
	end(EX_UNAVAILABLE, "session lost");
	expect_wait(1000);
	come_up();
	pass(100);
	end(EX_UNAVAILABLE, "session lost");
	expect_wait(2000);
	come_up();
	pass(2000);
	end(EX_UNAVAILABLE, "session lost");
	expect_wait(1000);
	expect_tried(0);
}

static void
test_refusal_ends_it_before_a_success(void **state)
{
	struct link_config c = config_for(2);

	(void)state;
	start(&c);
	end(EX_NOPERM, "the server refused user");
	expect_tried(1);		/* another one may not refuse */
	end(EX_UNAVAILABLE, "cannot connect");
	assert_int_equal(told.gave_up, 1);
	assert_int_equal(told.why.code, EX_NOPERM);
	assert_string_equal(told.why.text,
	    "ssh://web-1@server-0:22: the server refused user");
	expect_nothing_more();
}

/* After a success it may be a mistake that somebody is mending. */
static void
test_refusal_is_waited_out_after_a_success(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	pass(5000);
	end(EX_UNAVAILABLE, "session lost");
	expect_wait(BACKOFF_MIN);
	end(EX_NOPERM, "the server refused user");
	assert_int_equal(told.gave_up, 0);
	expect_wait(BACKOFF_MAX);
	expect_tried(0);
}

static void
test_refusal_is_final_where_it_should_be(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	c.refusal_is_final = true;
	start(&c);
	come_up();
	pass(5000);
	end(EX_UNAVAILABLE, "session lost");
	expect_wait(BACKOFF_MIN);
	end(EX_NOPERM, "revoked");
	assert_int_equal(told.gave_up, 1);
	expect_nothing_more();
}

static void
test_once_only(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	c.reconnect = false;
	start(&c);
	come_up();
	end(EX_UNAVAILABLE, "session lost");
	assert_int_equal(told.down, 1);
	assert_int_equal(told.gave_up, 1);
	assert_int_equal(told.why.code, EX_UNAVAILABLE);
	expect_nothing_more();
}

/* --- another server, another configuration ---------------------------- */

static void
test_next_server_at_once(void **state)
{
	struct link_config c = config_for(2);
	struct error why = { 0 };

	(void)state;
	error_set(&why, EX_UNAVAILABLE, "asked to move");
	start(&c);
	link_next(the_link, &why);	/* nothing is up to be left */
	expect_tried(0);
	assert_int_equal(told.trouble, 0);
	come_up();
	link_next(the_link, &why);
	assert_int_equal(told.down, 1);
	assert_string_equal(told.why.text, "ssh://web-1@server-0:22: asked to move");
	expect_tried(1);
	expect_sessions(1);
}

static void
test_next_of_one_server_waits(void **state)
{
	struct link_config c = config_for(1);
	struct error why = { 0 };

	(void)state;
	error_set(&why, EX_UNAVAILABLE, "asked to move");
	start(&c);
	come_up();
	pass(5000);
	link_next(the_link, &why);
	assert_int_equal(told.down, 1);
	expect_wait(BACKOFF_MIN);
	expect_tried(0);
}

static void
test_update_keeps_a_session_that_is_still_wanted(void **state)
{
	struct server reversed[2];
	struct link_config c = config_for(2);
	struct link_info info;

	(void)state;
	start(&c);
	come_up();
	reversed[0] = servers[1];
	reversed[1] = servers[0];
	c.servers = reversed;
	pins[0] = (char *)(uintptr_t)KEY_1;
	c.session.policy.pins = pins;
	c.session.policy.npins = 1;
	link_update(the_link, &c);
	assert_int_equal(told.down, 0);
	assert_int_equal(started, 1);
	link_info(the_link, &info);
	assert_ptr_equal(info.server, &reversed[1]);
	link_free(the_link);
	the_link = NULL;
	assert_int_equal(told.down, 1);
}

static void
expect_left(const struct link_config *c)
{
	link_update(the_link, c);
	assert_int_equal(told.down, 1);
	assert_int_equal(told.gave_up, 0);
	assert_int_equal(started, 2);
	assert_int_equal(state_now(), LINK_CONNECTING);
}

static void
test_update_leaves_another_user(void **state)
{
	struct server renamed = servers[0];
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	snprintf(renamed.user, sizeof(renamed.user), "web-2");
	c.servers = &renamed;
	expect_left(&c);
	assert_string_equal(sessions->config.server.user, "web-2");
}

static void
test_update_leaves_a_key_that_is_not_pinned(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	pins[0] = (char *)(uintptr_t)KEY_2;
	c.session.policy.pins = pins;
	c.session.policy.npins = 1;
	expect_left(&c);
	expect_tried(0);
}

/* Agents that lose their gateway all at once do not come back at once. */
static void
test_others_come_at_random(void **state)
{
	struct link_config c = config_for(2);
	unsigned early = 0, late = 0, i;

	(void)state;
	start(&c);
	for (i = 0; i < 64; i++) {
		come_up();
		pass(5000);
		end(EX_UNAVAILABLE, "session lost");
		pass(BACKOFF_MIN);
		early += sessions != NULL;
		late += sessions == NULL;
		pass(BACKOFF_MIN);
		assert_non_null(sessions);
	}
	assert_true(early > 0 && late > 0);
}

/* After both are gone the rounds go on, the preferred one first. */
static void
test_both_are_gone(void **state)
{
	struct link_config c = config_for(2);

	(void)state;
	start(&c);
	come_up();
	pass(5000);
	end(EX_UNAVAILABLE, "session lost");
	pass(2 * BACKOFF_MIN);
	expect_tried(1);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_tried(0);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_wait(1000);
	expect_tried(0);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_tried(1);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_wait(2000);
	expect_tried(0);
}

/* One that answers and has no place for us is asked before one that is gone. */
static void
test_who_answers_is_tried_first(void **state)
{
	struct link_config c = config_for(2);

	(void)state;
	start(&c);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_tried(1);
	sessions->answers = true;
	end(EX_UNAVAILABLE, "it is full");
	expect_wait(1000);
	expect_tried(1);
}

/* It begins anew, whatever it waited for. */
static void
test_update_ends_a_wait(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	end(EX_UNAVAILABLE, "cannot connect");
	assert_null(sessions);
	link_update(the_link, &c);
	expect_tried(0);
	assert_int_equal(told.down, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, link_setup, \
    link_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tries_each_server_and_then_waits),
		TEST(test_waits_longer_after_each_round),
		TEST(test_slow_attempts),
		TEST(test_displaced),
		TEST(test_displaced_without_another_try),
		TEST(test_lost_session_moves_on),
		TEST(test_short_session_counts_as_a_failed_round),
		TEST(test_refusal_ends_it_before_a_success),
		TEST(test_refusal_is_waited_out_after_a_success),
		TEST(test_refusal_is_final_where_it_should_be),
		TEST(test_once_only),
		TEST(test_next_server_at_once),
		TEST(test_next_of_one_server_waits),
		TEST(test_update_keeps_a_session_that_is_still_wanted),
		TEST(test_update_leaves_another_user),
		TEST(test_update_leaves_a_key_that_is_not_pinned),
		TEST(test_update_ends_a_wait),
		TEST(test_others_come_at_random),
		TEST(test_both_are_gone),
		TEST(test_who_answers_is_tried_first),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
