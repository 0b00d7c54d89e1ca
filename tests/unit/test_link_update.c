/* SPDX-License-Identifier: ISC */
/*
 * The link with several gateways: another configuration while sessions are up,
 * and what others see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "link_fixture.h"

static const int64_t all_well[NSERVERS] = { 10, 10, 10 };

static void
test_update_moves_from_a_server_that_is_gone(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	sessions->open = 1;
	c.servers = servers + 1;
	link_update(the_link, &c);
	assert_ptr_equal(told.mux, (struct mux *)session_to(0));
	pass(1000);
	expect_tried(1);
	come_up();
	expect_in_use(1);
	assert_int_equal(told.down, 0);
	expect_sessions(2);
	end_session(session_to(0), EX_UNAVAILABLE, "it has stopped");
	assert_int_equal(told.gone, 1);
}

/* It was not to be used any more, so it ends even so. */
static void
test_update_to_servers_that_are_away(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	c.servers = servers + 1;
	c.nservers = 2;
	link_update(the_link, &c);
	pass(1000);
	expect_tried(1);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_tried(2);
	end(EX_UNAVAILABLE, "cannot connect");
	assert_int_equal(told.down, 1);
	assert_int_equal(told.gave_up, 0);
	expect_sessions(0);
	pass(2 * BACKOFF_MIN);
	expect_tried(1);
}

/* What is known of a server is known in another list as well. */
static void
test_update_keeps_what_is_known(void **state)
{
	struct link_config c = config_for(2);
	struct server three[3] = { servers[2], servers[0], servers[1] };

	(void)state;
	start_at_second(2);
	pass_with(WELL, all_well);
	c.servers = three;
	c.nservers = 3;
	link_update(the_link, &c);
	expect_sessions(1);
	pass_with(WELL / 2, all_well);
	expect_tried(0);
}

static void
test_update_while_another_comes(void **state)
{
	struct link_config c = config_for(2);

	(void)state;
	start_at_second(2);
	pass_with(2 * WELL, all_well);
	expect_tried(0);
	link_update(the_link, &c);
	expect_sessions(1);
	expect_in_use(1);
	pass_with(WELL / 2, all_well);
	expect_tried(0);
}

/* A user who is not ours any more, or a key that is not, ends what was left. */
static void
test_update_ends_what_was_left(void **state)
{
	struct link_config c = config_for(2);
	static char other[] = KEY_2;
	char *pins[1] = { other };

	(void)state;
	start_at_second(2);
	sessions->open = 1;
	pass_with(2 * WELL, all_well);
	come_up();
	expect_sessions(2);
	link_update(the_link, &c);
	expect_sessions(2);
	c.session.policy.pins = pins;
	c.session.policy.npins = 1;
	link_update(the_link, &c);
	assert_int_equal(told.gone, 1);
	assert_int_equal(told.down, 1);
	expect_sessions(1);
	expect_tried(0);
}

/* --- what others see ---------------------------------------------- */

static enum gateway_state states[NSERVERS];
static int64_t round_trips[NSERVERS];

static void
on_gateway(void *arg, const struct link_gateway *g)
{
	size_t *n = arg;

	states[*n] = g->state;
	round_trips[(*n)++] = g->rtt_ms;
}

static void
expect_states(enum gateway_state a, enum gateway_state b, enum gateway_state c)
{
	size_t n = 0;

	link_gateways(the_link, on_gateway, &n);
	assert_int_equal(n, 3);
	assert_int_equal(states[0], a);
	assert_int_equal(states[1], b);
	assert_int_equal(states[2], c);
}

static void
test_what_others_see(void **state)
{
	struct mux_counters sum = { 0 };

	(void)state;
	start_at_second(3);
	sessions->open = 2;
	expect_states(GATEWAY_IS_DOWN, GATEWAY_IS_IN_USE, GATEWAY_IS_UNKNOWN);
	assert_int_equal(round_trips[0], -1);
	pass_with(WELL, all_well);
	expect_states(GATEWAY_IS_UP, GATEWAY_IS_IN_USE, GATEWAY_IS_UNKNOWN);
	assert_int_equal(round_trips[0], 10);
	pass_with(WELL, all_well);
	expect_states(GATEWAY_IS_TRIED, GATEWAY_IS_IN_USE, GATEWAY_IS_UNKNOWN);
	come_up();
	sessions->open = 1;
	expect_states(GATEWAY_IS_IN_USE, GATEWAY_IS_LEFT, GATEWAY_IS_UNKNOWN);
	link_counters(the_link, &sum);
	assert_int_equal(sum.open, 3);
	assert_int_equal(sum.total, 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, link_setup, link_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_update_moves_from_a_server_that_is_gone),
		TEST(test_update_to_servers_that_are_away),
		TEST(test_update_keeps_what_is_known),
		TEST(test_update_while_another_comes),
		TEST(test_update_ends_what_was_left),
		TEST(test_what_others_see),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
