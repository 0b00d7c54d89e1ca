/* SPDX-License-Identifier: ISC */
/*
 * What "orthrus doctor" looks at.  Each look adds its findings, takes a bounded
 * time, changes nothing, and leaves an agent that runs alone.
 */
#ifndef ORTHRUS_AGENT_DOCTOR_H
#define ORTHRUS_AGENT_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "orthrus/conf/config.h"

#include "findings.h"

struct commands;
struct dialer;
struct event_base;
struct identity;
struct muzzle;
struct tls_client;

#define DOCTOR_STEP_MS 10000	/* any step may take */

struct doctor {
	struct findings *found;
	struct config *config;
	struct identity *identity;	/* NULL: none that could be used */
	char *password;			/* to log in with, or NULL */
	json_t *status;			/* of the agent that runs here, or NULL */
	struct commands *commands;	/* as in orthrus.h */
	struct tls_client *tls;
	struct event_base *base;
	struct dialer *dialer;
	struct muzzle *muzzle;		/* NULL: Docker is not shared */
};

/* doctor_identity.c: key, certificate, where they are, and the clock. */
void doctor_look_at_identity(struct doctor *d);
void doctor_look_at_state(struct doctor *d);
void doctor_look_at_clock(struct doctor *d);

/* doctor_here.c: who runs, and which local addresses are free. */
void doctor_look_at_running(struct doctor *d);
void doctor_look_at_listeners(struct doctor *d);
/* Whether somebody answers where -R, --expose and --docker lead to. */
void doctor_look_at_targets(struct doctor *d);
/* Before the walls; the engine itself is looked at behind them. */
void doctor_prepare_engine(struct doctor *d);
void doctor_look_at_engine(struct doctor *d);

/* doctor_server.c: the way to a server, who it is, whether it lets us in. */
void doctor_look_at_server(struct doctor *d, const struct server *server);

/* doctor_far.c: what a server that is no gateway lets us do there. */
struct outbound;
void doctor_look_at_far_end(struct doctor *d, const struct server *server,
    struct outbound *session);

/*
 * doctor_cmd.c: runs the loop until *done, for a step's time at most; what
 * *done says then.
 */
bool doctor_wait(struct doctor *d, const bool *done);
/*
 * Connects to *to and leaves: 0, or an errno value, as dial.h says.  peer, if
 * it is not NULL, becomes the numeric address, "" when there is none.
 */
int doctor_dial(struct doctor *d, const struct address *to,
    char peer[HOST_MAX]);

#endif
