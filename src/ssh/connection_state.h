/* SPDX-License-Identifier: ISC */
/*
 * What the files of a connection share: connection.c (its life, and what is
 * asked about it), connection_turns.c (its turns in the loop),
 * connection_carriers.c (from one carrier to the next).
 */
#ifndef ORTHRUS_SSH_CONNECTION_STATE_H
#define ORTHRUS_SSH_CONNECTION_STATE_H

#include <event2/event.h>

#include <libssh/libssh.h>

#include "carrier.h"
#include "connection.h"
#include "output.h"
#include "packet.h"

struct connection {
	enum { SHAKING_HANDS, RUNNING, OVER } state;
	bool client;
	bool begun;			/* libssh has its descriptor */
	bool negotiates;		/* the peer has sent its KEXINIT */
	ssh_session ssh;
	struct packet_tap *tap;
	struct output out;
	struct mux *mux;		/* that runs on it */
	const struct mux_ops *ops;	/* of the mux */
	const struct connection_role *role;
	void *arg;
	const struct connection_heir *heir;	/* NULL: it ends with a carrier */
	void *heir_arg;
	unsigned dead_ms;
	struct carrier carrier;
	struct event_base *base;
	struct event *flush;		/* sends what a turn has gathered */
	struct event *end;		/* tells the owner, outside of libssh */
	uint64_t received, heard_at;
	struct error why;
	const char *goodbye;
};

/*
 * connection_turns.c: what is called with the connection as arg, for the
 * carrier, which can be read or written; for c->flush; for the tap, as a
 * packet_handler.
 */
void connection_on_ready(evutil_socket_t fd, short what, void *arg);
void connection_on_flush(evutil_socket_t fd, short what, void *arg);
void connection_on_packet(void *arg, uint8_t type, const uint8_t *p,
    size_t len);

#endif
