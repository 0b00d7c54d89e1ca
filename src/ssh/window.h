/* SPDX-License-Identifier: ISC */
/*
 * The window that we grant a channel (RFC 4254 section 5.2): how much may
 * arrive before more is granted, when that is done, and what size follows from
 * the path and the reader.  Pure, no libssh.
 *
 * A window is memory that the peer may fill, and cannot be taken back before it
 * is used.  So all windows of one account (base/budget.h) have a sum that they
 * stay within, whoever reads what.  The first few channels start with enough
 * for a short answer over a long link, the more there are the less: each with
 * its share, so that there is something for the last of very many.  A window
 * doubles when half of it was used within two round trips without leaving
 * anything unread, that is, when it is what holds the stream back; so it
 * follows the bandwidth-delay product.  A small one doubles whenever it was
 * used up: a server with many channels may take longer to come round than the
 * network does.  What is left of the sum says how large a window may be: one
 * alone has half of it, and others shrink for each that comes, so that all that
 * are used become equal.  Where the path is short 2 MiB are enough for any
 * speed, and more only makes a queue at the server: sshd copies its whole
 * buffer each time that grows.
 */
#ifndef ORTHRUS_SSH_WINDOW_H
#define ORTHRUS_SSH_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/budget.h"

/* More is granted when so much was consumed, or half of the window. */
#define WINDOW_GRANT (256 * 1024)
/*
 * A channel begins with its share of the first, within the other two; both of
 * the first stream with the most.
 */
#define WINDOW_FIRST_ALL (1024 * 1024)
#define WINDOW_FIRST_MOST (1024 * 1024)
#define WINDOW_FIRST_LEAST 128
#define WINDOW_TALK (64 * 1024)	/* for commands and messages */
#define WINDOW_USED (16 * 1024)	/* the least of one that is used up */
#define WINDOW_SMALL (256 * 1024)	/* doubles whenever it is used up */
#define WINDOW_SHORT (2 * 1024 * 1024)	/* the largest on a short path */
#define WINDOW_LARGEST (16 * 1024 * 1024)	/* 1.3 Gbit/s at 100 ms */
#define WINDOW_RESERVE (ACCOUNT_MAX / 4)	/* for channels yet to come */
#define WINDOW_LONG_TRIP 10000	/* us; from there on the path is long */
#define WINDOW_LEAST_TRIP 4000	/* us; a process may wait so for its turn */
#define WINDOW_SLOWED (64 * 1024)	/* where small streams wait for it */

struct window {
	uint32_t left;			/* the peer may still send */
	uint32_t size;			/* left is refilled to that */
	uint32_t excess;		/* the part of size to be given back */
	uint32_t credit;		/* consumed, not yet granted again */
	uint32_t used;			/* consumed since measured_at */
	uint64_t measured_at;		/* us; 0: not yet */
	bool kept_up;			/* nothing was left unread lately */
	bool used_up;			/* left was 0 since measured_at */
};

/* What its size follows from. */
struct window_view {
	uint64_t now;			/* us */
	uint64_t round_trip;		/* us, the least lately; 0: unknown */
	bool unread;			/* data wait for the reader */
	bool slowed;			/* small streams wait for this one */
};

/*
 * For a new channel that a pays for: with most bytes (a power of two) or, the
 * more streams there are and the less is left, less.
 */
void window_init(struct window *w, struct account *a, uint32_t most);
/* n bytes have arrived; false when the peer had no right to them. */
bool window_arrived(struct window *w, size_t n);
/* The reader has not taken all that it was offered. */
void window_left_unread(struct window *w);
/* n bytes have left for good; true when it is time for window_grant(). */
bool window_consumed(struct window *w, size_t n);
/*
 * Returns how many bytes are to be granted to the peer now, maybe none; left
 * counts them already.  What a has promised is kept up to date here.
 */
uint32_t window_grant(struct window *w, struct account *a,
    const struct window_view *view);
/* Nothing more is kept of what comes; a second time is nothing. */
void window_end(struct window *w, struct account *a);

#endif
