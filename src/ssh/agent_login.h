/* SPDX-License-Identifier: ISC */
/* A login with the keys of an ssh-agent(1), one after the other. */
#ifndef ORTHRUS_SSH_AGENT_LOGIN_H
#define ORTHRUS_SSH_AGENT_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent_login;
struct event_base;
struct identity;
struct ssh_session_struct;

/* go_on is called from the loop when there is something for the next step. */
struct agent_login *agent_login_new(struct event_base *base,
    const struct identity *identity, void (*go_on)(void *arg), void *arg);
void agent_login_free(struct agent_login *l);	/* NULL is fine */

/*
 * Does what can be done now: one of SSH_AUTH_AGAIN, SUCCESS, ERROR (the session
 * is lost), DENIED or PARTIAL after the last key.
 */
int agent_login_step(struct agent_login *l, struct ssh_session_struct *ssh);

/* True while the agent has a key at work, and perhaps asks its owner. */
bool agent_login_signs(const struct agent_login *l);

/* Why the login failed, for an error message. */
void agent_login_why(const struct agent_login *l, char *text, size_t size);

#endif
