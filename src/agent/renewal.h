/* A new certificate, for a new key, before the old one ends. */
#ifndef ORTHRUS_AGENT_RENEWAL_H
#define ORTHRUS_AGENT_RENEWAL_H

#include <stdint.h>

#include "orthrus/proto/leash.h"

struct agent;
struct leash;
struct renewal;

/* Changes a's identity, when the time has come. */
struct renewal *renewal_new(struct agent *a);
void renewal_free(struct renewal *r);

/* The leash is held, and renewals are wanted so many seconds before the end
 * of the certificate; with NULL it is held no more. */
void renewal_allow(struct renewal *r, struct leash *l, uint64_t before);
/* The gateway's answer. */
void renewal_answer(struct renewal *r, const struct leash_message *m);
/* The identity is another one: thinks anew about when. */
void renewal_plan(struct renewal *r);

/*
 * The time (UNIX seconds) to renew c at: before seconds ahead of its end, but
 * not in the first half of its life, or there would be no end of it.  Pure.
 */
uint64_t renewal_due(const struct certificate *c, uint64_t before);

#endif
