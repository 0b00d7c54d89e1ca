/* SPDX-License-Identifier: ISC */
/* A connected stream socket (TCP or Unix) as an endpoint of the relay. */
#ifndef ORTHRUS_RELAY_SOCKET_H
#define ORTHRUS_RELAY_SOCKET_H

#include "orthrus/relay/endpoint.h"

struct event_base;

/*
 * Takes ownership of the non-blocking descriptor fd and makes an endpoint of
 * it; n bytes of early (input that was read before, e.g. behind a SOCKS5
 * request) come first.  Freed by its close().
 */
struct endpoint *socket_endpoint_new(struct event_base *base, int fd,
    const uint8_t *early, size_t n);

/*
 * A closed endpoint whose peer has not yet taken all that was written stays
 * for as long as that makes progress (10 s without any at most).  This ends
 * all such at once, for the end of the process.
 */
void socket_endpoints_end(void);
/* True while an endpoint lingers so. */
bool socket_endpoints_linger(void);

#endif
