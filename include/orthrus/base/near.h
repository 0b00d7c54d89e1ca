/* SPDX-License-Identifier: ISC */
/* "Did you mean": the one of several known words that is most like another. */
#ifndef ORTHRUS_BASE_NEAR_H
#define ORTHRUS_BASE_NEAR_H

struct near {
	const char *word, *best;	/* best is NULL when none is near */
	unsigned distance;
};
#define NEAR(w) { .word = (w) }

/*
 * Takes candidate for the best one if it is nearer than those before: at most
 * two letters (one of short words) are other, missing, too many or swapped, or
 * one of the two begins with the other.
 */
void near_try(struct near *n, const char *candidate);

#endif
