/* SPDX-License-Identifier: ISC */
/* A transport as an endpoint of the relay, for what is no SSH. */
#ifndef ORTHRUS_TRANSPORT_ENDPOINT_H
#define ORTHRUS_TRANSPORT_ENDPOINT_H

#include "orthrus/relay/endpoint.h"
#include "orthrus/transport/transport.h"

struct event_base;

/* t is the endpoint's from here on, and is freed by its close(). */
struct endpoint *transport_endpoint_new(struct event_base *base,
    struct transport *t);

#endif
