/* SPDX-License-Identifier: ISC */
/*
 * How much bulk may be on its way while small streams speak.  A small message
 * waits behind the bulk before it, here, in the network and at the peer; the
 * longer the round trip is that bulk causes, the less of it is let go.  Pure,
 * no libssh.
 *
 * A mark is a global request that is sent behind some of the bulk.  Peers take
 * packets in order, so that its answer says that they have taken all that came
 * before it.
 */
#ifndef ORTHRUS_SSH_PACE_H
#define ORTHRUS_SSH_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * So much may be on its way at least.  With less the peer would run dry while
 * this process waits for its turn.
 */
#define PACE_LEAST (48 * 1024)
#define PACE_MOST (64 * 1024 * 1024)
/*
 * A stream that moves more than this within PACE_PERIOD is bulk; all others
 * are small.
 */
#define PACE_BULK (64 * 1024)
#define PACE_PERIOD 100000		/* us */
/* A small stream holds bulk back for so long after its last byte. */
#define PACE_HOLD 1000000		/* us */
/* After so long the shortest round trip is measured anew. */
#define PACE_REMEMBER 10000000		/* us */
/*
 * A round trip that is longer than the shortest by half of that and this means
 * that there is a queue.
 */
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
	const struct pace_rate *small;	/* which one; only compared */
	uint64_t least, least_at;	/* us; shortest round trip, and when */
	size_t limit;			/* may be on its way */
	size_t flight;			/* is on its way */
	size_t unmarked;		/* of flight, behind the last mark */
	size_t marks;			/* not answered yet */
	bool queueing;			/* the last answer came late */
	bool found;			/* one did since the limit was least */
};

void pace_init(struct pace *p);

/*
 * A stream moved n bytes at now (us).  Returns true when it is bulk, whose
 * bytes should be passed to pace_sent() if it sent them.
 */
bool pace_moved(struct pace *p, struct pace_rate *r, size_t n, uint64_t now);

/*
 * True for bulk while a small stream has spoken lately: it may send
 * pace_room().
 */
bool pace_holds(const struct pace *p, const struct pace_rate *r, uint64_t now);
size_t pace_room(const struct pace *p);
void pace_sent(struct pace *p, size_t n);

/*
 * True when a mark should be sent.  pace_mark() counts it as sent, and returns
 * the bytes that it stands for.
 */
bool pace_wants_mark(const struct pace *p);
size_t pace_mark(struct pace *p);
/* The answer to a mark for so many bytes came after round_trip us. */
void pace_answered(struct pace *p, size_t bytes, uint64_t round_trip,
    uint64_t now);

#endif
