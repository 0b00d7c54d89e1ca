/* SPDX-License-Identifier: ISC */
/*
 * A session's shortest round trip of the last minutes, from the answers to its
 * global requests.  Pure.
 *
 * A single round trip says little, for it has waited behind the bulk that is
 * on its way, in this process and in the peer's.  The least of several says
 * how far the peer is away.  What was measured beside bulk can only lower
 * that: else, after minutes of bulk without a pause, its queue would be taken
 * for distance.
 */
#ifndef ORTHRUS_SSH_ROUND_TRIP_H
#define ORTHRUS_SSH_ROUND_TRIP_H

#include <stdbool.h>
#include <stdint.h>

/* The least of this period and of the one before it counts. */
#define ROUND_TRIP_PERIOD 120000000	/* us */
/*
 * So many are measured one after the other to begin with, because a server
 * that has just started a process for the session answers the first one late.
 */
#define ROUND_TRIP_FIRST 3
/* While bulk arrives the round trip is measured once in so long. */
#define ROUND_TRIP_EVERY 1000000	/* us */
/*
 * A round trip in which more payload than this went both ways was beside bulk.
 */
#define ROUND_TRIP_QUIET (64 * 1024)

struct round_trip {
	uint64_t least;			/* us; 0: not known yet */
	uint64_t before, lately;	/* us; of each period, 0: none */
	uint64_t since;			/* us; lately began then */
	uint64_t asked_at;		/* us; 0: never */
	unsigned answers, waiting;	/* that have come; that are due */
};

/* A request was sent at now (us), whose answer will tell. */
void round_trip_asked(struct round_trip *r, uint64_t now);

/*
 * Its answer came at now, after took us, in which so many bytes of payload
 * went either way.
 */
void round_trip_answered(struct round_trip *r, uint64_t took, uint64_t payload,
    uint64_t now);
/* True when another request should be sent at once. */
bool round_trip_begins(const struct round_trip *r);
/*
 * True when it is time for another request, if bulk arrives.  Never while an
 * answer is due: a peer may not answer at all.
 */
bool round_trip_due(const struct round_trip *r, uint64_t now);

#endif
