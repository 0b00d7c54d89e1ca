/* SPDX-License-Identifier: ISC */
/* The shortest round trip of the last minutes: pure arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/ssh/round_trip.h"

#define SECOND 1000000ULL
#define MUCH (ROUND_TRIP_QUIET + 1)

static struct round_trip r;
static uint64_t now;

static int
setup(void **state)
{
	(void)state;
	memset(&r, 0, sizeof(r));
	now = 1000 * SECOND;
	return 0;
}

/* Answers for so many seconds, one each. */
static void
answers(uint64_t us, uint64_t payload, unsigned seconds)
{
	for (; seconds > 0; seconds--) {
		now += SECOND;
		round_trip_asked(&r, now - us);
		round_trip_answered(&r, us, payload, now);
	}
}

static void
test_the_least_counts(void **state)
{
	(void)state;
	assert_int_equal(r.least, 0);
	answers(30000, 0, 1);	/* a server's first is late */
	assert_int_equal(r.least, 30000);
	answers(200, 0, 1);
	answers(900, 0, 50);
	assert_int_equal(r.least, 200);
}

static void
test_begins(void **state)
{
	(void)state;
	assert_true(round_trip_begins(&r));
	answers(30000, 0, ROUND_TRIP_FIRST - 1);
	assert_true(round_trip_begins(&r));
	answers(30000, 0, 1);
	assert_false(round_trip_begins(&r));
}

/* Hours of bulk do not make it longer; a pause shows that it is. */
static void
test_beside_bulk(void **state)
{
	(void)state;
	answers(20000, MUCH, 1);	/* better than nothing */
	assert_int_equal(r.least, 20000);
	answers(10000, MUCH, 1);
	assert_int_equal(r.least, 10000);
	answers(400, 0, 1);
	answers(80000, MUCH, 10000);
	assert_int_equal(r.least, 400);
	answers(80000, 0, 1);
	assert_int_equal(r.least, 80000);
	answers(300, MUCH, 1);
	assert_int_equal(r.least, 300);
}

/* A longer way is believed within minutes, not at once. */
static void
test_longer_way(void **state)
{
	(void)state;
	answers(400, 0, 500);
	answers(70000, 0, 60);
	assert_int_equal(r.least, 400);
	answers(70000, 0, 180);
	assert_int_equal(r.least, 70000);
}

/* What was measured long ago says nothing. */
static void
test_long_silence(void **state)
{
	(void)state;
	answers(400, 0, 5);
	now += 3600 * SECOND;
	answers(70000, 0, 1);
	assert_int_equal(r.least, 70000);
}

static void
test_no_time_at_all(void **state)
{
	(void)state;
	answers(0, 0, 1);
	assert_int_equal(r.least, 1);	/* 0 is unknown */
}

static void
test_due(void **state)
{
	(void)state;
	assert_true(round_trip_due(&r, now));
	round_trip_asked(&r, now);
	assert_false(round_trip_due(&r, now + 100 * SECOND));
	round_trip_answered(&r, SECOND / 2, 0, now + SECOND / 2);
	assert_false(round_trip_due(&r, now + SECOND - 1));
	assert_true(round_trip_due(&r, now + SECOND));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_least_counts, setup),
		cmocka_unit_test_setup(test_begins, setup),
		cmocka_unit_test_setup(test_beside_bulk, setup),
		cmocka_unit_test_setup(test_longer_way, setup),
		cmocka_unit_test_setup(test_long_silence, setup),
		cmocka_unit_test_setup(test_no_time_at_all, setup),
		cmocka_unit_test_setup(test_due, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
