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
#include "orthrus/base/mem.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/ssh/successor.h"

#include "agent.h"
#include "leash.h"

#define LOOK_SECONDS 3600	/* the clock may have been set meanwhile */
#define AGAIN_SECONDS 60	/* after a failure; or a tenth of the rest */
#define CLOCKS_SECONDS 60	/* certificates begin so long ago, for clocks */

struct renewal {
	struct agent *agent;
	struct leash *leash;		/* NULL: not held */
	uint64_t before;
	struct event *timer;
	char error[ERROR_TEXT_MAX];	/* the last failure, told once */
};

uint64_t
renewal_due(const struct certificate *c, uint64_t before)
{
	uint64_t life = c->valid_before > c->valid_after ?
	    c->valid_before - c->valid_after : 0;

	if (life > CLOCKS_SECONDS)
		life -= CLOCKS_SECONDS;
	return c->valid_before - (before < life / 2 ? before : life / 2);
}

static void
wait_seconds(struct renewal *r, uint64_t seconds)
{
	struct timeval tv = { (time_t)seconds, 0 };

	evtimer_add(r->timer, &tv);
}

static uint64_t
now_seconds(void)
{
	return (uint64_t)time(NULL);
}

/* Asks again in a while, and sooner when little time is left. */
static void
later(struct renewal *r, const struct certificate *c)
{
	uint64_t now = now_seconds();
	uint64_t left = c->valid_before > now ? c->valid_before - now : 0;
	uint64_t wait = left / 10;

	wait_seconds(r, wait == 0 ? 1 : wait > AGAIN_SECONDS ? AGAIN_SECONDS :
	    wait);
}

static void
failed(struct renewal *r, const char *text)
{
	if (strcmp(text, r->error) == 0)
		return;
	snprintf(r->error, sizeof(r->error), "%s", text);
	log_warn("the certificate cannot be renewed: %s; trying again",
	    r->error);
}

static void
ask(struct renewal *r)
{
	const struct config *c = r->agent->config;
	char *comment = xasprintf("orthrus@%s", c->name);
	uint8_t key[ED25519_KEY_LEN];
	struct error e;

	if (successor_make(c->identity, NULL, comment, key, &e) == -1)
		failed(r, e.text);
	else if (agent_leash_renew(r->leash, key) == -1)
		failed(r, "the request cannot be sent");
	else
		log_debug("asked for a new certificate");
	free(comment);
}

void
renewal_plan(struct renewal *r)
{
	const struct certificate *c = identity_certificate(r->agent->identity);
	uint64_t now = now_seconds(), due;
	char mark[MARK_MAX];

	evtimer_del(r->timer);
	if (r->leash == NULL || c == NULL ||
	    !successor_mark(r->agent->config->identity, mark))
		return;
	due = renewal_due(c, r->before);
	if (now < due) {
		wait_seconds(r, due - now < LOOK_SECONDS ? due - now :
		    LOOK_SECONDS);
		return;
	}
	ask(r);
	later(r, c);		/* unless the answer comes */
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	renewal_plan(arg);
}

void
renewal_answer(struct renewal *r, const struct leash_message *m)
{
	const char *path = r->agent->config->identity;
	struct identity *id;
	struct error e;

	if (m->certificate.len == 0) {
		failed(r, m->certificate.error[0] != '\0' ?
		    m->certificate.error : "the gateway refuses");
		return;
	}
	if (successor_install(path, m->certificate.certificate,
	    m->certificate.len, &e) == -1 ||
	    (id = identity_load(path, &e)) == NULL) {
		failed(r, e.text);
		return;
	}
	r->error[0] = '\0';
	log_info("certificate renewed (serial %llu)", (unsigned long long)
	    (identity_certificate(id) != NULL ?
	    identity_certificate(id)->serial : 0));
	agent_set_identity(r->agent, id);
	renewal_plan(r);
}

void
renewal_allow(struct renewal *r, struct leash *l, uint64_t before)
{
	r->leash = l;
	r->before = before;
	renewal_plan(r);
}

struct renewal *
renewal_new(struct agent *a)
{
	struct renewal *r = xcalloc(1, sizeof(*r));

	r->agent = a;
	r->timer = evtimer_new(a->base, on_timer, r);
	return r;
}

void
renewal_free(struct renewal *r)
{
	event_free(r->timer);
	free(r);
}
