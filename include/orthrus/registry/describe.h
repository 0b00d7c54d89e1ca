/* SPDX-License-Identifier: ISC */
/* What is shown of agents and clients, to people and as JSON. */
#ifndef ORTHRUS_REGISTRY_DESCRIBE_H
#define ORTHRUS_REGISTRY_DESCRIBE_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/base/text.h"
#include "orthrus/registry/registry.h"

struct json_t;

enum agent_status { AGENT_PENDING, AGENT_ONLINE, AGENT_OFFLINE };

/*
 * What the registry's row means at now (UNIX seconds).  An agent is online only
 * when a gateway runs (served) and has heard it within the timeout, and a
 * little more for the writing of the row.
 */
enum agent_status agent_status(const struct peer *p, bool served,
    uint64_t timeout_ms, int64_t now);
const char *agent_status_text(enum agent_status status);

/*
 * The path of an agent's socket below the runtime directory, for port 0 its
 * docker.sock.  The caller frees it.
 */
char *agent_socket(const char *runtime, const char *name, uint16_t port);

/*
 * A new object each, for the caller to decref: what "charon agent list
 * --json" and the HTTP API show of one agent, and "charon client list --json"
 * of one client.
 */
struct json_t *agent_json(const struct peer *p, enum agent_status status,
    const char *runtime);
struct json_t *client_json(const struct peer *p);

#endif
