/* SPDX-License-Identifier: ISC */
/*
 * The link with several gateways: how one that is better is found, and moved to
 * without a break.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "link_fixture.h"

static const int64_t all_away[NSERVERS] = { -1, -1, -1 };
static const int64_t all_well[NSERVERS] = { 10, 10, 10 };

/* --- back to the preferred one ------------------------------------ */

static void
test_returns_after_a_minute(void **state)
{
	struct outbound *old;

	(void)state;
	start_at_second(2);
	old = sessions;
	old->open = 3;
	pass_with(WELL, all_away);
	expect_sessions(1);		/* asked, and not there */
	pass_with(WELL, all_well);
	expect_sessions(1);		/* not for a minute yet */
	pass_with(WELL / 2, all_well);
	expect_sessions(2);
	expect_tried(0);
	expect_in_use(1);		/* until the other is up */
	assert_false(is_checked(0));
	come_up();
	expect_in_use(0);
	assert_int_equal(told.up, 2);
	assert_int_equal(told.down + told.gone, 0);
	/* What is open stays, and the rest goes on. */
	pass_with(KEEP / 2, all_well);
	expect_sessions(2);
	old->open = 1;
	pass(1000);
	expect_sessions(2);
	old->open = 0;
	pass(1000);
	assert_int_equal(told.gone, 1);
	expect_sessions(1);
	expect_in_use(0);
	assert_int_equal(told.down + told.trouble, 1);	/* the first failure */
}

static void
test_left_session_ends_after_ten_minutes(void **state)
{
	(void)state;
	start_at_second(2);
	sessions->open = 1;
	pass_with(3 * WELL, all_well);
	come_up();
	pass(KEEP - 1000);
	expect_sessions(2);
	pass(2000);
	expect_sessions(1);
	assert_int_equal(told.gone, 1);
	expect_in_use(0);
}

static void
test_left_session_ends_by_itself(void **state)
{
	struct outbound *old;

	(void)state;
	start_at_second(2);
	old = sessions;
	old->open = 1;
	pass_with(3 * WELL, all_well);
	come_up();
	end_session(old, EX_UNAVAILABLE, "session lost");
	assert_int_equal(told.gone, 1);
	assert_int_equal(told.down, 0);
	expect_in_use(0);
}

/* The least preferred one need not be asked, nor any without another. */
static void
test_only_better_ones_are_asked(void **state)
{
	struct link_config c = config_for(3);

	(void)state;
	start_at_second(3);
	pass(WELL / 2);
	assert_true(is_checked(0));
	assert_false(is_checked(1) || is_checked(2));
	link_free(the_link);
	start(&c);
	come_up();
	pass(WELL);
	assert_false(is_checked(0) || is_checked(1) || is_checked(2));
}

static void
test_failed_return_waits_longer(void **state)
{
	(void)state;
	start_at_second(2);
	pass_with(2 * WELL, all_well);
	expect_tried(0);
	sessions->answers = true;
	end(EX_NOPERM, "the server refused user");
	expect_in_use(1);
	assert_int_equal(told.down + told.gave_up, 0);
	assert_int_equal(told.trouble, 1);	/* only the first */
	pass_with(2 * WELL, all_well);
	expect_sessions(1);
	pass_with(WELL, all_well);
	expect_tried(0);
	come_up();
	expect_in_use(0);
}

/* A session that was to come takes the place of one that ends meanwhile. */
static void
test_session_ends_while_another_comes(void **state)
{
	(void)state;
	start_at_second(2);
	pass_with(2 * WELL, all_well);
	expect_tried(0);
	end_session(session_to(1), EX_UNAVAILABLE, "session lost");
	assert_int_equal(told.down, 1);
	expect_sessions(1);
	expect_tried(0);
	assert_int_equal(state_now(), LINK_CONNECTING);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_tried(1);
	come_up();
	expect_in_use(1);
}

/* The same gateway by another way would end the present session itself. */
static void
test_key_to_avoid(void **state)
{
	struct outbound *old;

	(void)state;
	start_at_second(2);
	assert_null(sessions->config.avoid);
	pass_with(2 * WELL, all_well);
	assert_string_equal(sessions->config.avoid, CHARON);
	end(EX_UNAVAILABLE, "another way to the same");
	old = session_to(1);
	old->gateway = false;		/* a plain server takes both */
	pass_with(3 * WELL, all_well);
	expect_tried(0);
	assert_null(sessions->config.avoid);
}

static void
test_once_only_stays(void **state)
{
	struct link_config c = config_for(2);

	(void)state;
	c.reconnect = false;
	start(&c);
	end(EX_UNAVAILABLE, "cannot connect");
	come_up();
	pass_with(5 * WELL, all_well);
	assert_false(is_checked(0));
	expect_sessions(1);
	assert_false(link_leave(the_link));
}

/* --- the nearest -------------------------------------------------- */

static void
start_nearest(size_t n)
{
	struct link_config c = config_for(n);

	c.prefer = PREFER_FASTEST;
	start(&c);
}

static void
test_nearest_is_found_first(void **state)
{
	(void)state;
	start_nearest(3);
	expect_sessions(0);
	assert_int_equal(state_now(), LINK_CONNECTING);
	check_answers(0, 40);
	check_answers(2, 7);
	pass(100);
	expect_sessions(0);
	check_answers(1, 20);
	pass(0);
	expect_tried(2);
	end(EX_UNAVAILABLE, "it is full");
	expect_tried(1);
	end(EX_UNAVAILABLE, "it is full");
	expect_tried(0);
	come_up();
}

/* One that does not answer holds up nobody. */
static void
test_nearest_is_not_waited_for_long(void **state)
{
	(void)state;
	start_nearest(3);
	check_answers(0, -1);
	pass(5000);
	expect_sessions(0);
	check_answers(1, 20);
	pass(400);
	expect_tried(1);
	assert_true(is_checked(2));
	check_answers(2, -1);
	come_up();
	expect_sessions(1);
}

static void
test_nearest_when_none_answers(void **state)
{
	(void)state;
	start_nearest(2);
	check_answers(0, -1);
	check_answers(1, -1);
	pass(0);
	expect_tried(0);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_tried(1);
}

static void
test_moves_to_the_nearest(void **state)
{
	static const int64_t alike[NSERVERS] = { 20, 21, 22 };
	static const int64_t nearer[NSERVERS] = { 20, 21, 4 };

	(void)state;
	start_nearest(3);
	pass_with(0, alike);
	expect_tried(0);
	come_up();
	pass_with(3 * WELL, alike);
	expect_sessions(1);
	pass_with(WELL, nearer);
	expect_sessions(1);
	pass_with(WELL / 2, nearer);
	expect_tried(2);
	come_up();
	expect_in_use(2);
	pass_with(3 * WELL, nearer);
	expect_sessions(1);
}

/* --- a session without a link ------------------------------------- */

static void
test_goes_elsewhere_without_a_link(void **state)
{
	struct link_config c = config_for(2);

	(void)state;
	start(&c);
	come_up();
	sessions->open = 1;
	part(sessions, true);
	pass(2000);
	expect_sessions(1);		/* most links are back by then */
	pass(3000);
	expect_sessions(2);
	expect_tried(1);
	expect_in_use(0);
	come_up();
	expect_in_use(1);
	assert_int_equal(told.down + told.gone, 0);
	part(session_to(0), false);	/* its streams go on */
	expect_in_use(1);
	expect_sessions(2);
	end_session(session_to(0), EX_UNAVAILABLE, "session lost");
	assert_int_equal(told.gone, 1);
}

static void
test_link_is_back_first(void **state)
{
	struct link_config c = config_for(2);

	(void)state;
	start(&c);
	come_up();
	part(sessions, true);
	pass(2000);
	part(sessions, false);
	pass(10000);
	expect_sessions(1);
	part(sessions, true);
	pass(5000);
	expect_sessions(2);
	part(session_to(0), false);
	expect_sessions(1);
	expect_in_use(0);
	pass(10000);
	expect_sessions(1);
	assert_int_equal(told.up, 1);
}

/* Others are tried again and again, as long as it looks for its link. */
static void
test_all_are_without_a_link(void **state)
{
	struct link_config c = config_for(2);
	unsigned i;

	(void)state;
	start(&c);
	come_up();
	part(sessions, true);
	for (i = 0; i < 5; i++) {
		pass(5000);
		expect_tried(1);
		end(EX_UNAVAILABLE, "cannot connect");
		expect_in_use(0);
	}
	end(EX_UNAVAILABLE, "session lost");
	assert_int_equal(told.down, 1);
	pass(2 * BACKOFF_MIN);
	expect_sessions(1);
}

/* With one server there is nothing to do but wait. */
static void
test_one_server_without_a_link(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	part(sessions, true);
	pass(50000);
	expect_sessions(1);
	part(sessions, false);
	expect_in_use(0);
}

/* Who has to leave does so, whatever comes back. */
static void
test_leaves_without_a_link(void **state)
{
	struct link_config c = config_for(2);

	(void)state;
	start(&c);
	come_up();
	assert_true(link_leave(the_link));
	pass(1000);
	expect_sessions(2);
	part(session_to(0), true);
	part(session_to(0), false);
	expect_sessions(2);
	come_up();
	expect_in_use(1);
}

/* --- being asked to leave ----------------------------------------- */

static void
test_leaves_at_once(void **state)
{
	struct link_config c = config_for(3);

	(void)state;
	start(&c);
	come_up();
	sessions->open = 1;
	assert_true(link_leave(the_link));
	pass(1000);
	expect_sessions(2);
	expect_tried(1);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_tried(2);
	expect_in_use(0);
	come_up();
	expect_in_use(2);
	assert_int_equal(told.down, 0);
	expect_sessions(2);
}

static void
test_leaves_to_nowhere(void **state)
{
	struct link_config c = config_for(2);
	unsigned i;

	(void)state;
	start(&c);
	assert_false(link_leave(the_link));	/* there is no session */
	come_up();
	assert_true(link_leave(the_link));
	for (i = 0; i < 3; i++) {
		pass(1000);
		expect_tried(1);
		end(EX_UNAVAILABLE, "cannot connect");
		expect_in_use(0);
		expect_sessions(1);
	}
	pass(WELL);
	end(EX_UNAVAILABLE, "cannot connect");
	end(EX_UNAVAILABLE, "the gateway has stopped");
	assert_int_equal(told.down, 1);
	pass(2 * BACKOFF_MIN);
	expect_tried(0);		/* it answered, the other did not */
}

static void
test_one_server_cannot_be_left(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	assert_false(link_leave(the_link));
	expect_in_use(0);
}

/* Agents that are asked to leave all at once do not come at once. */
static void
test_leaving_is_spread(void **state)
{
	struct link_config c = config_for(2);
	unsigned early = 0, late = 0, i;

	(void)state;
	for (i = 0; i < 64; i++) {
		start(&c);
		come_up();
		assert_true(link_leave(the_link));
		expect_sessions(1);
		pass(500);
		early += sessions->older != NULL;
		late += sessions->older == NULL;
		pass(500);
		expect_sessions(2);
		link_free(the_link);
	}
	the_link = NULL;
	assert_true(early > 0 && late > 0);
}

/* It is left without a successor after all. */
static void
test_next_while_another_comes(void **state)
{
	struct link_config c = config_for(2);
	struct error why = { 0 };

	(void)state;
	error_set(&why, EX_UNAVAILABLE, "asked to move");
	start(&c);
	come_up();
	assert_true(link_leave(the_link));
	pass(1000);
	expect_sessions(2);
	link_next(the_link, &why);
	assert_int_equal(told.down, 1);
	expect_sessions(1);
	expect_tried(1);
	come_up();
	expect_in_use(1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, link_setup, link_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_returns_after_a_minute),
		TEST(test_left_session_ends_after_ten_minutes),
		TEST(test_left_session_ends_by_itself),
		TEST(test_only_better_ones_are_asked),
		TEST(test_failed_return_waits_longer),
		TEST(test_session_ends_while_another_comes),
		TEST(test_key_to_avoid),
		TEST(test_once_only_stays),
		TEST(test_nearest_is_found_first),
		TEST(test_nearest_is_not_waited_for_long),
		TEST(test_nearest_when_none_answers),
		TEST(test_moves_to_the_nearest),
		TEST(test_goes_elsewhere_without_a_link),
		TEST(test_link_is_back_first),
		TEST(test_all_are_without_a_link),
		TEST(test_one_server_without_a_link),
		TEST(test_leaves_without_a_link),
		TEST(test_leaves_at_once),
		TEST(test_leaves_to_nowhere),
		TEST(test_one_server_cannot_be_left),
		TEST(test_leaving_is_spread),
		TEST(test_next_while_another_comes),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
