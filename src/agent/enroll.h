/* SPDX-License-Identifier: ISC */
/* From an AUTH_KEY to an identity with a certificate (contract, section 4). */
#ifndef ORTHRUS_AGENT_ENROLL_H
#define ORTHRUS_AGENT_ENROLL_H

#include <stdbool.h>

#include "orthrus/base/error.h"
#include "orthrus/conf/config.h"

struct dialer;
struct agent_enrolment;
struct commands;
struct event_base;
struct link;

/*
 * Looks whether c has to enrol: it has an AUTH_KEY, and there is no identity,
 * or one that another AUTH_KEY has brought.  An identity that no enrolment has
 * brought is left alone.  Completes what was cut off before.  0, or -1 with *e,
 * also when the name that somebody chose is not that of the identity.
 */
int enrolment_look(const struct config *c, bool *needed, struct error *e);

/*
 * The name that an enrolment gave to the identity that is there; "" when none
 * did.
 */
void enrolment_name(const struct config *c, char name[NAME_MAX_LEN]);

/*
 * 0, or -1 with *e (EX_CONFIG) when the identity of c came by an enrolment
 * under another name.  It must not be used or replaced under this one.
 */
int enrolment_name_fits(const struct config *c, const char *name,
    struct error *e);

/* True when the identity of c is there and no enrolment has brought it. */
bool enrolment_is_own(const struct config *c);

/*
 * What an enrolment tells its owner.  After done or failed it is over, and the
 * owner frees it, also from inside of that call.
 */
struct enrolment_events {
	/* The identity of c is there, registered under this name. */
	void (*done)(void *arg, const char *name);
	/* An attempt has failed; the next one follows, as with any link. */
	void (*trouble)(void *arg, const struct error *why);
	/*
	 * EX_NOPERM when the gateway refused the AUTH_KEY or is another one,
	 * EX_CONFIG when the AUTH_KEY is of an agent with another name (unless
	 * any_name) or than the identity that is there, EX_CANTCREAT, or
	 * EX_UNAVAILABLE without reconnect.
	 */
	void (*failed)(void *arg, const struct error *why);
};

/*
 * Starts it; c and commands (NULL: none) must outlive it.  NULL with *e when
 * the key cannot be made.
 */
struct agent_enrolment *enrolment_new(struct event_base *base,
    struct dialer *dialer, struct commands *commands, const struct config *c,
    bool any_name, const struct enrolment_events *events, void *arg,
    struct error *e);
void enrolment_free(struct agent_enrolment *en);	/* NULL is fine */

const struct link *enrolment_link(const struct agent_enrolment *en);

#endif
