/* SPDX-License-Identifier: ISC */
/*
 * What the files of a client's session share.  Each calls only those named
 * before it, but for the steps, which outbound.c has in a table:
 * outbound.c (its life and its link, up to the server's host key),
 * outbound_login.c (the ways to log in), outbound_info.c (what it is like).
 */
#ifndef ORTHRUS_SSH_OUTBOUND_PRIVATE_H
#define ORTHRUS_SSH_OUTBOUND_PRIVATE_H

#include <libssh/libssh.h>

#include "orthrus/ssh/outbound.h"

#include "connection.h"
#include "probe.h"
#include "reopen.h"
#include "resume.h"
#include "wording.h"

struct agent_login;

#define AGENT_MS 60000		/* for a signature that a person confirms */

enum step { HANDSHAKE, LOGIN, AGENT, PASSWORD, UP };

struct outbound {
	struct outbound_config config;
	struct outbound_events events;
	void *arg;
	struct event_base *base;
	struct dialer *dialer;
	enum step step;
	bool password_told;
	struct opening *opening;
	struct connection *connection;
	struct event *deadline;		/* of the login */
	struct agent_login *agent;	/* with an agent's keys; or NULL */
	struct probe probe;		/* from there on */
	struct resume resume;		/* what outlives its link ... */
	struct reopen reopen;		/* ... finds another */
	int64_t up_at;			/* UNIX time */
	char host_key[FINGERPRINT_MAX];
	uint8_t first[WORDING_FIRST_MAX];	/* that came, unread */
	size_t nfirst;
};

#define outbound_fail(s, code, ...) \
	connection_fail((s)->connection, code, NULL, __VA_ARGS__)

/* outbound.c */
ssh_session outbound_ssh(const struct outbound *s);
/* What the server calls itself, RFC 4253 section 4.2, begins with name. */
bool outbound_server_calls_itself(const struct outbound *s, const char *name);
bool outbound_server_is_gateway(const struct outbound *s);
/* Fails with what has gone wrong below, behind what was being done. */
void outbound_fail_by_libssh(struct outbound *s, const char *what);
/*
 * For the end of an error message: static text where an ordinary SSH server
 * answers at the port that is taken when none is written; else "".
 */
const char *outbound_wrong_port_hint(const struct outbound *s);
bool outbound_is_logged_in(const struct outbound *s);

/*
 * outbound_login.c: the steps of the same names.  STEP_RUN: s->step is the
 * next one.
 */
enum connection_step outbound_log_in_with_key(struct outbound *s);
enum connection_step outbound_log_in_with_agent(struct outbound *s);
enum connection_step outbound_log_in_with_password(struct outbound *s);

#endif
