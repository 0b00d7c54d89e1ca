/* SPDX-License-Identifier: ISC */
/*
 * Those who are connected: agents, clients, and those that enrol; and when a
 * session must end.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/monitor/ask.h"

#include "gateway.h"

#define ENROLL_MS 20000		/* for an enrolment from its login on */

const char *
session_who(const struct session *s)
{
	static const char *const kinds[] = { "agent", "client", "enrolment" };
	static char text[NAME_MAX_LEN + 16];

	snprintf(text, sizeof(text), "%s%s%s", kinds[s->kind],
	    s->name[0] != '\0' ? " " : "", s->name);
	return text;
}

/* --- the beginning ------------------------------------------------ */

struct session *
session_new(struct gateway *g, struct inbound *in, enum session_kind kind,
    uint64_t id)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->gateway = g;
	s->in = in;
	s->kind = kind;
	s->id = id;
	s->told = g->news;
	s->principal = principal_enter(g, id);
	inbound_set_data(in, s);
	/* From here on whoever is revoked or removed is found. */
	TAILQ_INSERT_TAIL(&g->sessions, s, next);
	g->nsessions[kind]++;
	return s;
}

size_t
sessions_of(const struct gateway *g, enum session_kind kind, uint64_t id)
{
	const struct session *s;
	size_t n = 0;

	TAILQ_FOREACH(s, &g->sessions, next)
		n += s->kind == kind && s->id == id && !s->over;
	return n;
}

static void
on_session_pong(void *arg, enum mux_answer answer, uint16_t port)
{
	struct session *s = arg;

	(void)answer;		/* a refusal is an answer */
	(void)port;
	s->pinged_at = 0;
}

void
session_ping(struct session *s)
{
	s->pinged_at = clock_awake_ms();
	mux_ping(inbound_mux(s->in), on_session_pong, s);
}

/* --- the end ------------------------------------------------------ */

/* What others see of it is gone at once. */
static void
detach_session(struct session *s)
{
	struct agent *a = s->agent;

	s->over = true;
	if (s->let_go != NULL)
		s->let_go(s);
	s->agent = NULL;
	s->nlistens = 0;
	if (a != NULL)
		agent_set_session(a, NULL);
}

void
session_end(struct session *s, const char *why)
{
	if (s->over)
		return;
	detach_session(s);
	inbound_end(s->in, why);
}

void
session_parted(struct session *s, const char *why)
{
	if (session_is_worth_a_line(s))
		log_event(LEVEL_INFO, SESSION_FIELDS(s, .event = "link_lost",
		    .reason = why), "%s: its link is gone (%s); it may come "
		    "back with another one", session_who(s), why);
	if (s->agent != NULL)
		gateway_streams_parted(s->gateway, s->agent);
}

void
session_rejoined(struct session *s)
{
	struct inbound_links links;

	inbound_links(s->in, &links);
	if (s->pinged_at != 0)
		s->pinged_at = clock_awake_ms();
	if (session_is_worth_a_line(s))
		log_event(LEVEL_INFO, SESSION_FIELDS(s, .event = "link_back"),
		    "%s: goes on over another link, from %s (%s)",
		    session_who(s), inbound_peer(s->in), links.transport);
	if (s->agent != NULL)
		agent_set_away(s->agent, false);
}

/* The first in the list is the oldest. */
void
sessions_make_room(struct gateway *g, enum session_kind kind, uint64_t id)
{
	struct session *s;

	if (sessions_of(g, kind, id) < SESSIONS_PER_PEER)
		return;
	TAILQ_FOREACH(s, &g->sessions, next)
		if (s->kind == kind && s->id == id && !s->over &&
		    inbound_is_parted(s->in)) {
			session_end(s, "newer sessions need its place");
			return;
		}
}

void
session_free(struct session *s)
{
	detach_session(s);
	mux_forget(inbound_mux(s->in), s);
	TAILQ_REMOVE(&s->gateway->sessions, s, next);
	s->gateway->nsessions[s->kind]--;
	principal_leave(s->principal);
	free(s->listens);
	free(s->allow);
	free(s);
}

void
sessions_revoke(struct gateway *g, uint64_t id, uint64_t position,
    const char *why)
{
	struct session *s;

	TAILQ_FOREACH(s, &g->sessions, next)
		if (s->id == id && s->position < position)
			session_end(s, why);
}

bool
sessions_prune(struct gateway *g, unsigned look, unsigned *done)
{
	struct session *s;
	struct error e;

	TAILQ_FOREACH(s, &g->sessions, next) {
		if (s->kind != SESSION_CLIENT || s->over || s->looked == look)
			continue;
		if (!chores_piece(done))
			return false;
		s->looked = look;
		if (ask_registered(g->monitor, s->id, &e) == 0)
			session_end(s, "removed from this gateway");
	}
	return true;
}

void
sessions_update(struct gateway *g, const struct peer *p, uint64_t position)
{
	struct session *s;

	TAILQ_FOREACH(s, &g->sessions, next)
		if (s->kind == SESSION_CLIENT && s->id == p->id &&
		    s->position < position &&
		    strcmp(s->allow, p->allow) != 0) {
			free(s->allow);
			s->allow = xstrdup(p->allow);
		}
}

/*
 * Who is silent for so long and was asked for a sign of life in good time.
 * The next look is SWEEP_MS away, and would be too late.
 */
static bool
session_is_dead(const struct session *s, uint64_t now, uint64_t silent)
{
	const struct gateway *g = s->gateway;

	return silent + SWEEP_MS >= g->timeout_ms && s->pinged_at != 0 &&
	    now - s->pinged_at + 2 * SWEEP_MS >=
	    g->timeout_ms - g->heartbeat_ms;
}

/* The link may come back; else that is the end. */
static void
session_is_silent(struct session *s)
{
	static const char why[] = "no sign of life";

	if (!inbound_part(s->in, why))
		session_end(s, why);
}

/* Others see it offline when they would without another link to come. */
static void
look_after_parted(struct session *s, uint64_t silent)
{
	if (s->agent != NULL && silent + SWEEP_MS >= s->gateway->timeout_ms)
		agent_set_away(s->agent, true);
}

static void
look_after_session(struct session *s, uint64_t now)
{
	uint64_t silent = now - inbound_heard_at(s->in);

	if (s->over || s->since == 0)
		return;
	if (!inbound_is_parted(s->in) && session_is_dead(s, now, silent))
		session_is_silent(s);
	if (s->over)
		return;
	if (inbound_is_parted(s->in))
		look_after_parted(s, silent);
	else if (s->kind == SESSION_ENROLL && now - s->up_at > ENROLL_MS)
		session_end(s, "enrolment took too long");
	/* An agent with a leash speaks by itself. */
	else if (silent >= s->gateway->heartbeat_ms && s->pinged_at == 0)
		session_ping(s);
}

void
sessions_sweep(struct gateway *g)
{
	struct session *s;
	uint64_t now = clock_awake_ms();

	TAILQ_FOREACH(s, &g->sessions, next)
		look_after_session(s, now);
}
