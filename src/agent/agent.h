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
	struct error trouble;		/* why it is not connected; code 0 */
	bool stopping, ready, told_ready;
	int code;			/* to exit with */
};

/*
 * Reads the key, and the password where one is configured, into *id and
 * *password for the caller to free.  0, or -1 with *e (EX_CONFIG).
 */
int agent_load_credentials(const struct config *c, struct identity **id,
    char **password, struct error *e);
void agent_forget_credentials(struct agent *a);

/* Makes the tunnels what c says; see tunnels_apply(). */
int agent_apply_tunnels(struct agent *a, const struct config *c,
    struct error *e);

/* What the link is to know of a's configuration; points into a. */
void agent_link_config(const struct agent *a, struct link_config *lc);

/* Reads the configuration again.  A faulty one is told and changes nothing. */
void agent_reload(struct agent *a);

/* Each stream takes a descriptor: as many as we may have. */
void raise_descriptor_limit(void);

/* The document of "orthrus status --json"; the caller frees it. */
char *agent_snapshot(void *agent);

#endif
