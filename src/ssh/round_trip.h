/* SPDX-License-Identifier: ISC */
/*
 * A session's shortest round trip of the last minutes, from the answers to its
 * global requests.  Pure.
 *
 * One round trip says little: it has waited behind the bulk that is on its
 * way, in this process and in the peer's.  The least of some says how far the
 * peer is away.  What was measured beside bulk can only lower it: after minutes
 * without a pause the queue would be taken for the distance.
 */
#ifndef ORTHRUS_SSH_ROUND_TRIP_H
#define ORTHRUS_SSH_ROUND_TRIP_H

#include <stdbool.h>
#include <stdint.h>

/* The least of this period and of the one before it counts. */
#define ROUND_TRIP_PERIOD 120000000	/* us */
/*
 * So many are measured one after the other to begin with: a server that has
 * just started a process for the session is late with the first.
 */
#define ROUND_TRIP_FIRST 3
/* Asked for no more often than this while bulk arrives. */
#define ROUND_TRIP_EVERY 1000000	/* us */
/* More payload than this, both ways, since it was asked for: beside bulk. */
#define ROUND_TRIP_QUIET (64 * 1024)

struct round_trip {
	uint64_t least;			/* us; 0: not known yet */
	uint64_t before, lately;	/* us; of each period, 0: none */
	uint64_t since;			/* us; lately began then */
	uint64_t asked_at;		/* us; 0: never */
	unsigned answers, waiting;	/* that came, that are due */
};

/* Something was asked at now. */
void round_trip_asked(struct round_trip *r, uint64_t now);

/* An answer came at now, after took us, with so much payload in between. */
void round_trip_answered(struct round_trip *r, uint64_t took, uint64_t payload,
    uint64_t now);
/* True when more should be asked for at once. */
bool round_trip_begins(const struct round_trip *r);
/*
 * True when it is time for another, if bulk arrives; never while one is due: a
 * peer may not answer at all.
 */
bool round_trip_due(const struct round_trip *r, uint64_t now);

#endif
