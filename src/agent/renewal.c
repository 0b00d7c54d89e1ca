/* SPDX-License-Identifier: ISC */
/*
 * See renewal.h.  Only what an enrolment has brought is ever replaced; the
 * session goes on, and the next login is with the new key.
 */
#include "config.h"

#include "renewal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/ssh/successor.h"

#include "orthrus.h"
#include "agent_leash.h"

#define LOOK_SECONDS 3600	/* the clock may have been set meanwhile */
#define AGAIN_SECONDS 60	/* between requests; or a tenth of the rest */
#define CLOCKS_SECONDS 60	/* how long before its issue one begins */
#define BEHIND_SECONDS 3600	/* how far our clock may be behind */

struct renewal {
	struct orthrus *agent;
	struct agent_leash *leash;		/* NULL: not held */
	uint64_t before;
	struct event *timer;
	uint64_t again_at;		/* ms: no request before that */
	bool asked;			/* for key, and there is no answer */
	bool proven;			/* with a proof that it is ours */
	uint8_t key[ED25519_KEY_LEN];
	uint8_t certificate[CERT_MAX];	/* good, but not yet in its place */
	size_t len;			/* 0: there is none */
	char error[ERROR_TEXT_MAX];	/* the last failure, told once */
};

static uint64_t
certificate_life(const struct certificate *c)
{
	uint64_t life = c->valid_before > c->valid_after ?
	    c->valid_before - c->valid_after : 0;

	return life > CLOCKS_SECONDS ? life - CLOCKS_SECONDS : life;
}

uint64_t
renewal_due(const struct certificate *c, uint64_t before)
{
	uint64_t life = certificate_life(c);

	return c->valid_before - (before < life / 2 ? before : life / 2);
}

uint64_t
renewal_pace(const struct certificate *c, uint64_t now)
{
	uint64_t pace = (c->valid_before > now ? c->valid_before - now :
	    certificate_life(c)) / 10;

	return pace == 0 ? 1 : pace > AGAIN_SECONDS ? AGAIN_SECONDS : pace;
}

int
renewal_check(const struct certificate *fresh,
    const struct certificate *present, const char *name, uint64_t now,
    struct error *e)
{
	const char *why = NULL;
	size_t i;

	for (i = 0; i < fresh->nprincipals &&
	    strcmp(fresh->principals[i], name) != 0; i++)
		;
	if (fresh->type != CERT_USER)
		why = "is not one of a user";
	else if (i == fresh->nprincipals)
		why = "is for another name than ours";
	else if (fresh->critical)
		why = "has an option that is not known here";
	else if (fresh->valid_before <= now)
		why = "has expired; is this host's clock right?";
	else if (fresh->valid_after > now &&
	    fresh->valid_after - now > BEHIND_SECONDS)
		why = "is not valid yet; is this host's clock right?";
	else if (fresh->valid_before <= present->valid_before)
		why = "does not last longer than the present one";
	if (why != NULL)
		return error_set(e, EX_PROTOCOL, "the gateway's certificate "
		    "%s", why);
	return 0;
}

static uint64_t
now_seconds(void)
{
	return (uint64_t)time(NULL);
}

static void
renewal_failed(struct renewal *r, const char *text)
{
	if (strcmp(text, r->error) == 0)
		return;
	snprintf(r->error, sizeof(r->error), "%s", text);
	log_event(LEVEL_WARN, LOG_FIELDS(.event = "renewal_failed",
	    .reason = text), "the certificate cannot be renewed: %s; trying again",
	    r->error);
}

static void
renewal_ask(struct renewal *r)
{
	const struct config *c = r->agent->config;
	char *comment = xasprintf("orthrus@%s", c->name);
	struct error e;

	r->asked = r->proven = false;
	if (successor_make(c->identity, NULL, comment, r->key, &e) == -1)
		renewal_failed(r, e.text);
	else if (agent_leash_renew(r->leash, r->key, NULL) == -1)
		renewal_failed(r, "the request cannot be sent");
	else {
		r->asked = true;
		log_debug("asked for a new certificate");
	}
	free(comment);
}

/* Asks again, with a proof over the gateway's challenge. */
static void
renewal_prove(struct renewal *r, const uint8_t challenge[CHALLENGE_LEN])
{
	uint8_t proof[ED25519_SIGNATURE_LEN];
	struct possession p = { .challenge = challenge, .key = r->key };
	struct link_info info;
	struct error e;

	link_info(r->agent->link, &info);
	p.host_key = info.session.host_key;
	p.name = info.server->user;
	if (successor_prove(r->agent->config->identity, &p, proof, &e) == -1)
		renewal_failed(r, e.text);
	else if (agent_leash_renew(r->leash, r->key, proof) == -1)
		renewal_failed(r, "the request cannot be sent");
	else
		r->asked = r->proven = true;
}

/*
 * The certificate that may be renewed, which is one that an enrolment has
 * brought; else NULL.
 */
static const struct certificate *
renewable_certificate(const struct renewal *r)
{
	char mark[MARK_MAX];

	return successor_mark(r->agent->config->identity, mark) ?
	    identity_certificate(r->agent->identity) : NULL;
}

/*
 * Puts the new certificate in its place: true when that is done.  It is kept
 * for another attempt where that may help, as on a full disk.
 */
static bool
renewal_install(struct renewal *r)
{
	const char *path = r->agent->config->identity;
	struct identity *id;
	struct error e;

	if (successor_install(path, r->certificate, r->len, &e) == -1 ||
	    (id = identity_load(path, &e)) == NULL) {
		renewal_failed(r, e.text);
		if (e.code == EX_PROTOCOL || e.code == EX_NOINPUT)
			r->len = 0;
		return false;
	}
	r->len = 0;
	r->error[0] = '\0';
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "renewed"),
	    "certificate renewed (serial %llu)", (unsigned long long)
	    (identity_certificate(id) != NULL ?
	    identity_certificate(id)->serial : 0));
	orthrus_set_identity(r->agent, id);
	return true;
}

static void
renewal_step(struct renewal *r)
{
	const struct certificate *c = renewable_certificate(r);
	uint64_t now = now_seconds(), ms = clock_ms(), due;

	evtimer_del(r->timer);
	if (c == NULL || (r->leash == NULL && r->len == 0))
		return;
	due = renewal_due(c, r->before);
	if (r->len == 0 && now < due) {
		timer_set(r->timer, (due - now < LOOK_SECONDS ? due - now :
		    LOOK_SECONDS) * 1000);
		return;
	}
	if (ms < r->again_at) {
		timer_set(r->timer, r->again_at - ms);
		return;
	}
	r->again_at = ms + renewal_pace(c, now) * 1000;
	timer_set(r->timer, r->again_at - ms);	/* unless the answer comes */
	if (r->len == 0)
		renewal_ask(r);
	else if (renewal_install(r))
		renewal_step(r);
}

void
renewal_plan(struct renewal *r)
{
	r->asked = false;
	r->len = 0;
	renewal_step(r);
}

static void
on_renewal_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	renewal_step(arg);
}

/*
 * Judges the gateway's certificate, before anything that works is replaced by
 * it: 0, or -1 with *e.
 */
static int
renewal_judge(const struct renewal *r, const uint8_t *blob, size_t len,
    struct error *e)
{
	struct certificate *fresh = xcalloc(1, sizeof(*fresh));
	const struct certificate *c = renewable_certificate(r);
	struct link_info info;
	int good;

	link_info(r->agent->link, &info);
	if (c == NULL)
		good = error_set(e, EX_PROTOCOL, "the identity did not come "
		    "from an enrolment");
	else if ((good = certificate_read(blob, len, fresh, e)) == -1)
		error_prefix(e, "the gateway's certificate");
	else if (memcmp(fresh->key, r->key, sizeof(r->key)) != 0)
		good = error_set(e, EX_PROTOCOL, "the gateway's certificate "
		    "is for another key than it was asked for");
	else
		good = renewal_check(fresh, c, info.server->user,
		    now_seconds(), e);
	free(fresh);
	return good;
}

void
renewal_answer(struct renewal *r, const struct leash_message *m)
{
	struct error e;

	if (!r->asked) {
		log_debug("an answer to no request for a certificate");
		return;
	}
	r->asked = false;
	if (m->certificate.challenged && !r->proven && r->leash != NULL)
		renewal_prove(r, m->certificate.challenge);
	else if (m->certificate.len == 0)
		renewal_failed(r, m->certificate.error[0] != '\0' ?
		    m->certificate.error : "the gateway refuses");
	else if (renewal_judge(r, m->certificate.certificate,
	    m->certificate.len, &e) == -1)
		renewal_failed(r, e.text);
	else {
		r->len = m->certificate.len;
		memcpy(r->certificate, m->certificate.certificate, r->len);
		if (renewal_install(r))
			renewal_step(r);
	}
}

void
renewal_allow(struct renewal *r, struct agent_leash *l, uint64_t before)
{
	if (l == NULL)
		r->asked = false;	/* that answer is lost */
	r->leash = l;
	r->before = before;
	renewal_step(r);
}

struct renewal *
renewal_new(struct orthrus *a)
{
	struct renewal *r = xcalloc(1, sizeof(*r));

	r->agent = a;
	r->timer = evtimer_new(a->base, on_renewal_timer, r);
	return r;
}

void
renewal_free(struct renewal *r)
{
	event_free(r->timer);
	free(r);
}
