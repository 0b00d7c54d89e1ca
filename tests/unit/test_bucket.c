/* SPDX-License-Identifier: ISC */
/* bucket_take() with made-up times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orthrus/base/bucket.h"

static unsigned
take_all(struct bucket *b, uint64_t now)
{
	unsigned n = 0;

	while (n < 1000 && bucket_take(b, now, 40, 10))
		n++;
	return n;
}

static void
test_burst(void **state)
{
	struct bucket b = { 0 };

	(void)state;
	assert_int_equal(take_all(&b, 5000), 40);
	assert_false(bucket_take(&b, 5000, 40, 10));
}

static void
test_refill(void **state)
{
	struct bucket b = { 0 };

	(void)state;
	take_all(&b, 5000);
	assert_int_equal(take_all(&b, 5099), 0);
	assert_int_equal(take_all(&b, 5100), 1);
	assert_int_equal(take_all(&b, 6100), 10);
	/* Never more than fit in, however long it was. */
	assert_int_equal(take_all(&b, 6100 + 3600000), 40);
}

/* Asking in vain, however often, does not put the next token off. */
static void
test_impatient(void **state)
{
	struct bucket b = { 0 };
	uint64_t now;
	unsigned n = 0;

	(void)state;
	take_all(&b, 5000);
	for (now = 5001; now <= 6000; now++)
		n += bucket_take(&b, now, 40, 10);
	assert_int_equal(n, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_refill),
		cmocka_unit_test(test_impatient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
