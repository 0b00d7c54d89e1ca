/* SPDX-License-Identifier: ISC */
/* The HTTP API of a gateway that runs, asked by a command on its machine. */
#ifndef ORTHRUS_API_ASK_H
#define ORTHRUS_API_ASK_H

#include "orthrus/base/address.h"

struct json_t;

/*
 * What the API at the address says of an agent, or with NULL of all, as a new
 * document: what "charon agent show --json" has and what only the gateway
 * knows.  state is the directory of the token that TCP needs.  Blocks for 2 s
 * between two pieces of the answer at most.  NULL when nobody answers, or may
 * not.
 */
struct json_t *api_ask(const struct address *at, const char *state,
    const char *agent);

/*
 * The status of the answer to GET /healthz: 200 of a gateway that is well, 503
 * of one that cannot use its registry or stops; 0 when nobody answers.
 */
int api_health(const struct address *at, const char *state);

#endif
