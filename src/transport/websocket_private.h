/* SPDX-License-Identifier: ISC */
/* What the two handshakes make of the transport that they ran on. */
#ifndef ORTHRUS_TRANSPORT_WEBSOCKET_PRIVATE_H
#define ORTHRUS_TRANSPORT_WEBSOCKET_PRIVATE_H

#include "orthrus/proto/upgrade.h"
#include "orthrus/transport/websocket.h"

/*
 * One head, read from a transport as it comes, with what has come behind it;
 * and one that is on its way out.
 */
struct websocket_heads {
	uint8_t in[UPGRADE_HEAD_MAX];
	size_t nin;
	char *out;			/* NULL: nothing to send */
	size_t sent;			/* of it */
};

/*
 * Reads more of in: HANDSHAKE_DONE when there is more, HANDSHAKE_READ, or
 * HANDSHAKE_FAILED with *e, for which what is the name of the head.
 */
enum handshake_result websocket_read_head(struct websocket_heads *h,
    struct transport *t, const char *what, struct error *e);
/* Sends out: HANDSHAKE_DONE when all is gone, HANDSHAKE_WRITE or _FAILED. */
enum handshake_result websocket_send_head(struct websocket_heads *h,
    struct transport *t, struct error *e);

/*
 * A WebSocket on t, which belongs to it from here on; of what h has read, what
 * is behind the first used bytes comes first.
 */
struct transport *websocket_new(struct transport *t,
    const struct websocket_heads *h, size_t used, bool client);

#endif
