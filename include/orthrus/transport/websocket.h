/* SPDX-License-Identifier: ISC */
/*
 * SSH in the binary frames of a WebSocket (RFC 6455), with the subprotocol
 * "ssh": how a client comes through the web server that is on port 443
 * already.  No pings are sent: SSH's own probes, every 5 s and answered, keep
 * what is between from closing an idle connection.
 */
#ifndef ORTHRUS_TRANSPORT_WEBSOCKET_H
#define ORTHRUS_TRANSPORT_WEBSOCKET_H

#include <stdint.h>

#include "orthrus/transport/handshake.h"

/* The client's side, on TLS as a rule.  What it is given is copied. */
struct handshake *websocket_connect(const char *host, uint16_t port,
    const char *path);

/*
 * The server's side, on any transport (behind a web server it is plain TCP),
 * from which nothing of the request has been read: see transport_unread().  A
 * request that is not upgrade_look()'s UPGRADE_WANTED, or wrong otherwise, is
 * answered, and the handshake fails.
 */
struct handshake *websocket_accept(const char *path);

#endif
