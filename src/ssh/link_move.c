/* SPDX-License-Identifier: ISC */
/*
 * From one gateway to another without a break: a session with the other one is
 * made first, takes the place of the one in use, and that one goes on for the
 * streams that it has, for a while.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/ssh/mux.h"

#include "link_private.h"

#define PARTED_MS 3000		/* without a link, before another is sought */
#define SPREAD_MS 1000		/* over which agents leave that all must */
#define SETTLE_MS 2000		/* listeners come up with the new session */
#define LOOK_MS 250

bool
link_can_move(const struct link *l)
{
	return l->state == LINK_CONNECTED && l->config.reconnect &&
	    (l->config.nservers > 1 ||
	    l->session->at == l->config.nservers);
}

/* --- the session that is coming ----------------------------------- */

/*
 * A second session with the same gateway, by another way, would displace the
 * first with its streams.  A gateway has a comment of its own in what it calls
 * itself; one that is too old has none.
 */
void
link_move_to(struct link *l, size_t i)
{
	struct outbound_info info;

	outbound_info(l->session->outbound, &info);
	l->coming = link_session_start(l, i, info.gateway &&
	    strchr(info.identification, ' ') != NULL ? info.identification :
	    NULL);
}

/* All others but the one that is coming, if any, are to be tried. */
static void
begin_moving(struct link *l)
{
	struct gateway_known *g = link_session_known(l->session);

	gateways_round(l->known, l->config.nservers);
	if (g != NULL)
		g->tried = true;
	if (l->coming != NULL)
		link_session_known(l->coming)->tried = true;
	else
		timer_set(l->timer, randombytes_uniform(SPREAD_MS));
}

/* None of them could be had: again, or the session stays, or it ends. */
static void
cannot_move(struct link *l)
{
	struct error why;

	if (l->session->at == l->config.nservers) {
		error_set(&why, EX_UNAVAILABLE, "not configured any more, and "
		    "none that is can be reached");
		link_abandon(l, &why);
	} else if (l->must_leave)
		begin_moving(l);
	else {
		l->leaving = false;
		link_watch(l);
		link_parted(l, l->parted);
	}
}

static void
move_on(struct link *l)
{
	size_t i = gateways_next(l->known, l->config.nservers,
	    l->config.prefer);

	if (i < l->config.nservers)
		link_move_to(l, i);
	else
		cannot_move(l);
}

void
link_move_away(struct link *l, bool must)
{
	struct gateway_known *g = link_session_known(l->session);

	l->leaving = true;
	l->must_leave = must;
	if (g != NULL)
		gateway_failed(g, must);
	begin_moving(l);
}

bool
link_leave(struct link *l)
{
	if (!link_can_move(l))
		return false;
	if (!l->leaving)
		link_move_away(l, true);
	l->must_leave = true;
	return true;
}

void
link_stay(struct link *l)
{
	l->leaving = l->must_leave = l->parted = false;
	evtimer_del(l->timer);
}

/*
 * A session that is looking for another link does not keep us from having one
 * elsewhere: who comes first is in use.
 */
void
link_parted(struct link *l, bool parted)
{
	struct gateway_known *g = link_session_known(l->session);

	l->parted = parted;
	if (l->must_leave || !link_can_move(l))
		return;
	if (parted) {
		if (!l->leaving)
			timer_set(l->timer, PARTED_MS);
		return;
	}
	if (l->leaving)
		link_forget_coming(l);
	link_stay(l);
	if (g != NULL)
		gateway_answered(g, -1, clock_ms());
	link_watch(l);
}

void
link_try_next(struct link *l)
{
	if (l->leaving)
		move_on(l);
	else
		l->session = link_session_start(l, gateways_next(l->known,
		    l->config.nservers, l->config.prefer), NULL);
}

void
link_coming_ended(struct link *l, const struct error *why)
{
	struct gateway_known *g = link_session_known(l->coming);

	gateway_failed(g, link_session_answers(l->coming));
	gateway_set_back(g);
	log_info("staying with the present session: %s", why->text);
	link_forget_coming(l);
	if (l->leaving)
		move_on(l);
}

void
link_forget_coming(struct link *l)
{
	link_session_free(l->coming);
	l->coming = NULL;
}

/* --- sessions that were left -------------------------------------- */

void
link_left_over(struct link_session *s)
{
	struct link *l = s->link;

	TAILQ_REMOVE(&l->left, s, next);
	l->events.gone(l->arg, s->mux);
	link_session_free(s);
}

void
link_left_ended(struct link_session *s, const struct error *why)
{
	log_info("what was still open there has ended: %s", why->text);
	link_left_over(s);
}

static void
on_left_look(evutil_socket_t fd, short what, void *arg)
{
	struct link_session *s = arg;
	char text[SERVER_TEXT_MAX];
	struct mux_counters c;
	bool late = clock_ms() - s->left_at >= s->link->config.keep_ms;

	(void)fd;
	(void)what;
	mux_counters(s->mux, &c);
	if (c.open > 0 && !late) {
		timer_set(s->timer, LOOK_MS);
		return;
	}
	server_format(&s->server, text);
	if (c.open > 0)
		log_warn("%s: %zu streams that were still open there end now",
		    text, c.open);
	else
		log_info("%s: nothing is open there any more", text);
	link_left_over(s);
}

/* One that must be left ends as soon as it can, as somebody waits for that. */
static void
leave_for_its_streams(struct link_session *s, bool must)
{
	struct link *l = s->link;

	s->left_at = clock_ms();
	s->timer = evtimer_new(l->base, on_left_look, s);
	timer_set(s->timer, must ? LOOK_MS : SETTLE_MS);
	TAILQ_INSERT_TAIL(&l->left, s, next);
}

void
link_coming_up(struct link *l)
{
	struct link_session *s = l->coming, *old = l->session;

	leave_for_its_streams(old, l->must_leave);
	l->coming = NULL;
	link_stay(l);
	link_session_used(l, s);
}

void
link_free_left(struct link *l)
{
	struct link_session *s;

	while ((s = TAILQ_FIRST(&l->left)) != NULL)
		link_left_over(s);
}
