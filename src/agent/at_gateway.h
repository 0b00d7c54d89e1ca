/* SPDX-License-Identifier: ISC */
/* What the agent does where the server is a gateway: the leash, and more. */
#ifndef ORTHRUS_AGENT_AT_GATEWAY_H
#define ORTHRUS_AGENT_AT_GATEWAY_H

#include <stdbool.h>

struct orthrus;
struct at_gateway;
struct mux;

struct at_gateway *at_gateway_new(struct orthrus *a);
void at_gateway_free(struct at_gateway *g);	/* NULL is fine */

/* A session is up, whose server is a gateway or not; that session has ended. */
void at_gateway_up(struct at_gateway *g, struct mux *mux, bool gateway);
void at_gateway_down(struct at_gateway *g);
/* The agent has another identity, whose renewal is to be planned. */
void at_gateway_reloaded(struct at_gateway *g);

/* True while the gateway holds our leash. */
bool at_gateway_held(const struct at_gateway *g);

#endif
