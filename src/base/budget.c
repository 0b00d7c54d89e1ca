/* SPDX-License-Identifier: ISC */
/* See budget.h. */
#include <stdint.h>
#include <stdlib.h>

#include "orthrus/base/budget.h"

void
budget_init(struct budget *b, struct budget *whole, size_t limit)
{
	*b = (struct budget){ .whole = whole, .limit = limit };
}

size_t
budget_left(const struct budget *b)
{
	size_t left = SIZE_MAX, own;

	for (; b != NULL; b = b->whole) {
		own = b->used < b->limit ? b->limit - b->used : 0;
		if (own < left)
			left = own;
	}
	return left;
}

void
budget_charge(struct budget *b, size_t n)
{
	bool was_full;

	for (; b != NULL; b = b->whole) {
		was_full = b->used > b->limit;
		b->used += n;
		if (!was_full && b->used > b->limit && b->full != NULL)
			b->full(b->arg);
	}
}

bool
budget_take(struct budget *b, size_t n)
{
	if (budget_left(b) < n)
		return false;
	budget_charge(b, n);
	return true;
}

void
budget_give(struct budget *b, size_t n)
{
	for (; b != NULL; b = b->whole) {
		if (n > b->used)
			abort();	/* it was given back before */
		b->used -= n;
	}
}

void
budget_note(struct budget *b, size_t *noted, size_t now)
{
	if (now > *noted)
		budget_charge(b, now - *noted);
	else if (now < *noted)
		budget_give(b, *noted - now);
	*noted = now;
}

bool
share_is_fair(size_t mine, size_t used, size_t all)
{
	return used < all && mine < all - used;
}

/* --- memory of one who stands behind connections ------------------ */

void
account_init(struct account *a, struct budget *memory)
{
	budget_init(&a->promised, NULL, ACCOUNT_MAX);
	budget_init(&a->held, memory, SIZE_MAX);
	a->streams = 0;
}

void
account_charge(struct account *a, size_t n)
{
	budget_charge(&a->promised, n);
	budget_charge(&a->held, n);
}

void
account_give(struct account *a, size_t n)
{
	budget_give(&a->promised, n);
	budget_give(&a->held, n);
}

void
account_note(struct account *a, size_t *noted, size_t now)
{
	size_t held = *noted;

	budget_note(&a->promised, noted, now);
	budget_note(&a->held, &held, now);
}

size_t
account_left(const struct account *a)
{
	size_t promised = budget_left(&a->promised);
	size_t held = budget_left(&a->held);

	return promised < held ? promised : held;
}

bool
account_has_room(const struct account *a, size_t n)
{
	return budget_left(&a->promised) >= n &&
	    (a->held.used < ACCOUNT_SMALL || budget_left(&a->held) >= n);
}

bool
account_is_idle(const struct account *a)
{
	return a->promised.used == 0 && a->held.used == 0;
}
