/* SPDX-License-Identifier: ISC */
/*
 * The leash at the agent's end: who we are, that we live, and what a gateway
 * has to say (contract, section 4; docs/leash.md).
 */
#ifndef ORTHRUS_AGENT_AGENT_LEASH_H
#define ORTHRUS_AGENT_AGENT_LEASH_H

#include <stdint.h>

#include "orthrus/muzzle/policy.h"
#include "orthrus/proto/leash.h"

struct event_base;
struct agent_leash;
struct mux;

/*
 * What the leash tells its owner.  hello and missing may be called from inside
 * the mux; the others come from the loop, outside of it, and may call
 * agent_leash_free().
 */
struct agent_leash_events {
	/* Fills in our Hello, which is sent again whenever it changes. */
	void (*hello)(void *arg, struct leash_message *m);
	/*
	 * The leash is not held, for the reason why (static text).  It is asked
	 * for again.
	 */
	void (*missing)(void *arg, const char *why);
	/*
	 * The leash is held.  Our certificate is to be renewed renew_before
	 * seconds before it ends; this is told again when that changes.
	 */
	void (*held)(void *arg, uint64_t renew_before);
	void (*limits)(void *arg, const struct policy_limits *limits);
	/* The answer to agent_leash_renew(): of kind LEASH_RENEWED. */
	void (*renewed)(void *arg, const struct leash_message *m);
	/* The gateway is about to end, and asks us to go elsewhere. */
	void (*drain)(void *arg, const char *reason);
};

/*
 * Asks the gateway at the other end of m for a leash, and again while there is
 * none.
 */
struct agent_leash *agent_leash_new(struct event_base *base, struct mux *m,
    const struct agent_leash_events *events, void *arg);
/* To be called before the mux is freed; NULL is fine. */
void agent_leash_free(struct agent_leash *l);

/*
 * Asks for a certificate for key, at first without a proof (NULL): 0, or -1
 * when that cannot be sent now.
 */
int agent_leash_renew(struct agent_leash *l,
    const uint8_t key[ED25519_KEY_LEN], const uint8_t *proof);

#endif
