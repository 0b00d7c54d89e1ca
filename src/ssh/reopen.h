/* SPDX-License-Identifier: ISC */
/*
 * The client's side of a session that outlives its link: opens another one to
 * the same server, in the same ways, until its session goes on there, is
 * refused, or too much time has passed.
 */
#ifndef ORTHRUS_SSH_REOPEN_H
#define ORTHRUS_SSH_REOPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/proto/resume.h"
#include "orthrus/transport/open.h"

#include "resume.h"

struct dialer;
struct event;
struct event_base;
struct resume_hello;

#define REOPEN_WHY_MAX 256

struct reopen_events {
	/* The session goes on over another link. */
	void (*back)(void *arg);
	/* It cannot, and why in one line. */
	void (*lost)(void *arg, const char *why);
};

struct reopen {
	struct event_base *base;
	struct dialer *dialer;
	const struct server *server;
	const struct transport_config *transport;
	struct resume *resume;
	uint64_t window_ms;		/* for all attempts together */
	const struct reopen_events *events;
	void *arg;
	struct event *again;		/* the next attempt, or its limit */
	struct event *end;		/* of all of them */
	struct opening *opening;	/* one of these is under way */
	struct handshake_run *run;
	struct resume_exchange x;	/* of the attempt */
	bool refused;			/* the server has said so */
	char why[REOPEN_WHY_MAX];	/* no link, or no other: the last */
};

/* What it points to outlives it. */
void reopen_init(struct reopen *o, struct event_base *base,
    struct dialer *dialer, const struct server *server,
    const struct transport_config *transport, struct resume *resume,
    uint64_t window_ms, const struct reopen_events *events, void *arg);
/* Begins, for why the link is gone: one of the events follows, from the loop. */
void reopen_start(struct reopen *o, const char *why);
/* The transport's configuration has changed: an attempt begins anew. */
void reopen_changed(struct reopen *o);
void reopen_clear(struct reopen *o);

/*
 * When to try again, in ms, after elapsed of them without a link: an eighth of
 * that, 100 at least and 2,000 at most, less up to a half by random (a 32-bit
 * random number).  Pure.
 */
uint64_t reopen_delay(uint64_t elapsed, uint32_t random);
/* How long that attempt may take. */
uint64_t reopen_limit(uint64_t elapsed);

#endif
