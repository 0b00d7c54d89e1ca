/* SPDX-License-Identifier: ISC */
/* The HTTP API of a gateway that runs; docs/charon-api.md describes it. */
#ifndef ORTHRUS_API_API_H
#define ORTHRUS_API_API_H

#include <stdbool.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

struct api;
struct event_base;
struct gateway;

/*
 * Listens on at (ADDRESS_NONE: nothing is done and *api is NULL), and with tls
 * answers at the gateway's port for TLS as well; state is the directory of the
 * token, which both TCP and that need.  0, or -1 with *e: EX_UNAVAILABLE,
 * EX_CONFIG for the token.
 */
int api_start(struct api **api, struct gateway *g, struct event_base *base,
    const struct address *at, bool tls, const char *state, struct error *e);
/* Cuts off who is connected; before gateway_free().  NULL is fine. */
void api_stop(struct api *api);

#endif
