/* The running agent: what "connect" wires together, and "status" shows. */
#ifndef ORTHRUS_AGENT_AGENT_H
#define ORTHRUS_AGENT_AGENT_H

#include "orthrus/conf/config.h"
#include "orthrus/ssh/link.h"
#include "orthrus/tunnel/tunnel.h"

struct control;
struct event;
struct event_base;

struct agent {
	int argc;
	char **argv;
	struct config *config;
	struct identity *identity;
	char *password;			/* wiped when freed; or NULL */

	struct event_base *base;
	struct dialer *dialer;
	struct tunnels *tunnels;
	struct link *link;
	struct control *control;
	struct mux *mux;		/* NULL while not connected */
	/* Channels and bytes of the sessions that have ended. */
	struct mux_counters past;

	struct event *sigterm, *sigint, *sighup;
	struct event *drain;		/* looks whether streams are left */
	struct event *watchdog;
	unsigned drain_ticks;
	bool stopping, ready;
	int code;			/* to exit with */
};

/* The document of "orthrus status --json"; the caller frees it. */
char *agent_snapshot(void *agent);

#endif
