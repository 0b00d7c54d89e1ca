/* SPDX-License-Identifier: ISC */
/* How much of something may come at once, and how much each second. */
#ifndef ORTHRUS_BASE_BUCKET_H
#define ORTHRUS_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* A token bucket; a zeroed one is full. */
struct bucket {
	unsigned tokens;
	uint64_t filled_at;		/* ms; 0: never */
};

/*
 * Takes a token at now (clock_ms()): false when none is left.  The bucket holds
 * burst tokens, and gets rate new ones each second.
 */
bool bucket_take(struct bucket *b, uint64_t now, unsigned burst,
    unsigned rate);

#endif
