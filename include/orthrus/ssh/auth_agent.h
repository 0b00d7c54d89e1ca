/* SPDX-License-Identifier: ISC */
/* An authentication agent, ssh-agent(1), behind a Unix socket. */
#ifndef ORTHRUS_SSH_AUTH_AGENT_H
#define ORTHRUS_SSH_AUTH_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/proto/auth_agent.h"

struct auth_agent;
struct event_base;

/*
 * Asks for the keys and waits for the answer, up to 5 s altogether; for before
 * there is a loop.  0, or -1 with *e (EX_CONFIG).
 */
int auth_agent_keys_now(const char *path, struct auth_agent_keys *keys,
    struct error *e);

/*
 * Sends one question, and calls done from the loop with the answer (the bytes
 * behind its length), or with NULL and why there is none; never from inside this
 * call.  It is freed by the owner, in done or before.
 */
struct auth_agent *auth_agent_ask(struct event_base *base, const char *path,
    const uint8_t *question, size_t len,
    void (*done)(void *arg, const uint8_t *p, size_t n, const char *why),
    void *arg);
void auth_agent_free(struct auth_agent *a);

#endif
