/* SPDX-License-Identifier: ISC */
/*
 * Those who wait for something that is scarce, by where they come from, and
 * who of them goes when there is no room: whoever is behind most of them, as
 * they are weighed, loses one, and what any of them does counts only beside
 * others of the same place.
 * Pure but for its random numbers.
 */
#ifndef ORTHRUS_SSH_CROWD_H
#define ORTHRUS_SSH_CROWD_H

#include <stddef.h>
#include <stdint.h>

#include "source.h"

struct waiting_ops;

/* One of them; its memory is its owner's. */
struct waiting {
	struct source from;
	unsigned weight;	/* > 0; the more, the sooner its like go */
	void *who;		/* NULL: nobody yet */
	uint64_t since;		/* when it came, as its owner counts */
	const struct waiting_ops *ops;	/* what its owner makes of it */
};

/* All zero is an empty one. */
struct crowd {
	struct waiting **at;	/* sorted by address */
	size_t n, size;
};

/* w waits from here on, where w->from says, until it is taken out. */
void crowd_add(struct crowd *c, struct waiting *w);
void crowd_remove(struct crowd *c, const struct waiting *w);
/* How many are so near to s. */
size_t crowd_near(const struct crowd *c, const struct source *s,
    enum source_level level);
/*
 * Who goes: of the network that weighs most the heaviest host, of that the
 * heaviest address, and of that who has come least far; each at random among
 * equals.  NULL when nobody waits.
 */
struct waiting *crowd_loser(const struct crowd *c,
    unsigned (*far)(const struct waiting *w));
/* The same among those of one host, of whom there must be one. */
struct waiting *crowd_loser_of(const struct crowd *c, const struct source *s,
    unsigned (*far)(const struct waiting *w));
void crowd_clear(struct crowd *c);

#endif
