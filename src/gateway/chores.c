/* SPDX-License-Identifier: ISC */
/*
 * What concerns thousands at once, in pieces, so that others have their turns
 * in between: what the registry has changed, what was seen of agents, and what
 * each session is told after a reload or at the end.
 */
#include "config.h"

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/monitor/ask.h"

#include "gateway.h"

#define PIECE 64		/* of them in one turn ... */
#define PIECE_US 10000		/* ... as long as it has not taken longer */
#define BUSY_MOST 3		/* times in a row, with a second between them */

bool
chores_piece(unsigned *done)
{
	return (*done)++ < PIECE && (*done == 1 || loop_turn_us() < PIECE_US);
}

/* --- the registry ------------------------------------------------- */

/*
 * Told when it begins and when it is over, not four times a second.  A command
 * that writes at the same time is no trouble.
 */
static void
registry_trouble(struct gateway *g, const struct error *e)
{
	if (e->code == EX_TEMPFAIL && g->busy++ < BUSY_MOST)
		return;
	if (!g->trouble)
		log_error("registry: %s", e->text);
	g->trouble = true;
}

/* True when there is more of it. */
static bool
save_registry(struct gateway *g)
{
	struct error e;
	int rc = agents_save(g->agents, &e);

	if (rc == 0 && g->revoked_dirty)
		rc = ask_revoked(g->monitor, &e);
	g->saving = rc == 1;
	if (rc == -1)
		registry_trouble(g, &e);
	if (rc != 0)
		return rc == 1;
	g->revoked_dirty = false;
	g->trouble = false;
	g->busy = 0;
	return false;
}

/* What has changed comes first, lest one is saved that is there no more. */
static bool
keep_registry(struct gateway *g)
{
	struct error e;
	int rc = agents_look(g->agents, &e);

	if (rc == -1)
		registry_trouble(g, &e);
	return rc == 1 || (rc == 0 && g->saving && save_registry(g));
}

/* --- sessions ----------------------------------------------------- */

static void
tell_session(struct session *s)
{
	const struct gateway *g = s->gateway;

	if (g->stopping && inbound_is_parted(s->in))
		session_end(s, "this gateway is stopping");
	else if (g->stopping && s->leash != NULL)
		gateway_leash_drain(s->leash, "this gateway is stopping");
	else if (!g->stopping && s->agent != NULL && !g->enabled)
		session_end(s, DISABLED);
	else if (!g->stopping && s->leash != NULL)
		gateway_leash_update(s->leash);
}

/* True when there are more of them. */
static bool
tell_sessions(struct gateway *g)
{
	struct session *s;
	unsigned done = 0;

	TAILQ_FOREACH(s, &g->sessions, next) {
		if (s->told == g->news)
			continue;
		if (!chores_piece(&done))
			return true;
		s->told = g->news;
		tell_session(s);
	}
	return false;
}

/* --- when --------------------------------------------------------- */

static void
on_chores(evutil_socket_t fd, short what, void *arg)
{
	struct gateway *g = arg;
	bool more;

	(void)fd;
	(void)what;
	loop_doing(LOOP_REGISTRY);
	more = keep_registry(g);
	loop_doing(LOOP_RELOAD);
	more = tell_sessions(g) || more;
	if (more)
		chores_soon(g);
}

void
chores_soon(struct gateway *g)
{
	if (g->chores != NULL)
		timer_set(g->chores, 0);
}

void
chores_begin(struct gateway *g)
{
	g->chores = evtimer_new(g->base, on_chores, g);
}

void
chores_end(struct gateway *g)
{
	if (g->chores != NULL)
		event_free(g->chores);
	g->chores = NULL;
}
