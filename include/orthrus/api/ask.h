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

#endif
