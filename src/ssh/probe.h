/* SPDX-License-Identifier: ISC */
/*
 * Whether a connection's peer still lives: after a while of silence it is sent
 * a probe (keepalive@openssh.com), whose answer also gives the round trip.
 */
#ifndef ORTHRUS_SSH_PROBE_H
#define ORTHRUS_SSH_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct event;
struct event_base;

struct probe {
	struct connection *connection;
	struct event *timer;
	uint64_t probe_ms;		/* silence before a probe is sent */
	uint64_t dead_ms;		/* silence after which it is dead */
	uint64_t sent_at;		/* ms; 0: none is under way */
	uint64_t asked_at;		/* the same by clock_awake_ms() */
	bool carried_on;		/* it is over another carrier now */
	int64_t rtt_ms;			/* of the last one; -1: unknown */
};

/* dead_ms is more than probe_ms; both as above. */
void probe_init(struct probe *p, struct event_base *base,
    struct connection *c, uint64_t probe_ms, uint64_t dead_ms);
/*
 * Sends the first probe at once, for the round trip, and looks from now on.  A
 * peer that is found dead is the end of the connection (EX_UNAVAILABLE), or of
 * its carrier: connection_part().
 */
void probe_start(struct probe *p);
/* The connection has another carrier: what was asked is answered over it. */
void probe_rejoined(struct probe *p);
/* After the connection is freed: no answer comes any more then. */
void probe_clear(struct probe *p);

#endif
