/*
 * Enrolment: somebody who has logged in with an AUTH_KEY asks once for a
 * certificate for a key of its own, gets it, and is sent away.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/relay/frames.h"
#include "orthrus/relay/relay.h"

#include "gateway.h"

struct enrolment {
	struct session *session;
	struct frames *frames;
};

static void
answer(struct enrolment *en, struct leash_message *m)
{
	static uint8_t frame[4 + LEASH_FRAME_MAX];

	frames_send(en->frames, frame, leash_encode(m, frame));
	frames_finish(en->frames);
}

static void
refuse(struct enrolment *en, struct leash_message *m, const char *why)
{
	m->kind = LEASH_ENROLLED;
	memset(&m->certificate, 0, sizeof(m->certificate));
	text_escape(m->certificate.error, sizeof(m->certificate.error), why,
	    TEXT_PLAIN);
	answer(en, m);
}

static void
enrol(struct enrolment *en, struct leash_message *m)
{
	struct session *s = en->session;
	struct gateway *g = s->gateway;
	struct certificate c;
	struct error e;
	uint8_t key[ED25519_KEY_LEN];
	unsigned untold;

	memcpy(key, m->enroll.key, sizeof(key));
	if (registry_enrol(g->registry, &s->auth, key,
	    g->certificate_lifetime, &c, &e) == -1) {
		if (refused(g, REFUSED_ENROLL, &untold))
			log_warn("refused an enrolment from %s: %s",
			    inbound_peer(s->in), e.text);
		refuse(en, m, e.text);
		return;
	}
	memset(m, 0, sizeof(*m));
	m->kind = LEASH_ENROLLED;
	strcpy(m->certificate.name, c.principals[0]);
	m->certificate.len = certificate_write(&c, g->ca->secret,
	    m->certificate.certificate);
	answer(en, m);
	g->enrolments++;
	g->revoked_dirty = true;
	log_info("%s enrolled from %s, certificate serial %llu",
	    c.principals[0], inbound_peer(s->in),
	    (unsigned long long)c.serial);
}

static void
on_frame(void *arg, const uint8_t *p, size_t n)
{
	struct enrolment *en = arg;
	struct leash_message *m = xcalloc(1, sizeof(*m));
	const char *why = "an EnrollRequest was expected";

	if (leash_decode(p, n, m, &why) == -1 || m->kind != LEASH_ENROLL)
		refuse(en, m, why);
	else
		enrol(en, m);
	free(m);
}

static void
on_ended(void *arg, const char *why)
{
	struct enrolment *en = arg;

	(void)why;
	session_end(en->session, "enrolment is over");
}

bool
enroll_open(struct session *s, struct channel *ch)
{
	static const struct frames_events events = { on_frame, on_ended };
	struct enrolment *en;

	if (s->enrolment != NULL)
		return false;
	en = s->enrolment = xcalloc(1, sizeof(*en));
	en->session = s;
	en->frames = frames_new(s->gateway->base, LEASH_FRAME_MAX, &events,
	    en);
	relay_start(frames_endpoint(en->frames), channel_endpoint(ch),
	    NULL, NULL);
	return true;
}

void
enroll_free(struct enrolment *en)
{
	if (en == NULL)
		return;
	frames_free(en->frames);
	free(en);
}
