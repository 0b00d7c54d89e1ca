/* SPDX-License-Identifier: ISC */
/* How much bulk may be on its way beside small streams: pure arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/ssh/pace.h"

static struct pace pace;
static struct pace_rate bulk, small;
static uint64_t now;

static int
setup(void **state)
{
	(void)state;
	pace_init(&pace);
	bulk = small = (struct pace_rate){ 0 };
	now = 5000000;
	return 0;
}

static void
test_alone(void **state)
{
	(void)state;
	assert_false(pace_moved(&pace, &bulk, PACE_BULK, now));
	assert_true(pace_moved(&pace, &bulk, 1, now));
	assert_false(pace_holds(&pace, &bulk, now));
}

static void
test_beside_a_small_stream(void **state)
{
	(void)state;
	pace_moved(&pace, &bulk, PACE_BULK + 1, now);
	pace_moved(&pace, &small, 64, now);
	assert_true(pace_holds(&pace, &bulk, now));
	assert_false(pace_holds(&pace, &small, now));
	assert_true(pace_holds(&pace, &bulk, now + PACE_HOLD - 1));
	assert_false(pace_holds(&pace, &bulk, now + PACE_HOLD));
}

static void
test_bulk_that_slows_down_is_small(void **state)
{
	(void)state;
	assert_true(pace_moved(&pace, &bulk, PACE_BULK + 1, now));
	assert_true(pace_moved(&pace, &bulk, 10, now + PACE_PERIOD));
	assert_true(pace_moved(&pace, &bulk, 10, now + PACE_PERIOD + 1));
	assert_false(pace_moved(&pace, &bulk, 10, now + 3 * PACE_PERIOD));
}

/* One byte a millisecond short of the period never counts as bulk. */
static void
test_steady_trickle_is_small(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 10000; i++)
		assert_false(pace_moved(&pace, &small, 500, now += 1000));
}

#define MARKS 4096

/*
 * A path that takes bytes_per_us with an empty round trip of least us: sends
 * what there is room for, and has the marks answered in order.
 */
static void
path(uint64_t least, uint64_t bytes_per_us, unsigned turns)
{
	struct { size_t bytes; uint64_t sent, due; } marks[MARKS], *m;
	size_t first = 0, last = 0, n;
	uint64_t free_at = now;

	while (turns > 0 || first < last) {
		n = turns > 0 ? pace_room(&pace) : 0;
		n = n < 32768 ? n : 32768;
		pace_sent(&pace, n);
		free_at = (free_at < now ? now : free_at) + n / bytes_per_us;
		if (pace.unmarked > 0 && pace_wants_mark(&pace)) {
			m = &marks[last++ % MARKS];
			m->bytes = pace_mark(&pace);
			m->sent = now;
			m->due = free_at + least;
		}
		if (n > 0)
			continue;
		assert_in_range(last - first, 1, MARKS);
		m = &marks[first++ % MARKS];
		now = m->due;
		pace_answered(&pace, m->bytes, now - m->sent, now);
		turns -= turns > 0;
	}
}

/* Near the product of bandwidth and delay, and half as much again at most. */
static void
test_follows_the_path(void **state)
{
	(void)state;
	path(100000, 12, 400);		/* 100 Mbit/s at 100 ms: 1.2 MB */
	assert_in_range(pace.limit, 700000, 2500000);
}

/* A short path: next to nothing queues. */
static void
test_stays_at_the_least(void **state)
{
	(void)state;
	path(40, 850, 2000);
	assert_in_range(pace.limit, PACE_LEAST, 2 * PACE_LEAST);
}

static void
test_bounded(void **state)
{
	(void)state;
	path(1000000, 1000000, 400);
	assert_in_range(pace.limit, PACE_LEAST, PACE_MOST);
}

/* A longer path than before is noticed once the old one is forgotten. */
static void
test_forgets(void **state)
{
	(void)state;
	path(1000, 12, 50);
	assert_in_range(pace.least, 1000, 6000);
	now += PACE_REMEMBER;
	path(200000, 12, 400);
	assert_in_range(pace.least, 150000, 400000);
	assert_in_range(pace.limit, 1000000, 6000000);
}

static void
test_all_answered(void **state)
{
	(void)state;
	path(100, 100, 100);
	assert_int_equal(pace.flight, pace.unmarked);
	assert_int_equal(pace.marks, 0);
	assert_true(pace_wants_mark(&pace));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_alone, setup),
		cmocka_unit_test_setup(test_beside_a_small_stream, setup),
		cmocka_unit_test_setup(test_bulk_that_slows_down_is_small,
		    setup),
		cmocka_unit_test_setup(test_steady_trickle_is_small, setup),
		cmocka_unit_test_setup(test_follows_the_path, setup),
		cmocka_unit_test_setup(test_stays_at_the_least, setup),
		cmocka_unit_test_setup(test_bounded, setup),
		cmocka_unit_test_setup(test_forgets, setup),
		cmocka_unit_test_setup(test_all_answered, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
