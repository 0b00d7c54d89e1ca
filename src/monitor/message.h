/* SPDX-License-Identifier: ISC */
/*
 * What the monitor and the network process say to each other: one datagram for
 * a question and one for its answer, all of one form, in SSH's data types.
 * Pure; each side reads what the other sends as if a stranger had sent it.
 */
#ifndef ORTHRUS_MONITOR_MESSAGE_H
#define ORTHRUS_MONITOR_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"
#include "orthrus/registry/registry.h"

/* Holds the longest row of a peer, with the longest Hello of an agent. */
#define MESSAGE_MAX (LEASH_FRAME_MAX + 16 * 1024)

enum message_kind {
	ASK_STARTED = 1,	/* never asked: the first word of the monitor */
	ASK_SIGN,		/* an exchange hash with the host key */
	ASK_KEY,		/* may this request log in? */
	ASK_PASSWORD,		/* is this a good AUTH_KEY? */
	ASK_LOGGED_IN,		/* older certificates end with this login */
	ASK_LEFT,		/* this session is over; has no answer */
	ASK_ENROL,		/* a certificate for the AUTH_KEY */
	ASK_RENEW,		/* the next certificate */
	ASK_CHANGES,		/* what has changed in the registry */
	ASK_REGISTERED,		/* is there a peer of this id? */
	ASK_SEEN,		/* what was seen of agents */
	ASK_REVOKED,		/* the list of revoked keys is to be current */
	ASK_RELOAD,		/* the configuration has changed */
	ASK_CONFIG,		/* the file of the configuration, opened */
	ASK_LISTEN,		/* a Unix socket of an agent, with its descriptor */
	ASK_LISTEN_TCP,		/* the same at loopback, for Docker */
	ASK_REMOVE,		/* nobody listens there any more; no answer */
	ASK_WEB_CERTIFICATE,	/* TLS's, when it is another one */
	ASK_WEB_SIGN,		/* what a handshake of TLS signs */
	ASK_LAST = ASK_WEB_SIGN
};

/* What a field means is said where a question is answered (answers.c). */
struct message {
	uint8_t kind;
	bool flag;
	uint32_t code;			/* of an answer: 0 or of sysexits(3) */
	uint64_t session;
	uint64_t number;
	char name[NAME_MAX_LEN];	/* a valid name, or "" */
	const uint8_t *bytes;		/* into what was read */
	size_t len;
	const uint8_t *more;		/* the same */
	size_t more_len;
};

/* Writes m to out and returns its length; 0 when it is too long. */
size_t message_write(const struct message *m, uint8_t out[MESSAGE_MAX]);
/* False when it is malformed in any way; m points into p. */
bool message_read(struct message *m, const uint8_t *p, size_t len);

/* The error of an answer that has one, else code 0. */
void message_error(const struct message *m, struct error *e);

/* --- rows --------------------------------------------------------- */

/* A peer and what has happened to it, in a list of changes. */
struct peer_row {
	bool removed, revoked;
	struct peer peer;
};

/*
 * Appends a row to out, of which *len of size bytes are in use: false when
 * there is no room.  row_read() takes the next one off *p: false at the end
 * (*left is 0 then) or when it is malformed.
 */
bool row_write(const struct peer_row *row, uint8_t *out, size_t size,
    size_t *len);
bool row_read(struct peer_row *row, const uint8_t **p, size_t *left);

#endif
