/* SPDX-License-Identifier: ISC */
/*
 * What one connection sends, in a ring: what is unsent, and before it, where
 * that is wanted, what was sent and the peer has not acknowledged.  Pure, no
 * libssh, no descriptor.
 */
#ifndef ORTHRUS_SSH_RING_H
#define ORTHRUS_SSH_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Positions count the bytes that were ever put into it.  All zero is an empty
 * one that keeps nothing.
 */
struct ring {
	uint8_t *data;			/* NULL: it is empty */
	size_t size;			/* a power of two */
	uint64_t first;			/* position of the first byte kept */
	uint64_t sent;			/* of the first that is unsent */
	uint64_t end;			/* of the next that is added */
	bool keeps;			/* what is sent, until acknowledged */
	bool small;			/* takes no more memory than it needs */
};

void ring_clear(struct ring *r);
/* Puts n bytes behind all others; there is always room. */
void ring_add(struct ring *r, const void *p, size_t n);
/*
 * What waits to be sent, as far as it lies in one piece; until the next call of
 * any function; may be NULL with *n 0.
 */
const uint8_t *ring_unsent(const struct ring *r, size_t *n);
/* The first n of them have been. */
void ring_sent(struct ring *r, size_t n);

/* What is sent from now on is kept, or with false, is not any more. */
void ring_keep(struct ring *r, bool keeps);
/* The peer has all before that position: false, it cannot. */
bool ring_acknowledged(struct ring *r, uint64_t position);
/*
 * All from that position on is unsent again: false, it is not kept, or was
 * never sent.
 */
bool ring_rewind(struct ring *r, uint64_t position);
/* True when ring_rewind() would do that. */
bool ring_has(const struct ring *r, uint64_t position);

/* How many bytes are unsent; how many are kept though they were sent. */
size_t ring_backlog(const struct ring *r);
size_t ring_kept(const struct ring *r);

#endif
