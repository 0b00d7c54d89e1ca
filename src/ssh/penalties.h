/* SPDX-License-Identifier: ISC */
/*
 * Hosts that are not let in for a while because of what came from there, and
 * those that have shown that they mean well.  A table of fixed size, without a
 * clock: times are in ms of the monotonic one.
 */
#ifndef ORTHRUS_SSH_PENALTIES_H
#define ORTHRUS_SSH_PENALTIES_H

#include <stdbool.h>
#include <stdint.h>

#include "source.h"

#define PENALTY_LEAST_MS 15000	/* less than this is forgotten in time */
#define PENALTY_KNOWN_MS (60 * 60 * 1000)	/* who was let in is known */

struct penalties;

struct penalties *penalties_new(void);
void penalties_free(struct penalties *p);
/* Nobody is refused any more. */
void penalties_clear(struct penalties *p);

/*
 * An offence: cost ms more, and no more than most in all.  From
 * PENALTY_LEAST_MS on the host is refused until all of it is over.  True when
 * that begins now.
 */
bool penalty_add(struct penalties *p, const struct source *s, uint64_t cost,
    uint64_t most, uint64_t now);
/* True while its offences are remembered. */
bool penalty_is_suspect(const struct penalties *p, const struct source *s,
    uint64_t now);
/* For how long it is refused; 0: it is not. */
uint64_t penalty_left(const struct penalties *p, const struct source *s,
    uint64_t now);
/* Somebody from there was let in: nothing is left, and it is known. */
void penalty_forgive(struct penalties *p, const struct source *s,
    uint64_t now);
/* True for PENALTY_KNOWN_MS after that. */
bool penalty_known(const struct penalties *p, const struct source *s,
    uint64_t now);

#endif
