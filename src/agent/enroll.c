/* SPDX-License-Identifier: ISC */
/*
 * The enrolment has a link of its own.  Its sessions log in with the AUTH_KEY,
 * at no gateway but the one that the AUTH_KEY names, and ask one question.
 */
#include "config.h"

#include "enroll.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/auth_key.h"
#include "orthrus/proto/leash.h"
#include "orthrus/relay/frames.h"
#include "orthrus/relay/relay.h"
#include "orthrus/ssh/successor.h"
#include "orthrus/transport/tls.h"

#include "orthrus.h"

#define ANSWER_SECONDS 15

struct agent_enrolment {
	struct event_base *base;
	const struct config *config;
	bool any_name;
	struct commands *commands;
	struct enrolment_events events;
	void *arg;
	struct server *servers;		/* with the user to enrol as */
	struct tls_client *tls;		/* NULL: none of them speaks TLS */
	char fingerprint[FINGERPRINT_MAX];
	char *pin;
	uint8_t key[ED25519_KEY_LEN];
	bool proven;			/* a proof that it is ours was sent */
	struct link *link;
	struct channel *opening;
	struct frames *frames;
	struct event *deadline;
	const char *why;		/* what the deadline says */
};

/* --- ending ------------------------------------------------------- */

static void
enrolment_let_go(struct agent_enrolment *en)
{
	if (en->opening != NULL)
		channel_cancel(en->opening);
	en->opening = NULL;
	frames_free(en->frames);
	en->frames = NULL;
	evtimer_del(en->deadline);
}

static void
enrolment_failed(struct agent_enrolment *en, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
enrolment_failed(struct agent_enrolment *en, int code, const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX];
	struct error e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error_set(&e, code, "%s", text);
	enrolment_let_go(en);
	en->events.failed(en->arg, &e);
}

/*
 * Has the link go on to its next attempt in so many seconds, from the loop, as
 * this session brings no answer.
 */
static void
enrolment_end_session(struct agent_enrolment *en, const char *why,
    unsigned seconds)
{
	en->why = why;
	timer_set(en->deadline, seconds * 1000);
}

static void
on_enrolment_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct agent_enrolment *en = arg;
	struct error e;

	(void)fd;
	(void)what;
	error_set(&e, EX_UNAVAILABLE, "%s", en->why);
	link_next(en->link, &e);
}

/* --- the question ------------------------------------------------- */

/* name, or "" for any; proof is NULL until the gateway has challenged us. */
static void
enrolment_ask(struct agent_enrolment *en, const char *name,
    const uint8_t *proof)
{
	static uint8_t out[4 + LEASH_FRAME_MAX];
	struct leash_message *m = xcalloc(1, sizeof(*m));

	m->kind = LEASH_ENROLL;
	strcpy(m->enroll.name, name);
	memcpy(m->enroll.key, en->key, sizeof(m->enroll.key));
	en->proven = m->enroll.proven = proof != NULL;
	if (proof != NULL)
		memcpy(m->enroll.proof, proof, sizeof(m->enroll.proof));
	frames_send(en->frames, out, leash_encode(m, out));
	free(m);
	enrolment_end_session(en, "the gateway does not answer the enrolment",
	    ANSWER_SECONDS);
}

/* name is whom the gateway would certify our key for, and fits. */
static void
enrolment_prove(struct agent_enrolment *en, const char *name,
    const uint8_t challenge[CHALLENGE_LEN])
{
	const struct possession p = { challenge, en->fingerprint, name,
	    en->key };
	uint8_t proof[ED25519_SIGNATURE_LEN];
	struct error e;

	if (successor_prove(en->config->identity, &p, proof, &e) == -1)
		enrolment_failed(en, EX_CANTCREAT, "%s", e.text);
	else
		enrolment_ask(en, name, proof);
}

/* --- the answer --------------------------------------------------- */

/*
 * The user as whom the configuration would have us log in at the server that
 * has answered.
 */
static const char *
configured_user(const struct agent_enrolment *en)
{
	struct link_info info;
	size_t i;

	link_info(en->link, &info);
	for (i = 0; i < en->config->nservers; i++)
		if (&en->servers[i] == info.server)
			return en->config->servers[i].user;
	return "";
}

/*
 * True when name is both this agent's name and the user that it logs in as,
 * since a certificate is good for one name.  Else the enrolment has failed.
 */
static bool
enrolment_names_fit(struct agent_enrolment *en, const char *name)
{
	const char *user = configured_user(en);

	if (en->any_name)
		return true;
	if (strcmp(name, en->config->name) != 0) {
		enrolment_failed(en, EX_CONFIG, "the AUTH_KEY is for the agent "
		    "\"%s\", but this one is called \"%s\": set "
		    "ORTHRUS_NAME=%s (or --name %s, or name = %s in [agent]), "
		    "or use the AUTH_KEY of \"%s\"", name, en->config->name,
		    name, name, name, en->config->name);
		return false;
	}
	if (strcmp(name, user) == 0)
		return true;
	enrolment_failed(en, EX_CONFIG, "the user is \"%s\", but at a gateway "
	    "it must be the agent's name: leave it out, or write %s (--user, "
	    "or before the @ of the server)", user, name);
	return false;
}

static void
on_enrolment_answer(struct agent_enrolment *en, const struct leash_message *m)
{
	char name[NAME_MAX_LEN];
	struct error e;

	memcpy(name, m->certificate.name, sizeof(name));
	if (name[0] != '\0' && !enrolment_names_fit(en, name))
		;
	else if (name[0] != '\0' &&
	    enrolment_name_fits(en->config, name, &e) == -1)
		enrolment_failed(en, e.code, "%s", e.text);
	else if (m->certificate.challenged && !en->proven)
		enrolment_prove(en, name, m->certificate.challenge);
	else if (m->certificate.len == 0)
		enrolment_failed(en, EX_NOPERM, "the gateway did not enrol us: "
		    "%s", m->certificate.error[0] != '\0' ?
		    m->certificate.error : "it does not say why");
	else if (successor_install(en->config->identity,
	    m->certificate.certificate, m->certificate.len, &e) == -1)
		enrolment_failed(en, e.code == EX_PROTOCOL ? EX_PROTOCOL :
		    EX_CANTCREAT, "%s", e.text);
	else {
		enrolment_let_go(en);
		en->events.done(en->arg, name);
	}
}

static void
on_enrolment_frame(void *arg, const uint8_t *p, size_t n)
{
	struct leash_message *m = xcalloc(1, sizeof(*m));
	struct agent_enrolment *en = arg;
	const char *why;

	if (leash_decode(p, n, m, &why) == -1)
		enrolment_end_session(en, why, 0);
	else if (m->kind == LEASH_ERROR)
		enrolment_failed(en, EX_NOPERM, "the gateway did not enrol us: "
		    "%s", m->error.reason);
	else if (m->kind == LEASH_ENROLLED)
		on_enrolment_answer(en, m);
	else
		enrolment_end_session(en, "the gateway answers something else "
		    "than was asked", 0);
	free(m);
}

static void
on_enrolment_ended(void *arg, const char *why)
{
	enrolment_end_session(arg, why != NULL ? why :
	    "the gateway ended the enrolment without an answer", 0);
}

/* --- the channel -------------------------------------------------- */

static void
on_enrolment_opened(void *arg, enum open_failure reason, const char *text)
{
	static const struct frames_events events = {
		on_enrolment_frame, on_enrolment_ended
	};
	struct agent_enrolment *en = arg;
	struct channel *ch = en->opening;
	char name[NAME_MAX_LEN];

	(void)text;
	en->opening = NULL;
	if (reason != OPEN_OK) {
		enrolment_end_session(en, "the gateway does not let us enrol "
		    "now", 0);
		return;
	}
	en->frames = frames_new(en->base, LEASH_FRAME_MAX, &events, en);
	relay_start(frames_endpoint(en->frames), channel_endpoint(ch), NULL,
	    NULL);
	/*
	 * Names the one agent that we can be, so that the gateway refuses any
	 * other before the AUTH_KEY is used up.
	 */
	if (en->any_name)
		enrolment_name(en->config, name);
	else
		strcpy(name, en->config->name);
	enrolment_ask(en, name, NULL);
}

/* --- the link ----------------------------------------------------- */

static void
on_enrolment_up(void *arg, struct mux *mux, bool gateway)
{
	struct agent_enrolment *en = arg;

	(void)gateway;		/* its key has proved which one it is */
	if (!enrolment_names_fit(en, en->config->name))
		return;
	enrolment_end_session(en, "the gateway does not answer the enrolment",
	    ANSWER_SECONDS);
	en->opening = mux_open_subsystem(mux, ENROLL_SUBSYSTEM,
	    on_enrolment_opened, en);
}

static void
on_enrolment_down(void *arg)
{
	enrolment_let_go(arg);
}

static void
on_enrolment_trouble(void *arg, const struct error *why)
{
	struct agent_enrolment *en = arg;

	en->events.trouble(en->arg, why);
}

static void
on_enrolment_gave_up(void *arg, const struct error *why)
{
	struct agent_enrolment *en = arg;

	en->events.failed(en->arg, why);
}

/* --- life --------------------------------------------------------- */

static void
enrolment_start(struct agent_enrolment *en, struct dialer *dialer)
{
	static const struct link_events events = {
		on_enrolment_up, on_enrolment_down, on_enrolment_trouble,
		on_enrolment_gave_up, NULL
	};
	const struct config *c = en->config;
	struct link_config lc;
	size_t i;

	en->servers = xcalloc(c->nservers, sizeof(*en->servers));
	for (i = 0; i < c->nservers; i++) {
		en->servers[i] = c->servers[i];
		strcpy(en->servers[i].user, ENROLL_USER);
	}
	en->pin = en->fingerprint;
	link_config_of(c, en->tls, &lc);
	lc.servers = en->servers;
	lc.well_ms = 0;			/* it is over sooner */
	lc.refusal_is_final = true;
	lc.session.policy.enrolling = true;
	lc.session.policy.pins = &en->pin;
	lc.session.policy.npins = 1;
	lc.session.password = c->auth_key;
	lc.session.transport.commands = en->commands;
	en->link = link_new(en->base, dialer, &lc, &events, en);
}

/*
 * Reads from the AUTH_KEY which gateway it is for, and makes a key to be
 * certified: 0, or -1 with *e.
 */
static int
enrolment_prepare(struct agent_enrolment *en, struct error *e)
{
	const struct config *c = en->config;
	char mark[MARK_MAX], *comment;
	struct auth_key k;
	int r;

	/*
	 * What would be refused in the end is refused before the AUTH_KEY is
	 * used up.
	 */
	if (!en->any_name && enrolment_name_fits(c, c->name, e) == -1)
		return -1;
	if (orthrus_load_tls(c, &en->tls, e) == -1 ||
	    auth_key_parse(c->auth_key, &k, e) == -1)
		return -1;
	auth_key_fingerprint(&k, en->fingerprint);
	auth_key_wipe(&k);
	successor_hash(c->auth_key, mark);
	comment = xasprintf("orthrus@%s", c->name);
	r = successor_make(c->identity, mark, comment, en->key, e);
	free(comment);
	return r;
}

struct agent_enrolment *
enrolment_new(struct event_base *base, struct dialer *dialer,
    struct commands *commands, const struct config *c, bool any_name,
    const struct enrolment_events *events, void *arg, struct error *e)
{
	struct agent_enrolment *en = xcalloc(1, sizeof(*en));

	en->base = base;
	en->commands = commands;
	en->config = c;
	en->any_name = any_name;
	en->events = *events;
	en->arg = arg;
	if (enrolment_prepare(en, e) == -1) {
		tls_client_free(en->tls);
		free(en);
		return NULL;
	}
	en->deadline = deadline_new(base, on_enrolment_deadline, en);
	enrolment_start(en, dialer);
	return en;
}

void
enrolment_free(struct agent_enrolment *en)
{
	if (en == NULL)
		return;
	enrolment_let_go(en);
	link_free(en->link);
	tls_client_free(en->tls);
	event_free(en->deadline);
	free(en->servers);
	free(en);
}

const struct link *
enrolment_link(const struct agent_enrolment *en)
{
	return en->link;
}
