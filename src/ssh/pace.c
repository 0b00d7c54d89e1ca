/* SPDX-License-Identifier: ISC */
/* See pace.h. */
#include "config.h"

#include <string.h>

#include "pace.h"

void
pace_init(struct pace *p)
{
	memset(p, 0, sizeof(*p));
	p->limit = PACE_LEAST;
}

bool
pace_moved(struct pace *p, struct pace_rate *r, size_t n, uint64_t now)
{
	if (now - r->since > PACE_PERIOD) {
		r->bulk = r->bytes > PACE_BULK && now - r->since <
		    2 * PACE_PERIOD;
		r->since = now;
		r->bytes = 0;
	}
	r->bytes += n;
	if (r->bytes > PACE_BULK)
		r->bulk = true;
	if (!r->bulk) {
		p->small_at = now;
		p->small = r;
	}
	return r->bulk;
}

bool
pace_holds(const struct pace *p, const struct pace_rate *r, uint64_t now)
{
	return r->bulk && p->small != NULL && p->small != r &&
	    now - p->small_at < PACE_HOLD;
}

size_t
pace_room(const struct pace *p)
{
	return p->flight < p->limit ? p->limit - p->flight : 0;
}

void
pace_sent(struct pace *p, size_t n)
{
	p->flight += n;
	p->unmarked += n;
}

bool
pace_wants_mark(const struct pace *p)
{
	return p->marks == 0 || p->unmarked >= p->limit / 2;
}

size_t
pace_mark(struct pace *p)
{
	size_t n = p->unmarked;

	p->unmarked = 0;
	p->marks++;
	return n;
}

/*
 * The limit doubles with each round trip until something queues.  From then on
 * it falls by a quarter with each late answer, and rises by an eighth of the
 * bytes of each other one.  When the shortest round trip is old, the limit
 * drops to the least, so that the path drains and the next answer shows its
 * length.
 */
void
pace_answered(struct pace *p, size_t bytes, uint64_t round_trip, uint64_t now)
{
	p->marks--;
	p->flight -= bytes;
	if (p->least == 0 || round_trip < p->least) {
		p->least = round_trip;
		p->least_at = now;
	}
	p->queueing = round_trip > p->least + p->least / 2 + PACE_JITTER;
	if (now - p->least_at > PACE_REMEMBER) {
		p->least = 0;
		p->limit = PACE_LEAST;
		p->found = false;
	} else if (p->queueing) {
		p->limit -= p->limit / 4;
		p->found = true;
	} else
		p->limit += p->found ? bytes / 8 : bytes;
	if (p->limit < PACE_LEAST)
		p->limit = PACE_LEAST;
	if (p->limit > PACE_MOST)
		p->limit = PACE_MOST;
}
