/* SPDX-License-Identifier: ISC */
/*
 * What the files of the tap share: packet.c (packets in and out of libssh),
 * packet_handshake.c (what is put before it until the login), packet_stream.c
 * (the bytes that packets come and go in).
 */
#ifndef ORTHRUS_SSH_PACKET_STATE_H
#define ORTHRUS_SSH_PACKET_STATE_H

#include <libssh/libssh.h>
#include <libssh/callbacks.h>

#include "input.h"
#include "packet.h"
#include "ring.h"

/* The connection protocol's, RFC 4250 section 4.1.2. */
#define PACKET_FIRST MSG_GLOBAL_REQUEST
#define PACKET_LAST MSG_CHANNEL_FAILURE

struct packet_tap {
	ssh_session session;
	packet_handler *handler;
	void *arg;
	bool (*logins)(void *arg, const uint8_t *p, size_t len);
	void *logins_arg;
	const struct host_key *host_key;	/* NULL: libssh has its own */
	void *host_key_arg;
	uint8_t *shown;			/* the server's, to us; NULL */
	size_t shown_len;
	struct ssh_packet_callbacks_struct messages, debug, kex, auth, answers;
	ssh_packet_callback table[PACKET_LAST - PACKET_FIRST + 1];
	ssh_packet_callback kex_table[2], auth_table[1];

	bool stranger;
	bool ours;			/* taken over from libssh's socket */
	struct ssh_counter_struct by_libssh;	/* what its socket carried */
	struct ssh_counter_struct raw;	/* packets, see packet_turn() */
	size_t turn_bytes;		/* read in this turn */
	uint64_t turn_began;		/* raw's packets then */
	size_t average;			/* bytes of a packet of late */
	uint64_t waits_from;		/* its input when we first tried */
	bool wrote;			/* libssh gave us bytes to send */
	struct input in;		/* received, not yet libssh's */
	struct ring out;		/* encrypted, not yet sent, or kept */
	uint64_t received;
	size_t greeted;			/* our identification, sent already */
};

/*
 * packet.c: has the n messages from first on handled by table; NULL in it: by
 * libssh.  It is used, as messages is, while the session has turns.  Who was
 * set first is asked first, and libssh's own are set when it begins.
 */
void packet_set_handlers(struct packet_tap *tap, ssh_packet_callbacks messages,
    uint8_t first, uint8_t n, ssh_packet_callback *table);
/* The tap that libssh is at work on, or NULL. */
struct packet_tap *packet_tap_at_work(void);

/* packet_stream.c: n bytes were read that had so many packets. */
void packet_note_average(struct packet_tap *tap, size_t n, uint64_t packets);

#endif
