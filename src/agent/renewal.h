/* SPDX-License-Identifier: ISC */
/* A new certificate, for a new key, before the old one ends. */
#ifndef ORTHRUS_AGENT_RENEWAL_H
#define ORTHRUS_AGENT_RENEWAL_H

#include <stdint.h>

#include "orthrus/proto/leash.h"

struct orthrus;
struct agent_leash;
struct renewal;

/* Makes what changes the identity of a when it is time to. */
struct renewal *renewal_new(struct orthrus *a);
void renewal_free(struct renewal *r);

/*
 * The leash l is held, and a renewal is wanted so many seconds before the end
 * of the certificate.  With NULL no leash is held any more.
 */
void renewal_allow(struct renewal *r, struct agent_leash *l, uint64_t before);
/* Takes the gateway's answer; one that was not asked for is ignored. */
void renewal_answer(struct renewal *r, const struct leash_message *m);
/* Plans for another identity, and forgets a request that was under way. */
void renewal_plan(struct renewal *r);

/*
 * The time (UNIX seconds) to renew c at: before seconds ahead of its end, but
 * not in the first half of its life, or there would be no end of it.  Pure.
 */
uint64_t renewal_due(const struct certificate *c, uint64_t before);

/*
 * The seconds from one request to the next, at now: a tenth of what is left of
 * c (of its lifetime, when it has expired), from 1 to 60.  Pure.
 */
uint64_t renewal_pace(const struct certificate *c, uint64_t now);

/*
 * Whether fresh may take the place of present, for who logs in as name: a user
 * certificate for that name, valid at now, and for longer.  Any authority may
 * have signed it, as gateways change theirs.  0, or -1 with *e (EX_PROTOCOL).
 * Pure.
 */
int renewal_check(const struct certificate *fresh,
    const struct certificate *present, const char *name, uint64_t now,
    struct error *e);

#endif
