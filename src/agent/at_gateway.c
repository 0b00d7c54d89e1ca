/* SPDX-License-Identifier: ISC */
/* See at_gateway.h: wires the leash to the tunnels, the link and the renewal. */
#include "config.h"

#include "at_gateway.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"

#include "orthrus.h"
#include "host.h"
#include "agent_leash.h"
#include "renewal.h"

#define LEAVE_TICK_MS 50
#define LEAVE_TICKS 80		/* 4 s: charon waits for 5 */

struct at_gateway {
	struct orthrus *agent;
	struct agent_leash *leash;
	struct renewal *renewal;
	bool held;
	const char *told;		/* last said of its absence, or NULL */
	struct policy_limits limits;	/* of this session, all together */
	struct event *leave;		/* looks whether streams are left */
	unsigned leave_ticks;
	bool moves;			/* another gateway is tried meanwhile */
	struct error why;		/* to leave */
};

/* --- what the leash says ------------------------------------------ */

static void
on_hello_wanted(void *arg, struct leash_message *m)
{
	const struct at_gateway *g = arg;

	host_hello(g->agent, m);
}

static void
on_leash_missing(void *arg, const char *why)
{
	struct at_gateway *g = arg;

	if (g->told != why)
		log_event(LEVEL_INFO, LOG_FIELDS(.event = "no_heartbeats",
		    .reason = why), "the gateway takes no heartbeats now, so "
		    "that its list may show this agent as offline: %s; going "
		    "on, and asking again", why);
	g->told = why;
	g->held = false;
	renewal_allow(g->renewal, NULL, 0);
}

static void
on_leash_held(void *arg, uint64_t renew_before)
{
	struct at_gateway *g = arg;

	g->told = NULL;
	g->held = true;
	renewal_allow(g->renewal, g->leash, renew_before);
}

/*
 * Limits only grow within a session, so this line is logged a few times at
 * most.
 */
static void
on_leash_limits(void *arg, const struct policy_limits *limits)
{
	struct at_gateway *g = arg;

	if ((limits->actions_closed & ~g->limits.actions_closed) == 0 &&
	    (!limits->redact_always || g->limits.redact_always))
		return;
	g->limits.actions_closed |= limits->actions_closed;
	g->limits.redact_always |= limits->redact_always;
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "docker_narrowed"),
	    "the gateway narrows what Docker clients may do");
	tunnels_limit(g->agent->tunnels, limits);
}

static void
on_leash_renewed(void *arg, const struct leash_message *m)
{
	struct at_gateway *g = arg;

	renewal_answer(g->renewal, m);
}

static void
wait_leave_tick(struct at_gateway *g)
{
	timer_set(g->leave, LEAVE_TICK_MS);
}

static void
on_leave_tick(evutil_socket_t fd, short what, void *arg)
{
	struct at_gateway *g = arg;

	(void)fd;
	(void)what;
	if ((tunnels_open(g->agent->tunnels) == 0 && !g->moves) ||
	    ++g->leave_ticks > LEAVE_TICKS)
		link_next(g->agent->link, &g->why);
	else
		wait_leave_tick(g);
}

/*
 * Moves to another gateway at once; the streams come to their end here.  Where
 * there is none, leaves this one when they have, or when its patience is nearly
 * over.
 */
static void
on_leash_drain(void *arg, const char *reason)
{
	struct at_gateway *g = arg;

	if (evtimer_pending(g->leave, NULL))
		return;
	error_set(&g->why, EX_UNAVAILABLE, "the gateway asks us to go "
	    "elsewhere%s%s", reason[0] != '\0' ? ": " : "", reason);
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "drained",
	    .reason = reason), "%s", g->why.text);
	g->moves = link_leave(g->agent->link);
	g->leave_ticks = 0;
	wait_leave_tick(g);
}

/* --- the session -------------------------------------------------- */

static void
tell_absence_once(struct at_gateway *g, const char *text)
{
	if (g->told != text)
		log_info("%s", text);
	g->told = text;
}

void
at_gateway_up(struct at_gateway *g, struct mux *mux, bool gateway)
{
	static const struct agent_leash_events events = {
		on_hello_wanted, on_leash_missing, on_leash_held,
		on_leash_limits, on_leash_renewed, on_leash_drain
	};

	memset(&g->limits, 0, sizeof(g->limits));
	if (!gateway)
		tell_absence_once(g, "the server is an ordinary SSH server and "
		    "no charon: forwards work, and nobody lists this agent");
	else
		g->leash = agent_leash_new(g->agent->base, mux, &events, g);
}

void
at_gateway_down(struct at_gateway *g)
{
	evtimer_del(g->leave);
	renewal_allow(g->renewal, NULL, 0);
	agent_leash_free(g->leash);
	g->leash = NULL;
	g->held = false;
}

void
at_gateway_reloaded(struct at_gateway *g)
{
	renewal_plan(g->renewal);
}

bool
at_gateway_held(const struct at_gateway *g)
{
	return g->held;
}

struct at_gateway *
at_gateway_new(struct orthrus *a)
{
	struct at_gateway *g = xcalloc(1, sizeof(*g));

	g->agent = a;
	g->leave = evtimer_new(a->base, on_leave_tick, g);
	g->renewal = renewal_new(a);
	return g;
}

void
at_gateway_free(struct at_gateway *g)
{
	if (g == NULL)
		return;
	agent_leash_free(g->leash);
	renewal_free(g->renewal);
	event_free(g->leave);
	free(g);
}
