/* SPDX-License-Identifier: ISC */
/*
 * How the gateways are that are not in use: each that would be preferred is
 * asked from time to time whether it is there, and moved to when it has been
 * for long enough.
 */
#include "config.h"

#include <stdlib.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"

#include "health_check.h"
#include "link_private.h"

#define LOOKS 3			/* in the time that one has to be well */
#define OTHERS_MS 300		/* for them, once the first has answered */

static void
cancel_checks(struct link *l)
{
	size_t i;

	for (i = 0; i < l->config.nservers; i++) {
		health_check_cancel(l->watched[i].check);
		l->watched[i].check = NULL;
	}
}

/* Sooner than it would be, or not at all. */
static void
look_within(struct link *l, uint64_t ms)
{
	uint64_t now = clock_ms();

	if (evtimer_pending(l->look, NULL) && l->look_at <= now + ms)
		return;
	l->look_at = now + ms;
	timer_set(l->look, ms);
}

/* Not all agents at once: less up to a quarter. */
static uint64_t
until_next_look(const struct link *l)
{
	uint64_t ms = l->config.well_ms / LOOKS;

	return ms - randombytes_uniform((uint32_t)(ms / 4) + 1);
}

/* --- while a session is in use ------------------------------------ */

static void
move_where_it_is_better(struct link *l)
{
	size_t n = l->config.nservers, at = l->session->at, i;
	uint64_t now = clock_ms(), due;
	char text[SERVER_TEXT_MAX];

	if (l->config.prefer == PREFER_FASTEST)
		gateways_compare(l->known, n, at, now);
	i = gateways_better(l->known, n, at, l->config.prefer, now,
	    l->config.well_ms, &due);
	if (i == n) {
		if (due != UINT64_MAX)
			look_within(l, due);
		return;
	}
	log_info("%s has been well for %llu s: moving there",
	    server_format(&l->config.servers[i], text),
	    (unsigned long long)(now - l->known[i].well_since) / 1000);
	link_move_to(l, i);
}

/* The session in use says for itself whether its gateway is well. */
static void
note_check(struct link *l, size_t i, int64_t rtt_ms, const struct error *why)
{
	char text[SERVER_TEXT_MAX];

	if (rtt_ms >= 0)
		gateway_answered(&l->known[i], rtt_ms, clock_ms());
	else if (l->session == NULL || l->session->at != i)
		gateway_failed(&l->known[i], false);
	if (rtt_ms < 0)
		log_debug("%s: %s", server_format(&l->config.servers[i], text),
		    why->text);
}

static bool
any_check(const struct link *l)
{
	size_t i;

	for (i = 0; i < l->config.nservers; i++)
		if (l->watched[i].check != NULL)
			return true;
	return false;
}

static void
on_watched_checked(void *arg, int64_t rtt_ms, const struct error *why)
{
	struct link_watched *w = arg;
	struct link *l = w->link;

	w->check = NULL;
	note_check(l, (size_t)(w - l->watched), rtt_ms, why);
	if (l->comparing) {
		if (!any_check(l))
			timer_set(l->timer, 0);
		else if (rtt_ms >= 0)
			timer_set(l->timer, OTHERS_MS);
	} else if (link_can_move(l) && l->coming == NULL && !l->leaving)
		move_where_it_is_better(l);
}

static void
check_gateway(struct link *l, size_t i)
{
	struct link_watched *w = &l->watched[i];

	if (w->check == NULL)
		w->check = health_check_start(l->base, l->dialer,
		    &l->config.servers[i], &l->config.session.transport,
		    on_watched_checked, w);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	size_t i;

	(void)fd;
	(void)what;
	if (!link_can_move(l))
		return;			/* link_watch() begins it again */
	look_within(l, until_next_look(l));
	if (l->coming != NULL || l->leaving)
		return;
	for (i = 0; i < l->config.nservers; i++)
		if (gateways_watched(i, l->session->at, l->config.prefer))
			check_gateway(l, i);
}

void
link_watch(struct link *l)
{
	if (link_can_move(l) && l->config.well_ms > 0)
		look_within(l, until_next_look(l));
}

/* --- before there is one ------------------------------------------ */

static bool
is_new(const struct gateway_known *g)
{
	return g->rtt_ms < 0 && g->health == GATEWAY_UNKNOWN;
}

bool
link_compare_first(struct link *l)
{
	size_t i, n = l->config.nservers;

	if (l->config.prefer != PREFER_FASTEST || n < 2)
		return false;
	for (i = 0; i < n; i++)
		if (is_new(&l->known[i]))
			check_gateway(l, i);
	l->comparing = any_check(l);
	return l->comparing;
}

/* --- life --------------------------------------------------------- */

void
link_watch_init(struct link *l)
{
	size_t i, n = l->config.nservers;

	l->watched = xcalloc(n, sizeof(*l->watched));
	for (i = 0; i < n; i++)
		l->watched[i].link = l;
	if (l->look == NULL)
		l->look = evtimer_new(l->base, on_look, l);
}

void
link_watch_clear(struct link *l)
{
	cancel_checks(l);
	evtimer_del(l->look);
	free(l->watched);
	l->watched = NULL;
	l->comparing = false;
}
