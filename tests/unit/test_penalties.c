/* SPDX-License-Identifier: ISC */
/*
 * For how long hosts are refused, with a clock of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "../../src/ssh/penalties.h"

#define MOST 600000
#define START 1000000		/* any time */

static struct penalties *p;

/* 10.0.0.0 and so many; with ipv6 so many /64, and an address in each. */
static struct source
host(uint32_t i, bool ipv6, uint8_t last)
{
	struct source s = { .ip = { [10] = 0xff, [11] = 0xff, [12] = 10 } };

	if (ipv6)
		s = (struct source){ .ip = { 0x20, 0x01, [15] = last } };
	s.ip[ipv6 ? 5 : 13] = (uint8_t)(i >> 16);
	s.ip[ipv6 ? 6 : 14] = (uint8_t)(i >> 8);
	s.ip[ipv6 ? 7 : 15] = (uint8_t)i;
	return s;
}

static struct source a, b;

static int
setup(void **state)
{
	(void)state;
	p = penalties_new();
	a = host(1, false, 0);
	b = host(2, false, 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	penalties_free(p);
	return 0;
}

static void
test_they_add_up(void **state)
{
	(void)state;
	assert_false(penalty_is_suspect(p, &a, START));
	assert_false(penalty_add(p, &a, 5000, MOST, START));
	assert_false(penalty_add(p, &a, 5000, MOST, START));
	assert_int_equal(penalty_left(p, &a, START), 0);
	assert_true(penalty_is_suspect(p, &a, START));
	assert_true(penalty_add(p, &a, 5000, MOST, START));	/* it begins */
	assert_int_equal(penalty_left(p, &a, START), 15000);
	assert_false(penalty_add(p, &a, 5000, MOST, START));	/* it goes on */
	assert_int_equal(penalty_left(p, &a, START), 20000);
	/* Until all of it is over, not only down to where it began. */
	assert_int_equal(penalty_left(p, &a, START + 19999), 1);
	assert_int_equal(penalty_left(p, &a, START + 20000), 0);
	assert_int_equal(penalty_left(p, &b, START), 0);
	assert_false(penalty_is_suspect(p, &b, START));
}

/* What is done seldom never adds up. */
static void
test_time_takes_it_away(void **state)
{
	uint64_t now;

	(void)state;
	for (now = START; now < START + 1000000; now += 5000)
		assert_false(penalty_add(p, &a, 5000, MOST, now));
	assert_int_equal(penalty_left(p, &a, now), 0);
}

static void
test_after_a_refusal_it_begins_anew(void **state)
{
	(void)state;
	assert_true(penalty_add(p, &a, 20000, MOST, START));
	assert_false(penalty_add(p, &a, 5000, MOST, START + 20000));
	assert_int_equal(penalty_left(p, &a, START + 20000), 0);
	assert_true(penalty_add(p, &a, 10000, MOST, START + 20000));
}

static void
test_there_is_a_most(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		penalty_add(p, &a, 10000, MOST, START);
	assert_int_equal(penalty_left(p, &a, START), MOST);
	assert_int_equal(penalty_left(p, &a, START + MOST), 0);
	assert_true(penalty_add(p, &b, 20000, PENALTY_LEAST_MS, START));
	assert_int_equal(penalty_left(p, &b, START), PENALTY_LEAST_MS);
}

static void
test_none(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 100; i++)
		assert_false(penalty_add(p, &a, 10000, 0, START));
	assert_int_equal(penalty_left(p, &a, START), 0);
}

static void
test_a_login_takes_it_away(void **state)
{
	(void)state;
	assert_false(penalty_known(p, &a, START));
	penalty_add(p, &a, 60000, MOST, START);
	penalty_forgive(p, &a, START);
	assert_int_equal(penalty_left(p, &a, START), 0);
	assert_true(penalty_known(p, &a, START + PENALTY_KNOWN_MS - 1));
	assert_false(penalty_known(p, &a, START + PENALTY_KNOWN_MS));
	assert_false(penalty_add(p, &a, 14999, MOST, START));
	assert_true(penalty_known(p, &a, START));
	penalty_forgive(p, &b, START);		/* of whom nothing was held */
	assert_true(penalty_known(p, &b, START));
}

static void
test_clear(void **state)
{
	(void)state;
	penalty_add(p, &a, 60000, MOST, START);
	penalty_forgive(p, &b, START);
	penalties_clear(p);
	assert_int_equal(penalty_left(p, &a, START), 0);
	assert_false(penalty_is_suspect(p, &a, START));
	assert_true(penalty_known(p, &b, START));
	assert_false(penalty_add(p, &a, 5000, MOST, START));
}

/* All addresses of a /64 are one host's. */
static void
test_ipv6(void **state)
{
	struct source one = host(1, true, 1), two = host(1, true, 2),
	    next = host(2, true, 1);

	(void)state;
	penalty_add(p, &one, 10000, MOST, START);
	assert_true(penalty_add(p, &two, 5000, MOST, START));
	assert_int_equal(penalty_left(p, &one, START), 15000);
	assert_int_equal(penalty_left(p, &next, START), 0);
}

/*
 * A million hosts that each did a little leave in place most of those that are
 * known or refused.
 */
static void
test_more_than_fit(void **state)
{
	struct source s;
	uint32_t i, left = 0, known = 0;

	(void)state;
	for (i = 0; i < 100; i++) {
		s = host(i, true, 0);
		penalty_forgive(p, &s, START);
		s = host(1000 + i, true, 0);
		penalty_add(p, &s, 600000, MOST, START);
	}
	for (i = 0; i < 1000000; i++) {
		s = host(i, false, 0);
		penalty_add(p, &s, 1000, MOST, START);
	}
	for (i = 0; i < 100; i++) {
		s = host(i, true, 0);
		known += penalty_known(p, &s, START);
		s = host(1000 + i, true, 0);
		left += penalty_left(p, &s, START) > 0;
	}
	assert_in_range(known, 95, 100);	/* where they fall is random */
	assert_in_range(left, 95, 100);
}

static int
init(void **state)
{
	(void)state;
	return sodium_init() == -1 ? -1 : 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_they_add_up),
		TEST(test_time_takes_it_away),
		TEST(test_after_a_refusal_it_begins_anew),
		TEST(test_there_is_a_most),
		TEST(test_none),
		TEST(test_a_login_takes_it_away),
		TEST(test_clear),
		TEST(test_ipv6),
		TEST(test_more_than_fit),
	};

	return cmocka_run_group_tests(tests, init, NULL);
}
