/* SPDX-License-Identifier: ISC */
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

struct gateway_enrolment {
	struct session *session;
	struct frames *frames;
};

static void
send_enrolled(struct gateway_enrolment *en, struct leash_message *m)
{
	static uint8_t frame[4 + LEASH_FRAME_MAX];

	frames_send(en->frames, frame, leash_encode(m, frame));
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
 * Whether the AUTH_KEY would give the name that is wanted: a wrong one must
 * not use it up.  *p is whose it is, and p->name "" when nobody's.
 */
static bool
name_fits(struct gateway_enrolment *en, const char *wanted, struct peer *p,
    struct error *e)
{
	struct session *s = en->session;
	int found = registry_find_id(s->gateway->registry, s->auth.id, p, e);

	if (found != 1)
		p->name[0] = '\0';
	if (found == 0)
		error_set(e, EX_NOUSER, "whose AUTH_KEY this is was removed");
	if (found != 1)
		return false;
	if (wanted[0] == '\0' || strcmp(wanted, p->name) == 0)
		return true;
	error_set(e, EX_DATAERR, "this AUTH_KEY is for \"%s\", not for "
	    "\"%s\"; it is still good", p->name, wanted);
	return false;
}

static void
enrol_key(struct gateway_enrolment *en, struct leash_message *m)
{
	struct session *s = en->session;
	struct gateway *g = s->gateway;
	struct certificate c;
	struct error e;
	char wanted[NAME_MAX_LEN];
	uint8_t key[ED25519_KEY_LEN], blob[CERT_MAX];
	static struct peer p;
	unsigned untold;
	bool fits;

	memcpy(wanted, m->enroll.name, sizeof(wanted));
	memcpy(key, m->enroll.key, sizeof(key));
	fits = name_fits(en, wanted, &p, &e);
	if (!fits || registry_enrol(g->registry, &s->auth, key,
	    g->certificate_lifetime, &c, &e) == -1) {
		if (refused(g, REFUSED_ENROLL, &untold))
			log_warn("refused an enrolment from %s: %s",
			    inbound_peer(s->in), e.text);
		refuse_enrolment(en, m, fits ? NULL : p.name, e.text);
		return;
	}
	memset(m, 0, sizeof(*m));
	m->kind = LEASH_ENROLLED;
	strcpy(m->certificate.name, c.principals[0]);
	m->certificate.len = certificate_write(&c, g->ca->secret, blob);
	memcpy(m->certificate.certificate, blob, m->certificate.len);
	send_enrolled(en, m);
	g->enrolments++;
	g->revoked_dirty = true;
	log_info("%s enrolled from %s, certificate serial %llu",
	    c.principals[0], inbound_peer(s->in),
	    (unsigned long long)c.serial);
}

static void
on_enroll_frame(void *arg, const uint8_t *p, size_t n)
{
	struct gateway_enrolment *en = arg;
	struct leash_message *m = xcalloc(1, sizeof(*m));
	const char *why = "an EnrollRequest was expected";

	if (leash_decode(p, n, m, &why) == -1 || m->kind != LEASH_ENROLL)
		refuse_enrolment(en, m, NULL, why);
	else
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
	en->frames = frames_new(s->gateway->base, LEASH_FRAME_MAX, &events,
	    en);
	relay_start(frames_endpoint(en->frames), channel_endpoint(ch),
	    NULL, NULL);
	s->let_go = let_enrolment_go;
	return true;
}
