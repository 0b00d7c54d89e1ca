/* SPDX-License-Identifier: ISC */
/*
 * The gateway that runs: from its start to its end.  Who starts it has the
 * loop and the signals.
 */
#ifndef ORTHRUS_GATEWAY_SERVE_H
#define ORTHRUS_GATEWAY_SERVE_H

#include <sys/types.h>

#include "orthrus/base/error.h"

struct event_base;
struct gateway;
struct gateway_config;
struct monitor;

/* The other processes of a gateway. */
struct gateway_helpers {
	struct monitor *monitor;	/* has the keys and the registry */
	struct egress {
		pid_t pid;
		int fd;
	} egress;			/* connects for clients */
};

/*
 * Starts them, before there is a loop, a thread or a secret; argc and argv are
 * what they find the configuration by again.  0, or -1 with *e as
 * monitor_start() gives it; gateway_end_helpers() is for both.
 */
int gateway_start_helpers(struct gateway_helpers *h, struct gateway_config *c,
    int argc, char **argv, struct error *e);
/* Ends them, and waits for it. */
void gateway_end_helpers(struct gateway_helpers *h);

/*
 * Listens.  h is there until gateway_free(); c is the gateway's from now on,
 * also on failure.  NULL with *e: EX_CANTCREAT, EX_UNAVAILABLE.
 */
struct gateway *gateway_start(struct event_base *base,
    const struct gateway_helpers *h, struct gateway_config *c,
    struct error *e);

/*
 * Takes in who is registered, each with its sockets: after all other listeners
 * of this process, so that no agent's fixed port is theirs.  0, or -1 with *e.
 */
int gateway_admit(struct gateway *g, struct error *e);

/*
 * Puts up the walls of confine.h, once all is listening; what a reload may name
 * is within them as far as it is in the same directories.  0, or -1 with *e.
 */
int gateway_confine(struct gateway *g, struct error *e);

/*
 * Takes over what can change while sessions go on, and c with it.  Else the
 * key is returned that changes with a restart only; c stays the caller's, and
 * nothing of it holds.
 */
const char *gateway_reload(struct gateway *g, struct gateway_config *c);

/*
 * Lets nobody in any more and sends agents elsewhere; leaves the loop when all
 * have gone, at the latest after 5 s or when it is called again.
 */
void gateway_drain(struct gateway *g);

/* Ends everybody, and g.  NULL is fine. */
void gateway_free(struct gateway *g);

#endif
