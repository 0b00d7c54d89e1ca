/* SPDX-License-Identifier: ISC */
/*
 * The link keeps one session alive: it tries the servers in turn, waits
 * longer after each round that failed, and begins again when a session ends.
 */
#ifndef ORTHRUS_SSH_LINK_H
#define ORTHRUS_SSH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/ssh/outbound.h"

struct link;

enum link_state { LINK_CONNECTING, LINK_CONNECTED, LINK_BACKOFF };

struct link_config {
	struct outbound_config session;	/* server is filled in by the link */
	const struct server *servers;	/* tried in this order */
	size_t nservers;
	uint64_t backoff_min, backoff_max;	/* milliseconds */
	bool reconnect;
	bool refusal_is_final;		/* even after a success */
};

struct link_events {
	/* gateway: the server is charon. */
	void (*up)(void *arg, struct mux *mux, bool gateway);
	/* The mux given to up() is freed after this returns. */
	void (*down)(void *arg);
	/* An attempt failed or a session ended, and why; it has been logged. */
	void (*trouble)(void *arg, const struct error *why);
	/*
	 * It will not try again: EX_NOPERM when every server that could be
	 * reached refused us before the first success (or ever, where a
	 * refusal is final), EX_UNAVAILABLE without reconnect.
	 */
	void (*gave_up)(void *arg, const struct error *why);
};

/* Starts at once.  What config points to must outlive the link. */
struct link *link_new(struct event_base *base, struct dialer *dialer,
    const struct link_config *config, const struct link_events *events,
    void *arg);
/* Ends the session, if any, calling down() first. */
void link_free(struct link *l);

/*
 * Takes over another configuration.  A session that is up stays if its server
 * and user are among the new ones and its host key is one of the new pins
 * (where there are any); everything else applies from the next attempt on.
 * Otherwise down() is called and a new attempt begins.  What the old
 * configuration pointed to is not needed any more afterwards.
 */
void link_update(struct link *l, const struct link_config *config);

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
	uint64_t reconnects;		/* sessions after the first */
	struct outbound_info session;
};
void link_info(const struct link *l, struct link_info *info);

/*
 * The wait before round n (0: the first after a failure) in milliseconds:
 * min doubled n times, at most max, less up to a quarter by random (a 32-bit
 * random number), so that agents do not come back all at once.  Pure.
 */
uint64_t backoff_delay(unsigned n, uint64_t min, uint64_t max,
    uint32_t random);

#endif
