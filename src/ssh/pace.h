/* SPDX-License-Identifier: ISC */
/*
 * How much bulk may be on its way while small streams speak: what lies in
 * front of a small message, here, in the network and at the peer, is bounded
 * by the round-trip time that bulk itself causes.  Pure, no libssh.
 *
 * A mark is a global request sent behind some of the bulk; peers take packets
 * in order, so its answer says that they have taken what came before it.
 */
#ifndef ORTHRUS_SSH_PACE_H
#define ORTHRUS_SSH_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* On its way at least: less would not fill the pauses of the scheduler. */
#define PACE_LEAST (48 * 1024)
#define PACE_MOST (64 * 1024 * 1024)
/* Moved within PACE_PERIOD: more than that is bulk, all else is small. */
#define PACE_BULK (64 * 1024)
#define PACE_PERIOD 100000		/* us */
/* Small streams count for so long after their last byte. */
#define PACE_HOLD 1000000		/* us */
/* The shortest round trip is looked for anew after so long. */
#define PACE_REMEMBER 10000000		/* us */
/* Longer than the shortest round trip by this and half of it: a queue. */
#define PACE_JITTER 20			/* us */

/* One stream's recent speed. */
struct pace_rate {
	uint64_t since;			/* us */
	size_t bytes;			/* since then */
	bool bulk;
};

/* One session's bulk. */
struct pace {
	uint64_t small_at;		/* us; a small stream spoke */
	const struct pace_rate *small;	/* which; only compared */
	uint64_t least, least_at;	/* us; shortest round trip, and when */
	size_t limit;			/* may be on its way */
	size_t flight;			/* is on its way */
	size_t unmarked;		/* of it, behind the last mark */
	size_t marks;			/* not answered yet */
	bool queueing;			/* the last answer came late */
	bool found;			/* one did: the limit is near the right one */
};

void pace_init(struct pace *p);

/*
 * A stream moved n bytes at now (us).  Returns true when it is bulk, whose
 * bytes should be passed to pace_sent() if it sent them.
 */
bool pace_moved(struct pace *p, struct pace_rate *r, size_t n, uint64_t now);

/* Another, small stream has spoken lately: this bulk is held to pace_room(). */
bool pace_holds(const struct pace *p, const struct pace_rate *r, uint64_t now);
size_t pace_room(const struct pace *p);
void pace_sent(struct pace *p, size_t n);

/* True when a mark should be sent; pace_mark() gives the bytes before it. */
bool pace_wants_mark(const struct pace *p);
size_t pace_mark(struct pace *p);
/* Its answer came after round_trip us. */
void pace_answered(struct pace *p, size_t bytes, uint64_t round_trip,
    uint64_t now);

#endif
