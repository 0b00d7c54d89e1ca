/* SPDX-License-Identifier: ISC */
/*
 * Enrolment: somebody who has logged in with an AUTH_KEY asks for a
 * certificate for a key, proves that it is its own, gets it, and is sent away.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/monitor/ask.h"
#include "orthrus/relay/frames.h"
#include "orthrus/relay/relay.h"

#include "gateway.h"

/* While another program has the registry: within what a login may take. */
#define AGAIN_MS 250
#define AGAIN_MOST 40

struct gateway_enrolment {
	struct session *session;
	struct frames *frames;
	struct leash_message *waiting;	/* asked again soon, or NULL */
	struct event *again;
	unsigned tries;
};

static void
send_enrolled(struct gateway_enrolment *en, const struct leash_message *m)
{
	static uint8_t frame[4 + LEASH_FRAME_MAX];

	frames_send(en->frames, frame, leash_encode(m, frame));
	if (!m->certificate.challenged)
		frames_finish(en->frames);
}

/* name says as what the AUTH_KEY is registered, when that is why; or NULL. */
static void
refuse_enrolment(struct gateway_enrolment *en, struct leash_message *m,
    const char *name, const char *why)
{
	m->kind = LEASH_ENROLLED;
	memset(&m->certificate, 0, sizeof(m->certificate));
	if (name != NULL)
		strcpy(m->certificate.name, name);
	text_escape(m->certificate.error, sizeof(m->certificate.error), why,
	    TEXT_PLAIN);
	send_enrolled(en, m);
}

/*
 * Who enrols must not go away because a command writes to the registry at the
 * same time: that is over soon.  True: it is asked again.
 */
static bool
wait_for_registry(struct gateway_enrolment *en, const struct leash_message *m,
    const struct error *e)
{
	if (e->code != EX_TEMPFAIL || en->tries++ == AGAIN_MOST)
		return false;
	en->waiting = xcalloc(1, sizeof(*m));
	*en->waiting = *m;
	timer_set(en->again, AGAIN_MS);
	return true;
}

void
enroll_tell_old(const struct session *s, const char *name,
    const struct ask_certificate *c, bool proven)
{
	unsigned untold;

	if (proven || !inbound_is_old(s->in))
		return;
	if (c->challenged) {		/* as often as anybody likes */
		if (!refused(s->gateway, REFUSED_ENROLL, &untold))
			return;
		log_event(LEVEL_WARN, LOG_FIELDS(.event = "old_agent",
		    .agent = name, .peer = inbound_peer(s->in)), "%s: not "
		    "certified: orthrus 0.1 cannot prove that a key is its "
		    "own; upgrade it, or set [agents] old_agents = yes for as "
		    "long as that takes", name);
		return;
	}
	log_event(LEVEL_WARN, LOG_FIELDS(.event = "unproven_key",
	    .agent = name, .peer = inbound_peer(s->in)), "%s: certified "
	    "without a proof that the key is its own, which orthrus 0.1 does "
	    "not have: upgrade it", name);
}

static void
enrol_key(struct gateway_enrolment *en, struct leash_message *m)
{
	static struct ask_certificate c;
	struct session *s = en->session;
	struct gateway *g = s->gateway;
	struct error e;
	unsigned untold;
	bool proven;

	if (ask_enrol(g->monitor, inbound_number(s->in), m->enroll.name,
	    m->enroll.key, m->enroll.proven ? m->enroll.proof : NULL,
	    inbound_is_old(s->in), &c, &e) == -1) {
		if (wait_for_registry(en, m, &e))
			return;
		if (refused(g, REFUSED_ENROLL, &untold))
			log_event(LEVEL_WARN, SESSION_FIELDS(s,
			    .event = "enrolment_refused", .reason = e.text,
			    .code = e.code), "refused an enrolment from %s: "
			    "%s", inbound_peer(s->in), e.text);
		refuse_enrolment(en, m, c.name, e.text);
		return;
	}
	proven = m->enroll.proven;
	memset(m, 0, sizeof(*m));
	m->kind = LEASH_ENROLLED;
	strcpy(m->certificate.name, c.name);
	if (c.challenged) {
		enroll_tell_old(s, c.name, &c, proven);
		leash_challenge(m, c.challenge);
		send_enrolled(en, m);
		return;
	}
	m->certificate.len = c.len;
	memcpy(m->certificate.certificate, c.blob, c.len);
	send_enrolled(en, m);
	g->enrolments++;
	g->revoked_dirty = true;
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "enrolled",
	    .agent = agents_find(g->agents, c.name) != NULL ? c.name : "",
	    .client = agents_find(g->agents, c.name) == NULL ? c.name : "",
	    .peer = inbound_peer(s->in)),
	    "%s enrolled from %s, certificate serial %llu", c.name,
	    inbound_peer(s->in), (unsigned long long)c.serial);
	enroll_tell_old(s, c.name, &c, proven);
}

static void
forget_waiting(struct gateway_enrolment *en)
{
	evtimer_del(en->again);
	free(en->waiting);
	en->waiting = NULL;
}

static void
on_enroll_frame(void *arg, const uint8_t *p, size_t n)
{
	struct gateway_enrolment *en = arg;
	struct leash_message *m = xcalloc(1, sizeof(*m));
	const char *why = "an EnrollRequest was expected";

	/* The last request counts. */
	forget_waiting(en);
	if (leash_decode(p, n, m, &why) == -1 || m->kind != LEASH_ENROLL)
		refuse_enrolment(en, m, NULL, why);
	else
		enrol_key(en, m);
	free(m);
}

static void
on_enroll_again(evutil_socket_t fd, short what, void *arg)
{
	struct gateway_enrolment *en = arg;
	struct leash_message *m = en->waiting;

	(void)fd;
	(void)what;
	en->waiting = NULL;
	if (!en->session->over)
		enrol_key(en, m);
	free(m);
}

static void
on_enroll_ended(void *arg, const char *why)
{
	struct gateway_enrolment *en = arg;

	(void)why;
	session_end(en->session, "enrolment is over");
}

static void
let_enrolment_go(struct session *s)
{
	frames_free(s->enrolment->frames);
	forget_waiting(s->enrolment);
	event_free(s->enrolment->again);
	free(s->enrolment);
	s->enrolment = NULL;
	s->let_go = NULL;
}

bool
gateway_enroll_open(struct session *s, struct channel *ch)
{
	static const struct frames_events events = {
		on_enroll_frame, on_enroll_ended
	};
	struct gateway_enrolment *en;

	if (s->enrolment != NULL)
		return false;
	en = s->enrolment = xcalloc(1, sizeof(*en));
	en->session = s;
	en->again = evtimer_new(s->gateway->base, on_enroll_again, en);
	en->frames = frames_new(s->gateway->base, LEASH_FRAME_MAX, &events,
	    en);
	frames_set_account(en->frames, &s->principal->account);
	relay_start(frames_endpoint(en->frames), channel_endpoint(ch),
	    NULL, NULL);
	s->let_go = let_enrolment_go;
	return true;
}
