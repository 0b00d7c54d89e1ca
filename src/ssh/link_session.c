/* SPDX-License-Identifier: ISC */
/*
 * One session of a link, from its attempt to its end: what it says of itself,
 * and whom it tells.
 */
#include "config.h"

#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/mux.h"

#include "link_private.h"

#define SLOW_MS 5000		/* an attempt that takes longer says why */

/* --- what it waits for ------------------------------------------------- */

/* The first round of all: somebody may be watching. */
static bool
link_is_new(const struct link *l)
{
	return !l->was_up && l->rounds == 0;
}

/* Once for each attempt, and in later rounds only where it is another thing. */
static void
on_slow(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	char text[SERVER_TEXT_MAX];
	const char *reason;

	(void)fd;
	(void)what;
	if (l->state != LINK_CONNECTING || l->session == NULL)
		return;
	reason = outbound_waits_for(l->session->outbound);
	if (l->rounds > 0 && reason == l->told_slow)
		return;
	l->told_slow = reason;
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "waiting",
	    .peer = server_format(&l->session->server, text),
	    .reason = reason), "%s: still waiting for %s", text, reason);
}

void
link_slow_init(struct link *l)
{
	l->slow = evtimer_new(l->base, on_slow, l);
}

/* --- its life ----------------------------------------------------- */

static void on_link_session_up(void *arg);
static void on_link_session_ended(void *arg, const struct error *why);
static void on_link_session_parted(void *arg, bool parted);

struct link_session *
link_session_start(struct link *l, size_t at, const char *avoid)
{
	static const struct outbound_events events = {
		on_link_session_up, on_link_session_ended,
		on_link_session_parted
	};
	struct link_session *s = xcalloc(1, sizeof(*s));
	struct outbound_config config = l->config.session;
	char text[SERVER_TEXT_MAX];

	s->link = l;
	s->at = at;
	s->server = config.server = l->config.servers[at];
	l->known[at].tried = true;
	if (avoid != NULL)
		s->avoid = xstrdup(avoid);
	config.avoid = s->avoid;
	if (l->state != LINK_CONNECTED)
		link_set_state(l, LINK_CONNECTING);
	log_event(link_is_new(l) ? LEVEL_INFO : LEVEL_DEBUG,
	    LOG_FIELDS(.event = "connecting",
	    .peer = server_format(&s->server, text)), "connecting to %s%s",
	    text, config.policy.enrolling ? " to enrol" : "");
	if (l->state == LINK_CONNECTING)
		timer_set(l->slow, SLOW_MS);
	s->outbound = outbound_start(l->base, l->dialer, &config, &events, s);
	return s;
}

void
link_session_free(struct link_session *s)
{
	if (s == NULL)
		return;
	outbound_free(s->outbound);
	if (s->timer != NULL)
		event_free(s->timer);
	free(s->avoid);
	free(s);
}

struct gateway_known *
link_session_known(const struct link_session *s)
{
	return s->at < s->link->config.nservers ? &s->link->known[s->at] : NULL;
}

bool
link_session_answers(const struct link_session *s)
{
	struct outbound_info info;

	outbound_info(s->outbound, &info);
	return info.identification[0] != '\0';
}

void
link_session_used(struct link *l, struct link_session *s)
{
	struct outbound_info info;
	char text[SERVER_TEXT_MAX];

	outbound_info(s->outbound, &info);
	l->session = s;
	link_set_state(l, LINK_CONNECTED);
	l->was_up = true;
	l->refusal.code = 0;
	l->sessions++;
	event_del(l->slow);
	l->told_slow = NULL;
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "connected",
	    .peer = server_format(&s->server, text)),
	    "connected to %s (%s, %s, host key %s)", text, info.kex,
	    info.cipher, info.host_key);
	l->events.up(l->arg, s->mux, info.gateway);
	link_watch(l);
}

static void
on_link_session_up(void *arg)
{
	struct link_session *s = arg;
	struct link *l = s->link;

	s->mux = outbound_mux(s->outbound);
	s->up_at = clock_ms();
	gateway_answered(link_session_known(s), -1, s->up_at);
	if (s == l->coming)
		link_coming_up(l);
	else
		link_session_used(l, s);
}

static void
on_link_session_parted(void *arg, bool parted)
{
	struct link_session *s = arg;

	if (s == s->link->session)
		link_parted(s->link, parted);
}

static void
on_link_session_ended(void *arg, const struct error *why)
{
	struct link_session *s = arg;
	struct link *l = s->link;
	char text[SERVER_TEXT_MAX];
	struct error copy = *why;	/* the session's own memory */

	error_prefix(&copy, "%s", server_format(&s->server, text));
	if (s == l->coming)
		link_coming_ended(l, &copy);
	else if (s != l->session)
		link_left_ended(s, &copy);
	else if (l->state == LINK_CONNECTED)
		link_abandon(l, &copy);
	else
		link_attempt_failed(l, &copy);
}
