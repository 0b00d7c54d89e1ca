/* SPDX-License-Identifier: ISC */
/* How long to wait before the next round of servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orthrus/ssh/link.h"

#define MIN 1000
#define MAX 30000

static void
test_doubles_up_to_the_maximum(void **state)
{
	static const uint64_t expected[] = { 1000, 2000, 4000, 8000, 16000,
	    30000, 30000 };
	unsigned n;

	(void)state;
	for (n = 0; n < sizeof(expected) / sizeof(expected[0]); n++)
		assert_int_equal(backoff_delay(n, MIN, MAX, 0), expected[n]);
	assert_int_equal(backoff_delay(1000, MIN, MAX, 0), MAX);
	assert_int_equal(backoff_delay(UINT32_MAX, MIN, MAX, 0), MAX);
}

static void
test_random_takes_up_to_a_quarter(void **state)
{
	unsigned n;

	(void)state;
	for (n = 0; n < 8; n++) {
		uint64_t full = backoff_delay(n, MIN, MAX, 0), half, least;

		half = backoff_delay(n, MIN, MAX, UINT32_MAX / 2);
		least = backoff_delay(n, MIN, MAX, UINT32_MAX);
		assert_int_equal(least, full - full / 4);
		assert_in_range(half, full - full / 8 - full / 100,
		    full - full / 8 + full / 100);
	}
}

static void
test_equal_limits(void **state)
{
	(void)state;
	assert_int_equal(backoff_delay(0, 5000, 5000, 0), 5000);
	assert_int_equal(backoff_delay(9, 5000, 5000, 0), 5000);
	assert_int_equal(backoff_delay(0, 1, 1, UINT32_MAX), 1);
}

/* The longest that a configuration may say is 365 days. */
static void
test_no_overflow(void **state)
{
	const uint64_t year = 365ULL * 24 * 3600 * 1000;

	(void)state;
	assert_int_equal(backoff_delay(0, year, year, UINT32_MAX),
	    year - year / 4);
	assert_int_equal(backoff_delay(100, 1, year, UINT32_MAX),
	    year - year / 4);
	assert_int_equal(backoff_delay(100, 1, year, 0), year);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubles_up_to_the_maximum),
		cmocka_unit_test(test_random_takes_up_to_a_quarter),
		cmocka_unit_test(test_equal_limits),
		cmocka_unit_test(test_no_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
