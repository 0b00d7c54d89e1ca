/* SPDX-License-Identifier: ISC */
/* Which gateway comes next, and which is worth moving to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/ssh/gateways.h"

#define N 3
#define WELL 60000

static struct gateway_known g[N];
static uint64_t now;

static int
setup(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N; i++)
		gateway_forget(&g[i]);
	now = 1000000;
	return 0;
}

/* All are tried, one after the other, in this order. */
static void
assert_order(enum server_preference prefer, size_t a, size_t b, size_t c)
{
	const size_t expected[N] = { a, b, c };
	size_t i;

	gateways_round(g, N);
	for (i = 0; i < N; i++) {
		assert_int_equal(gateways_next(g, N, prefer), expected[i]);
		g[expected[i]].tried = true;
	}
	assert_int_equal(gateways_next(g, N, prefer), N);
}

static void
assert_better(enum server_preference prefer, size_t at, size_t expected)
{
	uint64_t due;

	gateways_compare(g, N, at, now);
	assert_int_equal(gateways_better(g, N, at, prefer, now, WELL, &due),
	    expected);
}

/* --- who comes next ------------------------------------------------ */

static void
test_in_order(void **state)
{
	(void)state;
	assert_order(PREFER_ORDER, 0, 1, 2);
	g[0].rtt_ms = 90;
	g[2].rtt_ms = 1;
	assert_order(PREFER_ORDER, 0, 1, 2);
}

static void
test_nearest_first(void **state)
{
	(void)state;
	assert_order(PREFER_FASTEST, 0, 1, 2);	/* nothing is known */
	gateway_answered(&g[0], 90, now);
	gateway_answered(&g[2], 0, now);
	assert_order(PREFER_FASTEST, 2, 0, 1);
	gateway_answered(&g[1], 90, now);	/* as far as the first */
	assert_order(PREFER_FASTEST, 2, 0, 1);
}

/* One that went away comes last, and before it one that at least answers. */
static void
test_trouble_comes_last(void **state)
{
	(void)state;
	gateway_failed(&g[0], false);
	assert_order(PREFER_ORDER, 1, 2, 0);
	gateway_failed(&g[1], true);
	assert_order(PREFER_ORDER, 2, 1, 0);
	gateway_failed(&g[2], false);
	assert_order(PREFER_ORDER, 1, 0, 2);
	gateway_answered(&g[2], 5, now);
	gateway_failed(&g[2], false);
	gateway_answered(&g[0], 50, now);
	assert_order(PREFER_FASTEST, 0, 1, 2);
}

/* The one whose session has ended is not the first to be asked again. */
static void
test_lost_one_comes_last(void **state)
{
	(void)state;
	gateways_lost(g, N, 0);
	assert_order(PREFER_ORDER, 1, 2, 0);
	gateway_answered(&g[0], 1, now);
	gateway_answered(&g[1], 10, now);
	assert_order(PREFER_FASTEST, 1, 2, 0);
	gateway_failed(&g[2], true);	/* unless others are worse */
	assert_order(PREFER_FASTEST, 1, 0, 2);
	gateways_lost(g, N, N);
	assert_order(PREFER_FASTEST, 0, 1, 2);
}

/* --- who is worth moving to ---------------------------------------- */

static void
test_who_is_watched(void **state)
{
	(void)state;
	assert_true(gateways_watched(0, 1, PREFER_ORDER));
	assert_false(gateways_watched(1, 1, PREFER_ORDER));
	assert_false(gateways_watched(2, 1, PREFER_ORDER));
	assert_true(gateways_watched(2, 1, PREFER_FASTEST));
	assert_true(gateways_watched(1, 1, PREFER_FASTEST));
}

static void
test_preferred_one_after_a_minute(void **state)
{
	uint64_t due;

	(void)state;
	assert_better(PREFER_ORDER, 1, N);	/* nobody knows how it is */
	gateway_answered(&g[0], 10, now);
	gateway_answered(&g[2], 1, now);	/* which is not preferred */
	now += WELL - 1;
	assert_int_equal(gateways_better(g, N, 1, PREFER_ORDER, now, WELL,
	    &due), N);
	assert_int_equal(due, 1);
	gateway_answered(&g[0], 10, now);	/* since then, still */
	now++;
	assert_better(PREFER_ORDER, 1, 0);
	assert_better(PREFER_ORDER, 0, N);
	/* Of several the first. */
	gateway_answered(&g[1], 10, now - WELL);
	assert_better(PREFER_ORDER, 2, 0);
	/* From one that is not listed any more to any. */
	assert_better(PREFER_ORDER, N, 0);
}

static void
test_minute_begins_again(void **state)
{
	(void)state;
	gateway_answered(&g[0], 10, now);
	now += WELL - 1;
	gateway_failed(&g[0], false);
	now += 10;
	gateway_answered(&g[0], 10, now);
	now += WELL - 1;
	assert_better(PREFER_ORDER, 1, N);
	now++;
	assert_better(PREFER_ORDER, 1, 0);
}

static void
test_setbacks_make_it_longer(void **state)
{
	static const uint64_t minutes[] = { 1, 2, 4, 8, 16, 16, 16 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
		gateway_failed(&g[0], true);
		gateway_answered(&g[0], 10, now);
		now += minutes[i] * WELL - 1;
		assert_better(PREFER_ORDER, 1, N);
		now++;
		assert_better(PREFER_ORDER, 1, 0);
		gateway_set_back(&g[0]);
	}
}

/* Whether one of rtt is moved to from one of ours, once the minute is over. */
static bool
is_worth_it(int64_t ours, int64_t its)
{
	uint64_t due;

	setup(NULL);
	gateway_answered(&g[1], ours, now);
	gateway_answered(&g[2], its, now);
	gateways_compare(g, N, 1, now);
	now += WELL;
	return gateways_better(g, N, 1, PREFER_FASTEST, now, WELL, &due) == 2;
}

/* A quarter and 5 ms less, or it would go to and fro. */
static void
test_quicker_by_so_much(void **state)
{
	(void)state;
	assert_true(is_worth_it(100, 75));
	assert_false(is_worth_it(100, 76));
	assert_false(is_worth_it(100, 100));
	assert_false(is_worth_it(100, 200));
	assert_true(is_worth_it(8, 3));
	assert_false(is_worth_it(8, 4));
	assert_false(is_worth_it(0, 0));
	assert_false(is_worth_it(-1, 0));	/* ours is not known */
	assert_false(is_worth_it(100, -1));
}

/* Being quicker once, at the end of the minute, is not enough. */
static void
test_quicker_for_a_minute(void **state)
{
	(void)state;
	gateway_answered(&g[1], 100, now);
	gateway_answered(&g[0], 100, now);
	assert_better(PREFER_FASTEST, 1, N);
	now += WELL;
	gateway_answered(&g[0], 20, now);
	assert_better(PREFER_FASTEST, 1, N);
	now += WELL / 2;
	gateway_answered(&g[0], 110, now);	/* not now */
	assert_better(PREFER_FASTEST, 1, N);
	gateway_answered(&g[0], 20, now);
	assert_better(PREFER_FASTEST, 1, N);
	now += WELL - 1;
	assert_better(PREFER_FASTEST, 1, N);
	now++;
	assert_better(PREFER_FASTEST, 1, 0);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_in_order),
		TEST(test_nearest_first),
		TEST(test_trouble_comes_last),
		TEST(test_lost_one_comes_last),
		TEST(test_who_is_watched),
		TEST(test_preferred_one_after_a_minute),
		TEST(test_minute_begins_again),
		TEST(test_setbacks_make_it_longer),
		TEST(test_quicker_by_so_much),
		TEST(test_quicker_for_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
