/* SPDX-License-Identifier: ISC */
/*
 * The way out of a connection: packets handed to libssh, how much of them has
 * not left yet, and who must wait because of it.
 */
#ifndef ORTHRUS_SSH_OUTPUT_H
#define ORTHRUS_SSH_OUTPUT_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>

/* Input of a frugal one waits when so much is unsent: see output_flooded(). */
#define OUTPUT_FRUGAL (256 * 1024)
#define OUTPUT_KEPT_MAX (4 * 1024 * 1024)

struct budget;
struct carrier;
struct packet_tap;

struct output {
	struct packet_tap *tap;
	struct carrier *carrier;
	bool stranger;			/* who may have less unread */
	bool frugal;			/* set by its user */
	bool rekeying;			/* libssh keeps what we send ... */
	size_t kept_bytes;		/* ... so many bytes until now */
	size_t unhindered;		/* sent since the carrier was full */
	bool keeps;			/* what is sent, until acknowledged */
	struct budget *memory;		/* that this is a part of, or NULL */
	size_t noted;			/* there */
};

/*
 * One packet, type byte first: 0 when there is something to flush, 1 when
 * libssh keeps it until new keys are there, or -1 with *why (static text) when
 * the connection cannot go on.
 */
int output_send(struct output *o, const struct iovec *iov, int n,
    const char **why);
/*
 * Sends what is there: 0 when all is gone, 1 when the carrier takes no more now
 * or there is none, or -1 with errno.
 */
int output_flush(struct output *o);
/* New keys are there: what libssh kept is on its way. */
void output_has_keys(struct output *o);
/*
 * How much a stream may send now; 0 while all must wait.  A stream takes so
 * much from its socket at once: a quantum where the carrier has taken all
 * lately, and else what there is room for, so that sockets keep next to
 * nothing.  Sends what a turn has gathered before it says that there is no
 * room.
 */
size_t output_room(struct output *o);
/* True while so much is unsent that nothing more should be read. */
bool output_flooded(const struct output *o);
/* Bytes that wait to be sent, those that libssh keeps included. */
size_t output_unsent(const struct output *o);

/*
 * From now on what is sent is kept until the peer acknowledges it, at most
 * OUTPUT_KEPT_MAX of streams': whatever memory (that of several; NULL: there is
 * no such bound) has left, and KEPT_LEAST in any case.
 */
void output_keep(struct output *o, struct budget *memory);
/* Nothing is kept any more. */
void output_keep_no_more(struct output *o);
/* Counts what is kept, after that has changed. */
void output_note_kept(struct output *o);

#endif
