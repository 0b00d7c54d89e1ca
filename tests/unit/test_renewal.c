/* When a certificate is renewed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "../../src/agent/renewal.h"

#define DAY 86400

static struct certificate
valid(uint64_t after, uint64_t before)
{
	struct certificate c;

	memset(&c, 0, sizeof(c));
	c.valid_after = after;
	c.valid_before = before;
	return c;
}

static void
test_due(void **state)
{
	struct certificate c = valid(1000000 - 60, 1000000 + 7 * DAY);

	(void)state;
	/* The contract's: 7 days, renewed one day before. */
	assert_int_equal(renewal_due(&c, DAY), 1000000 + 6 * DAY);
	/* Not in the first half, or each would be renewed at once. */
	assert_int_equal(renewal_due(&c, 30 * DAY),
	    1000000 + 7 * DAY / 2);
	/* Seconds, as in a test; the first minute is for others' clocks. */
	c = valid(1000000 - 60, 1000010);
	assert_int_equal(renewal_due(&c, 4), 1000006);
	assert_int_equal(renewal_due(&c, DAY), 1000005);
	/* Another authority may give no such minute. */
	c = valid(1000000, 1000010);
	assert_int_equal(renewal_due(&c, DAY), 1000005);
}

/* Nonsense does not overflow. */
static void
test_limits(void **state)
{
	struct certificate c = valid(0, UINT64_MAX);

	(void)state;
	assert_int_equal(renewal_due(&c, DAY), UINT64_MAX - DAY);
	c = valid(2000, 1000);
	assert_int_equal(renewal_due(&c, DAY), 1000);
	c = valid(0, 0);
	assert_int_equal(renewal_due(&c, DAY), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
