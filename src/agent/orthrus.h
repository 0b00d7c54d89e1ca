/* SPDX-License-Identifier: ISC */
/* The running agent: what "connect" wires together, and "status" shows. */
#ifndef ORTHRUS_AGENT_ORTHRUS_H
#define ORTHRUS_AGENT_ORTHRUS_H

#include "orthrus/conf/config.h"
#include "orthrus/proto/leash.h"
#include "orthrus/ssh/link.h"
#include "orthrus/tunnel/tunnel.h"

struct at_gateway;
struct commands;
struct control;
struct agent_enrolment;
struct stdio_run;
struct tls_client;
struct event;
struct event_base;

struct orthrus {
	int argc;
	char **argv;
	struct config *config;
	struct identity *identity;
	char *password;			/* wiped when freed; or NULL */
	struct tls_client *tls;		/* NULL: no server speaks TLS */
	struct commands *commands;	/* run in place of connections; NULL */

	struct event_base *base;
	struct dialer *dialer;
	struct tunnels *tunnels;
	struct agent_enrolment *enrolment;	/* as long as there is no link */
	struct link *link;
	struct at_gateway *gateway;
	struct control *control;	/* NULL with -W */
	struct stdio_run *stdio;	/* of -W, or NULL */
	struct mux *mux;		/* in use; NULL while not connected */
	/* Channels and bytes of the sessions that have ended. */
	struct mux_counters past;

	struct service *service;
	struct event *drain;		/* looks whether streams are left */
	unsigned drain_ticks;
	struct error trouble;		/* why it is not connected; code 0 */
	uint8_t instance[LEASH_INSTANCE_LEN];	/* random, of this process */
	bool stopping, ready, told_ready;
	int code;			/* to exit with */
};

/*
 * Reads the key, and the password where one is configured, into *id and
 * *password for the caller to free.  The person at the terminal is asked for a
 * passphrase, unless there is a present agent, which has been told it.  0, or
 * -1 with *e (EX_CONFIG).
 */
int orthrus_load_credentials(const struct config *c,
    const struct orthrus *present, struct identity **id, char **password,
    struct error *e);
void orthrus_forget_credentials(struct orthrus *a);

/* Tells which lines of --ssh-config were not taken, if there are any. */
void orthrus_warn_untaken(const struct config *c);

/*
 * Starts the process that runs the proxy command of c into *commands, before
 * there are threads and walls; NULL where there is none.  0, or -1 with *e.
 */
int orthrus_start_commands(struct config *c, struct commands **commands,
    struct error *e);

/*
 * Reads into *tls, for the caller to free, whom a server's certificate may come
 * from; NULL where no server speaks TLS.  0, or -1 with *e (EX_CONFIG).
 */
int orthrus_load_tls(const struct config *c, struct tls_client **tls,
    struct error *e);

/*
 * Puts up the walls of confine.h around this process, before its first thread:
 * it reaches the files that c names, and their directories.  0, or -1 with *e.
 */
int orthrus_confine(const struct config *c, struct error *e);

/*
 * Loads the identity of c, with ask after asking for its passphrase where there
 * is a terminal.  When there is none, the error also names the variable that
 * would have brought one and is set to nothing.
 */
struct identity *orthrus_load_identity(const struct config *c, bool ask,
    struct error *e);

/* Makes the tunnels what c says; see tunnels_apply(). */
int orthrus_apply_tunnels(struct orthrus *a, const struct config *c,
    struct error *e);

/*
 * What a link is to know of a configuration.  link_config_of() tells all but
 * keys and passwords, and points into c and tls; orthrus_link_config() tells
 * these as well, and points into a, too.
 */
void link_config_of(const struct config *c, struct tls_client *tls,
    struct link_config *lc);
void orthrus_link_config(const struct orthrus *a, struct link_config *lc);

/* Takes id over for the next login; the session stays. */
void orthrus_set_identity(struct orthrus *a, struct identity *id);

/* Reads the configuration again.  A faulty one is told and changes nothing. */
void orthrus_reload(struct orthrus *a);

/* The document of "orthrus status --json"; the caller frees it. */
char *orthrus_snapshot(void *agent);

/*
 * Gives a stream of this session to who asks on the control socket, see
 * control.h.
 */
void orthrus_lend(void *agent, int fd, int bell, const struct address *to);

/* Makes the control socket of this configuration: NULL with *e. */
struct control *orthrus_control(struct orthrus *a, const struct config *c,
    struct error *e);

#endif
