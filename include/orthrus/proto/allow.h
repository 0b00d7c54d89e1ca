/* SPDX-License-Identifier: ISC */
/*
 * What a client of the gateway may reach: the lists of --allow.  Pure
 * functions of text.
 */
#ifndef ORTHRUS_PROTO_ALLOW_H
#define ORTHRUS_PROTO_ALLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

#define ALLOW_MAX 4096		/* bytes of a list, with NUL */

/*
 * Reads items with commas (and spaces) between them: "AGENT:PORT",
 * "AGENT:docker", "AGENT:*" for both of that agent, "egress".  Writes them as
 * the questions below need them: in the order given, each once, without
 * spaces.  0, or -1 with *e (EX_USAGE); list is then untouched.
 */
int allow_parse(const char *text, char list[ALLOW_MAX], struct error *e);

/*
 * Whether a list that allow_parse() wrote allows it.  An item of any other form
 * allows nothing.
 */
bool allow_port(const char *list, const char *agent, uint16_t port);
bool allow_docker(const char *list, const char *agent);
bool allow_egress(const char *list);
/*
 * How many agents' Docker it allows: 0, 1 or 2, which is "more".  The first of
 * them is agent.
 */
unsigned allow_docker_agents(const char *list, char agent[NAME_MAX_LEN]);

#endif
