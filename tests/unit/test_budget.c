/* SPDX-License-Identifier: ISC */
/* Budgets and accounts: who may take how much of what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orthrus/base/budget.h"

static void
test_one(void **state)
{
	struct budget b;

	(void)state;
	budget_init(&b, NULL, 10);
	assert_int_equal(budget_left(&b), 10);
	assert_true(budget_take(&b, 4));
	assert_true(budget_take(&b, 6));
	assert_false(budget_take(&b, 1));
	assert_true(budget_take(&b, 0));
	assert_int_equal(b.used, 10);
	budget_give(&b, 3);
	assert_int_equal(budget_left(&b), 3);
	assert_false(budget_take(&b, 4));
	assert_false(budget_take(&b, SIZE_MAX));
	assert_int_equal(b.used, 7);
}

/* What is refused at one level is taken at none. */
static void
test_tree(void **state)
{
	struct budget all, part, leaf, other;

	(void)state;
	budget_init(&all, NULL, 100);
	budget_init(&part, &all, 60);
	budget_init(&leaf, &part, SIZE_MAX);
	budget_init(&other, &all, 60);
	assert_int_equal(budget_left(&leaf), 60);
	assert_true(budget_take(&leaf, 50));
	assert_int_equal(budget_left(&other), 50);
	assert_false(budget_take(&other, 51));
	assert_int_equal(other.used, 0);
	assert_int_equal(all.used, 50);
	assert_true(budget_take(&other, 50));
	assert_false(budget_take(&leaf, 1));
	assert_int_equal(leaf.used, 50);
	budget_give(&other, 50);
	assert_true(budget_take(&leaf, 10));
	assert_false(budget_take(&leaf, 1));	/* the part is full */
	budget_give(&leaf, 60);
	assert_int_equal(all.used + part.used + leaf.used, 0);
}

static unsigned told;

static void
on_full(void *arg)
{
	assert_ptr_equal(arg, &told);
	told++;
}

/* Beyond the limit nothing is left, until enough was given back. */
static void
test_charge(void **state)
{
	struct budget all, part;

	(void)state;
	budget_init(&all, NULL, 10);
	budget_init(&part, &all, 100);
	all.full = on_full;
	all.arg = &told;
	told = 0;
	budget_charge(&part, 10);
	assert_int_equal(told, 0);
	budget_charge(&part, 1);
	budget_charge(&part, 20);
	assert_int_equal(told, 1);	/* when it begins, not all the time */
	assert_int_equal(budget_left(&part), 0);
	assert_false(budget_take(&part, 1));
	budget_give(&part, 22);
	assert_int_equal(budget_left(&part), 1);
	budget_charge(&part, 5);
	assert_int_equal(told, 2);
}

static void
test_note(void **state)
{
	struct budget b;
	size_t noted[2] = { 0, 0 };

	(void)state;
	budget_init(&b, NULL, 10);
	budget_note(&b, &noted[0], 5);
	budget_note(&b, &noted[1], 50);
	assert_int_equal(b.used, 55);
	budget_note(&b, &noted[0], 5);
	budget_note(&b, &noted[1], 1);
	assert_int_equal(b.used, 6);
	budget_note(&b, &noted[0], 0);
	budget_note(&b, &noted[1], 0);
	assert_int_equal(b.used + noted[0] + noted[1], 0);
}

/* All take what they can get, one after the other, until nothing moves. */
static size_t
fair_share_of(size_t n, size_t all)
{
	size_t mine[64] = { 0 }, used = 0, before, i;

	do {
		before = used;
		for (i = 0; i < n; i++)
			if (share_is_fair(mine[i], used, all)) {
				mine[i]++;
				used++;
			}
	} while (used > before);
	assert_in_range(used, 0, all - 1);	/* one more finds some */
	for (i = 1; i < n; i++)
		assert_in_range(mine[i] + 1, mine[0], mine[0] + 2);
	return mine[0];
}

static void
test_fair(void **state)
{
	(void)state;
	assert_int_equal(fair_share_of(1, 192), 96);
	assert_int_equal(fair_share_of(2, 192), 64);
	assert_int_equal(fair_share_of(3, 192), 48);
	assert_in_range(fair_share_of(60, 192), 3, 4);
	assert_false(share_is_fair(0, 192, 192));
	assert_false(share_is_fair(0, 300, 192));
}

/* Sums that differ while something was promised and has not come. */
static void
test_account(void **state)
{
	struct budget memory;
	struct account a, b;
	size_t noted = 0;

	(void)state;
	budget_init(&memory, NULL, 2 * (size_t)ACCOUNT_MAX);
	account_init(&a, &memory);
	account_init(&b, &memory);
	assert_int_equal(account_left(&a), ACCOUNT_MAX);
	account_charge(&a, 1000);
	budget_charge(&a.promised, 5000);
	assert_int_equal(memory.used, 1000);
	assert_int_equal(account_left(&a), ACCOUNT_MAX - 6000);
	account_note(&a, &noted, 300);
	assert_int_equal(noted, 300);
	assert_int_equal(memory.used, 1300);
	assert_int_equal(a.promised.used, 6300);
	/* Of another's memory nothing is left: its promises do not help. */
	budget_charge(&a.held, memory.limit - memory.used - 100);
	assert_int_equal(account_left(&b), 100);
	assert_false(account_has_room(&a, 101));
	assert_true(account_has_room(&a, 100));
	/* Who has next to nothing is not refused for that. */
	assert_true(account_has_room(&b, 101));
	account_charge(&b, ACCOUNT_SMALL);
	assert_false(account_has_room(&b, 1));
	account_give(&b, ACCOUNT_SMALL);
	assert_false(account_has_room(&b, ACCOUNT_MAX + 1));
	budget_give(&a.held, memory.limit - 1300 - 100);
	account_note(&a, &noted, 0);
	account_give(&a, 1000);
	assert_false(account_is_idle(&a));
	budget_give(&a.promised, 5000);
	assert_true(account_is_idle(&a));
	assert_int_equal(memory.used, 0);
	account_init(&a, NULL);
	account_charge(&a, ACCOUNT_MAX);
	assert_int_equal(account_left(&a), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_charge),
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_fair),
		cmocka_unit_test(test_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
