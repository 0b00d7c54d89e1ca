/* SPDX-License-Identifier: ISC */
/*
 * A session that outlives its link, on either side: what both have agreed on,
 * what has been acknowledged, and how often it went on over another link
 * (docs/resume.md).  How the other link comes to be is in reopen.c (the client's
 * side) and rejoin.c (the server's).
 */
#ifndef ORTHRUS_SSH_RESUME_H
#define ORTHRUS_SSH_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/proto/resume.h"

struct budget;
struct connection;
struct event;
struct event_base;
struct transport;

struct resume_events {
	/*
	 * Both have agreed on it: from here on a link that is gone is no end.
	 * NULL: nobody asks.
	 */
	void (*agreed)(void *arg);
	/*
	 * The link is gone, as text says.  Whoever hears it sees to another
	 * one, and to the end of the connection if none comes in time.
	 */
	void (*parted)(void *arg, const char *text);
};

struct resume {
	struct connection *connection;	/* NULL: it ends with its link */
	const struct resume_events *events;
	void *arg;
	struct budget *memory;		/* for what is kept, or NULL */
	struct event *quiet;		/* acknowledges what came last */
	bool agreed;
	uint8_t id[RESUME_ID_LEN];
	uint8_t secret[RESUME_SECRET_LEN];
	uint64_t acknowledged;		/* position of the peer's stream */
	uint64_t parted_at;		/* clock_ms(); 0: it has a link */
	int64_t parted_since;		/* the same, UNIX time */
	int64_t since;			/* UNIX time: this link's */
	uint64_t resumed;		/* links after the first */
	uint64_t parked_ms;		/* without one, all together, ... */
	uint64_t last_ms;		/* ... and the last time */
	uint64_t resent;		/* bytes that were sent again */
};

/*
 * For a connection to the other of our programs that is logged in; memory is
 * that of all sessions, or NULL.  Before it, all of *r is zero.
 */
void resume_begin(struct resume *r, struct event_base *base,
    struct connection *c, struct budget *memory,
    const struct resume_events *events, void *arg);
/* A server's: makes id and secret, and asks the client to agree. */
void resume_offer(struct resume *r);
/* After the connection is freed; also where it never began. */
void resume_clear(struct resume *r);

/* How many bytes of the peer's stream have arrived. */
uint64_t resume_received(const struct resume *r);
/* True when all that the peer has not received can be sent again. */
bool resume_possible(const struct resume *r, uint64_t received);
/*
 * t is the link from here on, over which the peer has said what it has
 * received, which is possible; told is what it was told of ours.
 */
void resume_over(struct resume *r, struct transport *t, uint64_t received,
    uint64_t told);

#endif
