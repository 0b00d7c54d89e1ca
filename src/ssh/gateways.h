/* SPDX-License-Identifier: ISC */
/*
 * What is known of each gateway, and which of them comes next.  Pure: times
 * are in ms of clock_ms(), and the first gateway is the one that is listed
 * first.
 */
#ifndef ORTHRUS_SSH_GATEWAYS_H
#define ORTHRUS_SSH_GATEWAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/proto/server.h"

/* How it went last, the better before the worse. */
enum gateway_health {
	GATEWAY_UNKNOWN,
	GATEWAY_WELL,		/* it has answered, or let us in */
	GATEWAY_ILL,		/* it answers, but the session is over */
	GATEWAY_AWAY		/* it does not answer */
};

struct gateway_known {
	enum gateway_health health;
	int64_t rtt_ms;		/* of its last answer; -1: there was none */
	uint64_t well_since;	/* ms; 0: it is not well */
	uint64_t better_since;	/* so much quicker than ours; 0: it is not */
	unsigned setbacks;	/* it was well, and yet no session lasted */
	bool tried;		/* in this round */
	bool lost;		/* its session was the last that there was */
};

/* Nothing is known of it. */
void gateway_forget(struct gateway_known *g);
/* It has answered, after rtt_ms (-1: that was not measured). */
void gateway_answered(struct gateway_known *g, int64_t rtt_ms, uint64_t now);
/* No session came of it, or one has ended; answers: it is there, after all. */
void gateway_failed(struct gateway_known *g, bool answers);
/* It did not keep what it promised, or it did: see gateways_better(). */
void gateway_set_back(struct gateway_known *g);

/* The session with the one at is over; n: whose that was does not matter. */
void gateways_lost(struct gateway_known *g, size_t n, size_t at);
/* A round begins: none of them has been tried in it. */
void gateways_round(struct gateway_known *g, size_t n);
/*
 * Which to try next in this round: those of whom nothing bad is known first,
 * then those that answer; of equals the one that was lost comes last, and else
 * they have their order or go by their round trip.  n: all have been tried.
 */
size_t gateways_next(const struct gateway_known *g, size_t n,
    enum server_preference prefer);

/*
 * Notes which of them are so much quicker than the one at: by a quarter and
 * 5 ms at least, or it would be moved to and fro.
 */
void gateways_compare(struct gateway_known *g, size_t n, size_t at,
    uint64_t now);
/* Whether i is to be looked after while the one at is in use. */
bool gateways_watched(size_t i, size_t at, enum server_preference prefer);
/*
 * The one to move to from the one at (n: from one that is not listed), since
 * it is to be preferred and has been well for well_ms; twice as long after
 * each setback, up to 16 times.  n: none yet, and *due_ms says in how many ms
 * one will be, if it stays well (UINT64_MAX: none).
 */
size_t gateways_better(const struct gateway_known *g, size_t n, size_t at,
    enum server_preference prefer, uint64_t now, uint64_t well_ms,
    uint64_t *due_ms);

#endif
