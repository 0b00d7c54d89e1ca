/* SPDX-License-Identifier: ISC */
/* How much of something may come at once, and how much each second. */
#ifndef ORTHRUS_BASE_BUCKET_H
#define ORTHRUS_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed it is full. */
struct bucket {
	unsigned tokens;
	uint64_t filled_at;		/* ms; 0: never */
};

/*
 * Takes a token at now (clock_ms()): false when there is none left of the
 * burst that fit in, of which rate come back each second.
 */
bool bucket_take(struct bucket *b, uint64_t now, unsigned burst,
    unsigned rate);

#endif
