/* SPDX-License-Identifier: ISC */
/*
 * A session channel with the gateway's subsystem, a timer for heartbeats, and
 * a table of what the gateway may say.
 */
#include "config.h"

#include "agent_leash.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/bucket.h"
#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/relay/frames.h"
#include "orthrus/relay/relay.h"
#include "orthrus/ssh/mux.h"

#include "host.h"

#define HEARTBEAT_MS 5000	/* until Welcome says otherwise */
#define AGAIN_MS 10000		/* when it was refused, or has ended */
#define FLOODED_MS 600000	/* when there was too much on it */
#define ERROR_MS 10000		/* between two Errors that are told */

struct agent_leash {
	struct event_base *base;
	struct mux *mux;
	struct agent_leash_events events;
	void *arg;
	struct channel *opening;
	struct frames *frames;		/* NULL: it is not held */
	struct event *timer;		/* heartbeat, or the next attempt */
	uint32_t heartbeat_ms;
	bool welcomed;
	struct bucket messages;		/* that may still come */
	uint64_t renew_before;
	struct leash_message in, hello;	/* hello: as sent last */
	char error[LEASH_TEXT_MAX];	/* the last Error, told once */
	uint64_t error_at;		/* ms; 0: none was told */
};

static void agent_leash_attempt(struct agent_leash *l);

static void
agent_leash_let_go(struct agent_leash *l, uint32_t again_ms)
{
	frames_free(l->frames);
	l->frames = NULL;
	timer_set(l->timer, again_ms);
}

/* --- what we say -------------------------------------------------- */

/*
 * Every message is encoded into this one space; frames_send() copies it from
 * there.
 */
static uint8_t scratch[4 + LEASH_FRAME_MAX];

static int
agent_leash_say(struct agent_leash *l, const struct leash_message *m)
{
	return frames_send(l->frames, scratch, leash_encode(m, scratch));
}

/*
 * Sends our Hello when it differs from the one that was sent last: Docker's
 * version, say, may become known late, or change.
 */
static void
agent_leash_say_hello(struct agent_leash *l)
{
	struct leash_message *m = xcalloc(1, sizeof(*m));

	m->kind = LEASH_HELLO;
	l->events.hello(l->arg, m);
	if (memcmp(m, &l->hello, sizeof(*m)) != 0 && agent_leash_say(l, m) == 0)
		memcpy(&l->hello, m, sizeof(*m));
	free(m);
}

static void
on_agent_leash_timer(evutil_socket_t fd, short what, void *arg)
{
	struct agent_leash *l = arg;
	struct leash_message *m;

	(void)fd;
	(void)what;
	if (l->frames == NULL) {
		agent_leash_attempt(l);
		return;
	}
	/* What is said now would come late, and all at once. */
	if (mux_is_parted(l->mux)) {
		timer_set(l->timer, l->heartbeat_ms);
		return;
	}
	agent_leash_say_hello(l);
	m = xcalloc(1, sizeof(*m));
	host_heartbeat(m);
	/*
	 * This fails when the gateway does not read its leash.  Nothing more is
	 * done about it, since by the gateway's own clock we are offline then.
	 */
	if (agent_leash_say(l, m) == -1)
		log_debug("a heartbeat could not be sent");
	free(m);
	timer_set(l->timer, l->heartbeat_ms);
}

int
agent_leash_renew(struct agent_leash *l, const uint8_t key[ED25519_KEY_LEN],
    const uint8_t *proof)
{
	struct leash_message *m;
	int r;

	if (l->frames == NULL)
		return -1;
	m = xcalloc(1, sizeof(*m));
	m->kind = LEASH_RENEW;
	memcpy(m->renew.key, key, ED25519_KEY_LEN);
	m->renew.proven = proof != NULL;
	if (proof != NULL)
		memcpy(m->renew.proof, proof, ED25519_SIGNATURE_LEN);
	r = agent_leash_say(l, m);
	free(m);
	return r;
}

/* --- what the gateway says ---------------------------------------- */

static void
agent_leash_set_heartbeat(struct agent_leash *l, uint32_t ms)
{
	if (ms == 0 || ms == l->heartbeat_ms)
		return;
	l->heartbeat_ms = ms;
	timer_set(l->timer, ms);
}

static void
on_gateway_welcome(struct agent_leash *l)
{
	if (l->welcomed)
		return;
	l->welcomed = true;
	agent_leash_set_heartbeat(l, l->in.welcome.heartbeat_ms);
	l->renew_before = l->in.welcome.renew_before;
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "at_gateway"),
	    "the gateway runs charon %s and hears from us every %.1f s",
	    l->in.welcome.version, (double)l->heartbeat_ms / 1000);
	l->events.held(l->arg, l->renew_before);
}

static void
on_gateway_update(struct agent_leash *l)
{
	struct policy_limits limits = {
		.actions_closed = l->in.update.actions_closed,
		.redact_always = l->in.update.redact_always
	};
	uint64_t renew_before = l->in.update.renew_before;
	bool news = renew_before != 0 && renew_before != l->renew_before;

	agent_leash_set_heartbeat(l, l->in.update.heartbeat_ms);
	if (news)
		l->renew_before = renew_before;
	l->events.limits(l->arg, &limits);
	if (news)
		l->events.held(l->arg, renew_before);
}

static void
on_gateway_renewed(struct agent_leash *l)
{
	l->events.renewed(l->arg, &l->in);
}

static void
on_gateway_drain(struct agent_leash *l)
{
	l->events.drain(l->arg, l->in.drain.reason);
}

static void
on_gateway_error(struct agent_leash *l)
{
	uint64_t now = clock_ms();

	if (strcmp(l->error, l->in.error.reason) == 0 ||
	    (l->error_at != 0 && now - l->error_at < ERROR_MS))
		return;
	l->error_at = now;
	memcpy(l->error, l->in.error.reason, sizeof(l->error));
	log_event(LEVEL_WARN, LOG_FIELDS(.event = "gateway_error",
	    .reason = l->error), "the gateway reports an error: %s; its own "
	    "log says more", l->error);
}

/*
 * What the gateway may send.  Messages of other kinds are ignored: a newer
 * gateway may know more.
 */
static void (*const handlers[])(struct agent_leash *) = {
	[LEASH_WELCOME] = on_gateway_welcome,
	[LEASH_UPDATE] = on_gateway_update,
	[LEASH_RENEWED] = on_gateway_renewed,
	[LEASH_DRAIN] = on_gateway_drain,
	[LEASH_ERROR] = on_gateway_error
};
#define NHANDLERS (sizeof(handlers) / sizeof(handlers[0]))

static void
on_agent_leash_frame(void *arg, const uint8_t *p, size_t n)
{
	struct agent_leash *l = arg;
	const char *why;

	/*
	 * A message costs us a line in the log or a look at files, so their
	 * number is bounded.
	 */
	if (!bucket_take(&l->messages, clock_ms(), LEASH_BURST, LEASH_RATE)) {
		agent_leash_let_go(l, FLOODED_MS);
		l->events.missing(l->arg, "the gateway sends more "
		    "messages than it should");
	} else if (leash_decode(p, n, &l->in, &why) == -1) {
		agent_leash_let_go(l, AGAIN_MS);
		l->events.missing(l->arg, why);
	} else if ((size_t)l->in.kind < NHANDLERS &&
	    handlers[l->in.kind] != NULL)
		handlers[l->in.kind](l);
	else
		log_debug("the gateway sent a message that is not known "
		    "here: one of the two is older");
}

static void
on_agent_leash_ended(void *arg, const char *why)
{
	struct agent_leash *l = arg;

	agent_leash_let_go(l, AGAIN_MS);
	l->events.missing(l->arg, why != NULL ? why :
	    "the gateway has ended it");
}

/* --- its life ----------------------------------------------------- */

static void
on_agent_leash_opened(void *arg, enum open_failure reason, const char *text)
{
	static const struct frames_events events = { on_agent_leash_frame,
	    on_agent_leash_ended };
	struct channel *ch;
	struct agent_leash *l = arg;

	(void)text;
	ch = l->opening;
	l->opening = NULL;
	if (reason != OPEN_OK) {
		timer_set(l->timer, AGAIN_MS);
		l->events.missing(l->arg, reason == OPEN_CONNECT_FAILED ?
		    "the session ended" : "the gateway refuses it");
		return;
	}
	l->frames = frames_new(l->base, LEASH_FRAME_MAX, &events, l);
	/* The relay tells nobody when it ends, since the frames do. */
	relay_start(frames_endpoint(l->frames), channel_endpoint(ch), NULL,
	    NULL);
	l->welcomed = false;
	memset(&l->messages, 0, sizeof(l->messages));
	memset(&l->hello, 0, sizeof(l->hello));
	agent_leash_say_hello(l);
	timer_set(l->timer, 0);
}

static void
agent_leash_attempt(struct agent_leash *l)
{
	l->opening = mux_open_subsystem(l->mux, LEASH_SUBSYSTEM,
	    on_agent_leash_opened, l);
	if (l->opening == NULL)
		timer_set(l->timer, AGAIN_MS);
}

struct agent_leash *
agent_leash_new(struct event_base *base, struct mux *m,
    const struct agent_leash_events *events, void *arg)
{
	struct agent_leash *l = xcalloc(1, sizeof(*l));

	l->base = base;
	l->mux = m;
	l->events = *events;
	l->arg = arg;
	l->heartbeat_ms = HEARTBEAT_MS;
	l->timer = evtimer_new(base, on_agent_leash_timer, l);
	agent_leash_attempt(l);
	return l;
}

void
agent_leash_free(struct agent_leash *l)
{
	if (l == NULL)
		return;
	if (l->opening != NULL)
		channel_cancel(l->opening);
	frames_free(l->frames);
	event_free(l->timer);
	free(l);
}
