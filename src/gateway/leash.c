/* SPDX-License-Identifier: ISC */
/*
 * The gateway's end of an agent's leash: what the host says of itself, its
 * heartbeats and renewals, with limits on each (docs/leash.md).
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/monitor/ask.h"
#include "orthrus/relay/frames.h"
#include "orthrus/relay/relay.h"

#include "gateway.h"

#define UNKNOWN_MAX 16		/* messages of unknown kinds */

struct gateway_leash {
	struct session *session;
	struct frames *frames;
	bool told;			/* its first Hello has come */
	uint64_t beat_at;		/* ms; 0: no heartbeat yet */
};

static void
send_message(struct gateway_leash *l, const struct leash_message *m)
{
	static uint8_t frame[4 + LEASH_FRAME_MAX];
	size_t n = leash_encode(m, frame);

	/* What an agent does not read, it does not need. */
	frames_send(l->frames, frame, n);
}

static void
send_text(struct gateway_leash *l, enum leash_kind kind, const char *text)
{
	struct leash_message *m = xcalloc(1, sizeof(*m));

	m->kind = kind;
	text_escape(m->error.reason, sizeof(m->error.reason), text,
	    TEXT_PLAIN);
	send_message(l, m);
	free(m);
}

/* What the agent does is beyond what a leash is for. */
static void
cut_leash(struct gateway_leash *l, const char *why)
{
	struct session *s = l->session;
	unsigned untold;

	if (refused(s->gateway, REFUSED_LEASH, &untold))
		log_event(LEVEL_WARN, SESSION_FIELDS(s,
		    .event = "leash_refused", .reason = why),
		    "%s: ended for what it sent to the gateway: %s",
		    session_who(s), why);
	send_text(l, LEASH_ERROR, why);
	session_end(s, why);
}

/* --- what it says ------------------------------------------------- */

static void
send_welcome(struct gateway_leash *l)
{
	const struct gateway *g = l->session->gateway;
	struct leash_message *m = xcalloc(1, sizeof(*m));

	m->kind = LEASH_WELCOME;
	m->welcome.heartbeat_ms = g->heartbeat_ms;
	m->welcome.timeout_ms = g->timeout_ms;
	m->welcome.renew_before = g->renew_before;
	strcpy(m->welcome.version, PACKAGE_VERSION);
	send_message(l, m);
	free(m);
}

static void
on_leash_hello(struct gateway_leash *l, struct leash_message *m)
{
	struct session *s = l->session;

	if (strcmp(m->hello.name, s->name) != 0) {
		cut_leash(l, "Hello under another name");
		return;
	}
	if (s->agent != NULL)
		copies_hello(s, m);
	m->hello.has_instance = false;	/* nothing to be kept */
	/* Clients have nothing to offer. */
	if (s->agent != NULL && !agent_set_hello(s->agent, m)) {
		cut_leash(l, "its ports change too fast");
		return;
	}
	if (!l->told)
		send_welcome(l);
	l->told = true;
}

static void
on_leash_heartbeat(struct gateway_leash *l, const struct leash_message *m)
{
	struct gateway *g = l->session->gateway;
	struct agent *a = l->session->agent;
	uint64_t now = clock_ms();

	if (a == NULL)
		return;
	a->last_seen = time(NULL);
	a->load = m->heartbeat.load;
	a->memory_used = m->heartbeat.memory_used;
	a->memory_total = m->heartbeat.memory_total;
	a->unsaved = true;
	g->heartbeats++;
	if (l->beat_at != 0 && now - l->beat_at > g->heartbeat_ms)
		g->heartbeat_delay_ms += now - l->beat_at - g->heartbeat_ms;
	l->beat_at = now;
}

static void
on_leash_renew(struct gateway_leash *l, const struct leash_message *m)
{
	static struct ask_certificate c;
	struct session *s = l->session;
	struct gateway *g = s->gateway;
	struct leash_message *answer = xcalloc(1, sizeof(*answer));
	struct error e;
	bool early;
	int rc = ask_renew(g->monitor, inbound_number(s->in), m->renew.key,
	    m->renew.proven ? m->renew.proof : NULL, inbound_is_old(s->in),
	    &c, &early, &e);

	answer->kind = LEASH_RENEWED;
	if (rc == 0)
		enroll_tell_old(s, s->name, &c, m->renew.proven);
	if (rc == 0 && c.challenged)
		leash_challenge(answer, c.challenge);
	else if (rc == 0) {
		answer->certificate.len = c.len;
		memcpy(answer->certificate.certificate, c.blob, c.len);
		g->renewals++;
		log_event(LEVEL_INFO, SESSION_FIELDS(s, .event = "renewed"),
		    "%s: certificate renewed, serial %llu", s->name,
		    (unsigned long long)c.serial);
	} else {
		if (!early)
			log_event(LEVEL_ERROR, SESSION_FIELDS(s,
			    .event = "renewal_failed", .reason = e.text,
			    .code = e.code), "%s: cannot renew its "
			    "certificate: %s", s->name, e.text);
		text_escape(answer->certificate.error,
		    sizeof(answer->certificate.error), e.text, TEXT_PLAIN);
	}
	send_message(l, answer);
	free(answer);
}

static void
on_leash_other(struct gateway_leash *l, const struct leash_message *m)
{
	if (m->kind != LEASH_UNKNOWN)
		cut_leash(l, "a message that is not for gateways");
	else if (++l->session->unknown > UNKNOWN_MAX)
		cut_leash(l, "too many unknown messages");
	else
		send_text(l, LEASH_ERROR, "unknown message");
}

/* --- life --------------------------------------------------------- */

static void
on_leash_frame(void *arg, const uint8_t *p, size_t n)
{
	struct gateway_leash *l = arg;
	struct leash_message *m;
	const char *why;

	/* The session's, so that another leash brings no more. */
	if (!bucket_take(&l->session->messages, clock_ms(), LEASH_BURST,
	    LEASH_RATE)) {
		cut_leash(l, "too many messages");
		return;
	}
	m = xcalloc(1, sizeof(*m));
	if (leash_decode(p, n, m, &why) == -1)
		cut_leash(l, why);
	else if (m->kind == LEASH_HELLO)
		on_leash_hello(l, m);
	else if (!l->told)
		cut_leash(l, "no Hello came first");
	else if (m->kind == LEASH_HEARTBEAT)
		on_leash_heartbeat(l, m);
	else if (m->kind == LEASH_RENEW)
		on_leash_renew(l, m);
	else
		on_leash_other(l, m);
	free(m);
}

static void
let_leash_go(struct session *s)
{
	frames_free(s->leash->frames);
	free(s->leash);
	s->leash = NULL;
	s->let_go = NULL;
}

static void
on_leash_ended(void *arg, const char *why)
{
	struct gateway_leash *l = arg;

	if (why != NULL)
		cut_leash(l, why);
	else
		let_leash_go(l->session);
}

bool
gateway_leash_open(struct session *s, struct channel *ch)
{
	static const struct frames_events events = {
		on_leash_frame, on_leash_ended
	};
	struct gateway_leash *l;
	unsigned untold;

	if (s->leash != NULL) {
		if (refused(s->gateway, REFUSED_LEASH, &untold))
			log_event(LEVEL_WARN, SESSION_FIELDS(s,
			    .event = "leash_refused"), "%s: refused a second "
			    "channel for heartbeats", session_who(s));
		return false;
	}
	l = xcalloc(1, sizeof(*l));
	l->session = s;
	l->frames = frames_new(s->gateway->base, LEASH_FRAME_MAX, &events, l);
	frames_set_account(l->frames, &s->principal->account);
	relay_start(frames_endpoint(l->frames), channel_endpoint(ch),
	    NULL, NULL);
	s->leash = l;
	s->let_go = let_leash_go;
	return true;
}

void
gateway_leash_update(struct gateway_leash *l)
{
	const struct gateway *g = l->session->gateway;
	struct leash_message *m = xcalloc(1, sizeof(*m));

	m->kind = LEASH_UPDATE;
	m->update.heartbeat_ms = g->heartbeat_ms;
	m->update.renew_before = g->renew_before;
	if (l->told)		/* else Welcome will say it */
		send_message(l, m);
	free(m);
}

void
gateway_leash_drain(struct gateway_leash *l, const char *reason)
{
	send_text(l, LEASH_DRAIN, reason);
}
