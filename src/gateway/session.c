/* SPDX-License-Identifier: ISC */
/*
 * Those who are connected: agents, clients, and those that enrol.  What the
 * acceptor tells of their sessions, and when a session must end.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"

#include "gateway.h"

#define ENROLL_MS 20000		/* for an enrolment from its login on */
#define NO_SHELL "charon: no shell or commands here; use ssh -N with -L, -D, " \
    "-W or -R\r\n"
#define NO_SUBSYSTEM "charon: no sftp or other subsystem here; use ssh -N " \
    "with -L, -D, -W or -R\r\n"

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
session_new(struct gateway *g, struct inbound *in, enum session_kind kind)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->gateway = g;
	s->in = in;
	s->kind = kind;
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

struct session_listen *
session_listen_find(const struct session *s, uint16_t port)
{
	size_t i;

	for (i = 0; s != NULL && i < s->nlistens; i++)
		if (s->listens[i].port == port)
			return &s->listens[i];
	return NULL;
}

static void
on_pong(void *arg, enum mux_answer answer, uint16_t port)
{
	struct session *s = arg;

	(void)answer;		/* a refusal is an answer */
	(void)port;
	s->pinged_at = 0;
}

static void
ping(struct session *s)
{
	s->pinged_at = clock_ms();
	mux_ping(inbound_mux(s->in), on_pong, s);
}

/* Older certificates of it end with this login. */
static void
note_login(struct session *s)
{
	struct gateway *g = s->gateway;
	struct error e;
	int rc = registry_logged_in(g->registry, s->id, s->serial, &e);

	if (rc == 1)
		g->revoked_dirty = true;
	if (rc != -1)
		return;
	log_error("%s: %s", session_who(s), e.text);
	if (e.code == EX_NOUSER)
		session_end(s, "this identity was revoked");
}

static void
agent_is_up(struct session *s)
{
	struct gateway *g = s->gateway;
	struct agent *a = agents_find(g->agents, s->name);

	if (a == NULL || a->id != s->id) {	/* removed meanwhile */
		session_end(s, "removed from this gateway");
		return;
	}
	if (a->session != NULL) {
		log_warn("agent %s: a new session, from %s, takes over from "
		    "the one from %s", a->name, inbound_peer(s->in),
		    inbound_peer(a->session->in));
		session_end(a->session,
		    "displaced by a newer session of this agent");
	}
	s->agent = a;
	agent_set_session(a, s);
	note_login(s);
}

static void
client_is_up(struct session *s)
{
	log_info("client %s logged in from %s", s->name, inbound_peer(s->in));
	if (s->serial != 0)
		note_login(s);
}

/* --- the end ------------------------------------------------------ */

/* What others see of it is gone at once. */
static void
detach(struct session *s)
{
	struct agent *a = s->agent;

	s->over = true;
	if (s->leash != NULL)
		leash_free(s->leash);
	s->leash = NULL;
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
	detach(s);
	inbound_end(s->in, why);
}

static void
on_ended(void *arg, struct inbound *in, const struct error *why)
{
	struct gateway *g = arg;
	struct session *s = inbound_data(in);

	/* Of an enrolment its result was told. */
	if (s->kind == SESSION_ENROLL)
		log_debug("%s: session ended: %s", session_who(s), why->text);
	else
		log_info("%s: session ended: %s", session_who(s), why->text);
	detach(s);
	mux_forget(inbound_mux(in), s);
	TAILQ_REMOVE(&g->sessions, s, next);
	g->nsessions[s->kind]--;
	enroll_free(s->enrolment);
	auth_key_wipe(&s->auth);
	free(s->listens);
	free(s->allow);
	free(s);
}

void
sessions_revoke(struct gateway *g, uint64_t id, const char *why)
{
	struct session *s;

	TAILQ_FOREACH(s, &g->sessions, next)
		if (s->id == id)
			session_end(s, why);
}

void
sessions_prune(struct gateway *g)
{
	static struct peer p;
	struct session *s;
	struct error e;

	TAILQ_FOREACH(s, &g->sessions, next)
		if (s->kind == SESSION_CLIENT &&
		    registry_find_id(g->registry, s->id, &p, &e) == 0)
			session_end(s, "removed from this gateway");
}

void
sessions_update(struct gateway *g, const struct peer *p)
{
	struct session *s;

	TAILQ_FOREACH(s, &g->sessions, next)
		if (s->kind == SESSION_CLIENT && s->id == p->id &&
		    strcmp(s->allow, p->allow) != 0) {
			free(s->allow);
			s->allow = xstrdup(p->allow);
		}
}

static void
look_after(struct session *s, uint64_t now)
{
	const struct gateway *g = s->gateway;
	uint64_t silent = now - inbound_heard_at(s->in);

	if (s->over || s->since == 0)
		return;
	/* The next look is SWEEP_MS away, and would be too late. */
	if (silent + SWEEP_MS >= g->timeout_ms)
		session_end(s, "no sign of life");
	else if (s->kind == SESSION_ENROLL && now - s->since > ENROLL_MS)
		session_end(s, "enrolment took too long");
	/* An agent with a leash speaks by itself. */
	else if (silent >= g->heartbeat_ms && s->pinged_at == 0)
		ping(s);
}

void
sessions_sweep(struct gateway *g)
{
	struct session *s;
	uint64_t now = clock_ms();

	TAILQ_FOREACH(s, &g->sessions, next)
		look_after(s, now);
}

/* --- what they ask for -------------------------------------------- */

static void
on_direct(void *arg, struct channel *ch, const struct address *to)
{
	route_direct(arg, ch, to);
}

static bool
on_listen(void *arg, const struct address *at, bool cancel, uint16_t *port)
{
	return route_listen(arg, at, cancel, port);
}

static bool
subsystem_is(const uint8_t *p, size_t len, const char *name)
{
	struct wire w;

	wire_init(&w, p, len);
	return wire_is(&w, name) && !w.bad;
}

/* Terminals and environments are set up before what they are for. */
static bool
is_worth_a_line(const char *type)
{
	static const char *const types[] = { "shell", "exec", "subsystem",
	    "x11-req", "auth-agent-req@openssh.com" };
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

static void
refuse_request(struct session *s, struct channel *ch, const char *type)
{
	unsigned untold;

	if (!is_worth_a_line(type))
		return;
	if (refused(s->gateway, REFUSED_REQUEST, &untold))
		log_info("%s: refused a request on a session channel: %s",
		    session_who(s), type);
	if (strcmp(type, "shell") == 0 || strcmp(type, "exec") == 0)
		channel_dismiss(ch, NO_SHELL);
	else if (strcmp(type, "subsystem") == 0)
		channel_dismiss(ch, NO_SUBSYSTEM);
}

static bool
on_request(void *arg, struct channel *ch, const char *type, const uint8_t *p,
    size_t len)
{
	struct session *s = arg;

	if (s->over)
		return false;
	if (strcmp(type, "subsystem") == 0) {
		if (s->kind != SESSION_ENROLL &&
		    subsystem_is(p, len, LEASH_SUBSYSTEM))
			return leash_open(s, ch);
		if (s->kind == SESSION_ENROLL &&
		    subsystem_is(p, len, ENROLL_SUBSYSTEM))
			return enroll_open(s, ch);
	}
	if (strcmp(type, "exec") == 0 && s->kind != SESSION_ENROLL &&
	    docker_stdio_open(s, ch, p, len))
		return true;
	refuse_request(s, ch, type);
	return false;
}

static void
on_session(void *arg, struct channel *ch)
{
	channel_accept(ch);
	channel_on_request(ch, on_request, arg);
}

static const struct mux_service service = {
	NULL, on_direct, on_session, on_listen
};

static void
on_up(void *arg, struct inbound *in)
{
	struct session *s = inbound_data(in);

	(void)arg;
	mux_serve(inbound_mux(in), &service, s);
	if (s->over)		/* revoked meanwhile */
		return;
	s->since = clock_ms();
	ping(s);		/* for the round-trip time */
	if (s->kind == SESSION_AGENT)
		agent_is_up(s);
	else if (s->kind == SESSION_CLIENT)
		client_is_up(s);
}

const struct acceptor_events session_events = {
	login_key, login_password, login_turned_away, on_up, on_ended
};
