/* SPDX-License-Identifier: ISC */
/* See round_trip.h. */
#include "config.h"

#include "round_trip.h"

static uint64_t
shorter_known(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

void
round_trip_asked(struct round_trip *r, uint64_t now)
{
	r->asked_at = now;
	r->waiting++;
}

void
round_trip_answered(struct round_trip *r, uint64_t took, uint64_t payload,
    uint64_t now)
{
	uint64_t age = now - r->since;

	r->answers++;
	r->waiting--;
	if (took == 0)
		took = 1;
	if (payload > ROUND_TRIP_QUIET && r->least != 0 && took >= r->least)
		return;
	if (age >= ROUND_TRIP_PERIOD) {
		r->before = age >= 2 * ROUND_TRIP_PERIOD ? 0 : r->lately;
		r->lately = 0;
		r->since = now;
	}
	r->lately = shorter_known(r->lately, took);
	r->least = shorter_known(r->before, r->lately);
}

bool
round_trip_begins(const struct round_trip *r)
{
	return r->answers < ROUND_TRIP_FIRST;
}

bool
round_trip_due(const struct round_trip *r, uint64_t now)
{
	return r->waiting == 0 && (r->asked_at == 0 ||
	    now - r->asked_at >= ROUND_TRIP_EVERY);
}
