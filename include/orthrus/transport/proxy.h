/* SPDX-License-Identifier: ISC */
/* The handshake with a proxy, over a connection to it. */
#ifndef ORTHRUS_TRANSPORT_PROXY_H
#define ORTHRUS_TRANSPORT_PROXY_H

#include "orthrus/proto/proxy_url.h"
#include "orthrus/transport/handshake.h"

/*
 * Has the proxy, which outlives it, connect to host and port.  It makes no new
 * transport of the old one, which leads to the server then, and has read no
 * byte of the server's.  Never NULL.
 */
struct handshake *proxy_handshake(const struct proxy *proxy, const char *host,
    uint16_t port);

#endif
