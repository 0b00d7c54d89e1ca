/* SPDX-License-Identifier: ISC */
/*
 * What the acceptor tells of sessions: one is up, one has ended; and what the
 * one at the far end asks for in between.
 */
#include "config.h"

#include <string.h>
#include <time.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/monitor/ask.h"

#include "gateway.h"

#define NO_SHELL "charon: no shell or commands here; use ssh -N with -L, -D, " \
    "-W or -R\r\n"
#define NO_SUBSYSTEM "charon: no sftp or other subsystem here; use ssh -N " \
    "with -L, -D, -W or -R\r\n"

/* --- what they ask for -------------------------------------------- */

static void
on_session_direct(void *arg, struct channel *ch, const struct address *to)
{
	route_direct(arg, ch, to);
}

static bool
on_session_listen(void *arg, const struct address *at, bool cancel,
    uint16_t *port)
{
	return route_listen(arg, at, cancel, port);
}

static void
on_session_full(void *arg)
{
	route_refused(arg, REFUSED_LIMIT, "too many channels, or too much "
	    "memory is taken already");
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
		log_event(LEVEL_INFO, SESSION_FIELDS(s,
		    .event = "request_refused", .reason = type),
		    "%s: refused a request on a session channel: %s",
		    session_who(s), type);
	if (strcmp(type, "shell") == 0 || strcmp(type, "exec") == 0)
		channel_dismiss(ch, NO_SHELL);
	else if (strcmp(type, "subsystem") == 0)
		channel_dismiss(ch, NO_SUBSYSTEM);
}

static bool
on_session_request(void *arg, struct channel *ch, const char *type,
    const uint8_t *p, size_t len)
{
	struct session *s = arg;

	if (s->over)
		return false;
	if (strcmp(type, "subsystem") == 0) {
		if (s->kind != SESSION_ENROLL &&
		    subsystem_is(p, len, LEASH_SUBSYSTEM))
			return gateway_leash_open(s, ch);
		if (s->kind == SESSION_ENROLL &&
		    subsystem_is(p, len, ENROLL_SUBSYSTEM))
			return gateway_enroll_open(s, ch);
	}
	if (strcmp(type, "exec") == 0 && s->kind != SESSION_ENROLL &&
	    docker_stdio_open(s, ch, p, len))
		return true;
	refuse_request(s, ch, type);
	return false;
}

static void
on_session_channel(void *arg, struct channel *ch)
{
	channel_accept(ch);
	channel_on_request(ch, on_session_request, arg);
}

static const struct mux_service session_service = {
	NULL, on_session_direct, on_session_channel, on_session_listen,
	on_session_full
};

/* --- coming and going --------------------------------------------- */

/* Older certificates of it end with this login. */
static void
note_login(struct session *s)
{
	struct gateway *g = s->gateway;
	struct error e;
	int rc = ask_logged_in(g->monitor, inbound_number(s->in), &e);

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
		if (session_is_worth_a_line(s))
			log_event(LEVEL_WARN, SESSION_FIELDS(s,
			    .event = "displaced"), "agent %s: a new session, "
			    "from %s, takes over from the one from %s", a->name,
			    inbound_peer(s->in), inbound_peer(a->session->in));
		session_end(a->session, copies_displace(a->session, s));
	}
	s->agent = a;
	agent_set_session(a, s);
	note_login(s);
}

static void
client_is_up(struct session *s)
{
	if (session_is_worth_a_line(s))
		log_event(LEVEL_INFO, SESSION_FIELDS(s, .event = "client_login"),
		    "client %s logged in from %s", s->name,
		    inbound_peer(s->in));
	if (s->serial != 0)
		note_login(s);
}

static void
on_acceptor_up(void *arg, struct inbound *in)
{
	struct session *s = inbound_data(in);

	(void)arg;
	mux_set_account(inbound_mux(in), &s->principal->account);
	mux_serve(inbound_mux(in), &session_service, s);
	if (s->over)		/* revoked meanwhile */
		return;
	s->since = clock_ms();
	s->began = time(NULL);
	s->up_at = clock_awake_ms();
	session_ping(s);		/* for the round-trip time */
	if (s->kind == SESSION_AGENT)
		agent_is_up(s);
	else if (s->kind == SESSION_CLIENT)
		client_is_up(s);
}

static void
on_acceptor_ended(void *arg, struct inbound *in, const struct error *why)
{
	struct session *s = inbound_data(in);

	(void)arg;
	/* Of an enrolment its result was told. */
	if (s->kind == SESSION_ENROLL)
		log_debug("%s: session ended: %s", session_who(s), why->text);
	else if (session_is_worth_a_line(s))
		log_event(LEVEL_INFO, SESSION_FIELDS(s,
		    .event = "session_ended", .reason = why->text),
		    "%s: session ended: %s", session_who(s), why->text);
	session_free(s);
}

static void
on_acceptor_parted(void *arg, struct inbound *in, const char *text)
{
	(void)arg;
	session_parted(inbound_data(in), text);
}

static void
on_acceptor_rejoined(void *arg, struct inbound *in)
{
	(void)arg;
	session_rejoined(inbound_data(in));
}

const struct acceptor_events session_events = {
	login_sign, login_left, login_key, login_password, login_turned_away,
	login_kept_out, login_penalised, on_acceptor_up, on_acceptor_ended,
	on_acceptor_parted, on_acceptor_rejoined
};
