/* SPDX-License-Identifier: ISC */
/*
 * What speaks against a source: connections over which nobody logs in.  Where
 * somebody is logged in, or was lately, they count for little, since many may
 * share an address; and at an address where a proxy stands for nothing.
 */
#include "config.h"

#include "orthrus/base/loop.h"

#include "inbound_private.h"

/* For each connection, in ms. */
#define COST_FAILED 5000	/* a login was refused */
#define COST_TIMED_OUT 10000
#define COST_OTHER 1000		/* it ended before that, or made room */
#define COST_LOOKED 10		/* an orthrus that asked who we are, and left */
#define LOOKED_MS 2000		/* which takes less than this */
#define KNOWN_PART 10		/* of a known source's, one in so many */

/*
 * After our start, when many ask for the sessions that ended with the process
 * before it, that is no offence.
 */
#define START_MS 180000

/*
 * Of those who wait the known ones have the better claim, as somebody is there
 * whom others would miss; who has spoilt it has the worst.
 */
#define WEIGHT_KNOWN 1
#define WEIGHT_NEW 8
#define WEIGHT_SUSPECT 64

static bool
is_known(const struct acceptor *a, const struct source *from, uint64_t now)
{
	return penalty_known(a->penalties, from, now) ||
	    crowd_near(&a->sessions, from, SOURCE_HOST) > 0;
}

unsigned
offence_weight(const struct acceptor *a, const struct source *from)
{
	uint64_t now = clock_ms();

	if (source_is_proxy(from))
		return WEIGHT_NEW;
	return is_known(a, from, now) ? WEIGHT_KNOWN :
	    penalty_is_suspect(a->penalties, from, now) ? WEIGHT_SUSPECT :
	    WEIGHT_NEW;
}

/*
 * An agent that is at another gateway looks from time to time whether this one
 * is there (health_check.h).  A thousand behind one address may do so.
 */
bool
offence_is_none(const struct inbound *in)
{
	return connection_is_over(in->connection) &&
	    inbound_progress(in) == 1 && inbound_is_orthrus(in) &&
	    clock_awake_ms() - in->place.since < LOOKED_MS;
}

static void
note_offence(struct acceptor *a, const struct source *from, uint64_t cost)
{
	uint64_t now = clock_ms();
	char peer[SOURCE_TEXT_MAX];

	if (source_is_proxy(from))
		return;
	if (is_known(a, from, now))
		cost /= KNOWN_PART;
	if (penalty_add(a->penalties, from, cost, a->config.limits.penalty_ms,
	    now))
		a->events.penalised(a->arg, source_text(from, peer),
		    penalty_left(a->penalties, from, now));
}

void
offence_no_login(const struct inbound *in)
{
	struct acceptor *a = in->acceptor;
	const struct source *from = &in->place.from;
	uint64_t now = clock_ms();

	if (in->excused && (is_known(a, from, now) ||
	    now - a->started_at < START_MS))
		return;
	note_offence(a, from, in->failures > 0 ? COST_FAILED :
	    in->timed_out ? COST_TIMED_OUT : offence_is_none(in) ?
	    COST_LOOKED : COST_OTHER);
}

void
offence_by_stranger(struct acceptor *a, const struct source *from,
    bool timed_out)
{
	note_offence(a, from, timed_out ? COST_TIMED_OUT : COST_OTHER);
}
