/* SPDX-License-Identifier: ISC */
/*
 * The link keeps one session alive: it tries the servers in turn, waits
 * longer after each round that failed, and begins again when a session ends.
 * With several servers it moves to a better one without a break.
 */
#ifndef ORTHRUS_SSH_LINK_H
#define ORTHRUS_SSH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/ssh/outbound.h"

struct link;
struct mux_counters;

enum link_state { LINK_CONNECTING, LINK_CONNECTED, LINK_BACKOFF };

struct link_config {
	struct outbound_config session;	/* server is filled in by the link */
	const struct server *servers;	/* tried in this order... */
	size_t nservers;
	enum server_preference prefer;	/* ...or the nearest first */
	/*
	 * A server that is preferred to the one in use is moved to when it has
	 * been well for so many milliseconds; 0: never.
	 */
	uint64_t well_ms;
	/* A session that was moved from goes on for its streams so long. */
	uint64_t keep_ms;
	uint64_t backoff_min, backoff_max;	/* milliseconds */
	bool reconnect;
	bool refusal_is_final;		/* even after a success */
};

struct link_events {
	/*
	 * A session is in use; gateway: the server is charon.  Where one was in
	 * use before, it goes on for the streams that it has, until gone().
	 */
	void (*up)(void *arg, struct mux *mux, bool gateway);
	/* The mux given to up() last is freed after this returns. */
	void (*down)(void *arg);
	/* An attempt failed or a session ended, and why; it has been logged. */
	void (*trouble)(void *arg, const struct error *why);
	/*
	 * It will not try again: EX_NOPERM when every server that could be
	 * reached refused us before the first success (or ever, where a
	 * refusal is final), EX_UNAVAILABLE without reconnect.
	 */
	void (*gave_up)(void *arg, const struct error *why);
	/*
	 * A session that is not in use any more ends: its mux is freed after
	 * this returns.  NULL: it is never moved.
	 */
	void (*gone)(void *arg, struct mux *mux);
};

/* Starts at once.  What config points to must outlive the link. */
struct link *link_new(struct event_base *base, struct dialer *dialer,
    const struct link_config *config, const struct link_events *events,
    void *arg);
/* Ends all sessions, calling down() and gone() first. */
void link_free(struct link *l);

/*
 * Takes over another configuration.  A session that is up stays where its
 * server and user are among the new ones; where only the user is, it goes on
 * until one with a server of the list has taken its place, or none can be had;
 * everything else applies from the next attempt on.  It ends at once, by
 * down(), where its user is gone, or its host key is none of the new pins.
 * What the old configuration pointed to is not needed any more afterwards.
 */
void link_update(struct link *l, const struct link_config *config);

/*
 * Moves to another server, the session that is up being in use until then:
 * true when there is another one to try.  It stays where none can be reached.
 */
bool link_leave(struct link *l);

/*
 * Ends the session that is up, why being the reason for trouble(), and tries
 * the next server at once; with one server it waits as after any end.  Not
 * from inside a callback of the session's mux.
 */
void link_next(struct link *l, const struct error *why);

struct link_info {
	enum link_state state;
	const struct server *server;	/* tried or connected */
	int64_t since;			/* UNIX time: (not) connected since then */
	uint64_t retry_ms;		/* LINK_BACKOFF: until the next try */
	uint64_t reconnects;		/* sessions after the first */
	struct outbound_info session;
};
void link_info(const struct link *l, struct link_info *info);

enum gateway_state {
	GATEWAY_IS_UNKNOWN,		/* nobody has asked it yet */
	GATEWAY_IS_UP,			/* it answered when it was asked last */
	GATEWAY_IS_DOWN,		/* it did not, or a session has failed */
	GATEWAY_IS_TRIED,		/* a session is being made */
	GATEWAY_IS_IN_USE,
	GATEWAY_IS_LEFT			/* but for streams that are open there */
};

/* One of the servers that are configured. */
struct link_gateway {
	const struct server *server;
	int64_t rtt_ms;			/* the last that is known, -1: none */
	enum gateway_state state;
};
/* Calls each in the order of the configuration; g lives for the call. */
void link_gateways(const struct link *l, void (*each)(void *arg,
    const struct link_gateway *g), void *arg);

/* Adds up the counters of all sessions that there are. */
void link_counters(const struct link *l, struct mux_counters *sum);

/*
 * The wait before round n (0: the first after a failure) in milliseconds:
 * min doubled n times, at most max, less up to a quarter by random (a 32-bit
 * random number), so that agents do not come back all at once.  Pure.
 */
uint64_t backoff_delay(unsigned n, uint64_t min, uint64_t max,
    uint32_t random);

#endif
