/* SPDX-License-Identifier: ISC */
/*
 * An endpoint in memory: the test decides what it gives, how much it takes
 * and when it breaks, and sees what became of it.
 */
#ifndef ORTHRUS_TESTS_MEMORY_ENDPOINT_H
#define ORTHRUS_TESTS_MEMORY_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/relay/relay.h"

struct memory {
	struct endpoint ep;	/* first */

	const uint8_t *in;	/* what is left to give */
	size_t in_len;
	bool in_end;		/* then the end, ... */
	int in_errno;		/* ... or this error, else EAGAIN */

	uint8_t *out;		/* what was taken */
	size_t out_len;
	size_t room;		/* how much more is taken */
	size_t chunk;		/* by one call */
	bool tells_room;	/* room() says so, else only write() */
	int out_errno, finish_errno;

	bool want_read, want_write;
	unsigned finished, closed, empty_writes;
	bool aborted;
};

/* Takes everything, gives nothing; memory_free() when the relay is done. */
void memory_init(struct memory *m);
void memory_free(struct memory *m);
/* Gives what it is asked for, takes what it can: true when it did anything. */
bool memory_step(struct memory *m);

#endif
