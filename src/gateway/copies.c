/* SPDX-License-Identifier: ISC */
/*
 * Two machines with one identity, as after a disk was cloned: each login
 * displaces the other.  Each process says a random number of its own, so that
 * one that comes back after a break, or was started anew, is told apart from
 * two that run: of those the first returns after the second was there.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/leash.h"

#include "gateway.h"

#define SEEN_MAX 4
#define COPY_MS 600000		/* who was not there for longer is no rival */

struct copies {
	uint8_t seen[SEEN_MAX][LEASH_INSTANCE_LEN];	/* as they came */
	size_t nseen;
	uint8_t last[LEASH_INSTANCE_LEN];	/* of the newest session */
	uint8_t first[LEASH_INSTANCE_LEN];	/* who keeps its place */
	uint64_t first_at;		/* ms; 0: there is only one machine */
	uint64_t told_at;		/* ms; 0: nothing was logged */
	char *peer;			/* of the session displaced last */
};

static bool
instance_is(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, LEASH_INSTANCE_LEN) == 0;
}

static bool
was_seen(const struct copies *c, const uint8_t *instance)
{
	size_t i;

	for (i = 0; i < c->nseen; i++)
		if (instance_is(c->seen[i], instance))
			return true;
	return false;
}

/* The oldest makes room. */
static void
see(struct copies *c, const uint8_t *instance)
{
	if (c->nseen == SEEN_MAX) {
		memmove(c->seen[0], c->seen[1], sizeof(c->seen) -
		    sizeof(c->seen[0]));
		c->nseen--;
	}
	memcpy(c->seen[c->nseen++], instance, LEASH_INSTANCE_LEN);
}

static bool
are_rivals(const struct copies *c)
{
	return c->first_at != 0 && clock_ms() - c->first_at < COPY_MS;
}

static void
tell_of_copies(struct copies *c, const struct session *s)
{
	uint64_t now = clock_ms();

	if (c->told_at != 0 && now - c->told_at < COPY_MS)
		return;
	c->told_at = now;
	log_event(LEVEL_WARN, LOG_FIELDS(.event = "copies", .agent = s->name,
	    .peer = inbound_peer(s->in), .reason = c->peer),
	    "agent %s: two machines have its identity and displace each other, "
	    "from %s and from %s: if one is a copy, remove the state directory "
	    "there and enrol it under its own name (charon agent add NAME)",
	    s->name, inbound_peer(s->in), c->peer);
}

void
copies_hello(struct session *s, const struct leash_message *hello)
{
	const uint8_t *instance = hello->hello.instance;
	struct agent *a = s->agent;
	struct copies *c = a->copies;

	if (!hello->hello.has_instance || s->has_instance)
		return;
	s->has_instance = true;
	memcpy(s->instance, instance, sizeof(s->instance));
	if (c == NULL)
		c = a->copies = xcalloc(1, sizeof(*c));
	if (!was_seen(c, instance))
		see(c, instance);
	else if (s->displaces && c->peer != NULL &&
	    !instance_is(c->last, instance)) {
		if (!are_rivals(c))
			memcpy(c->first, instance, sizeof(c->first));
		c->first_at = clock_ms();
		tell_of_copies(c, s);
	}
	memcpy(c->last, instance, sizeof(c->last));
}

const char *
copies_displace(const struct session *old, struct session *by)
{
	struct copies *c = old->agent->copies;

	by->displaces = true;
	if (c == NULL)
		return LEASH_DISPLACED;
	free(c->peer);
	c->peer = xstrdup(inbound_peer(old->in));
	return old->has_instance && are_rivals(c) &&
	    !instance_is(c->first, old->instance) ? LEASH_COPY :
	    LEASH_DISPLACED;
}

void
copies_free(struct copies *c)
{
	if (c != NULL)
		free(c->peer);
	free(c);
}
