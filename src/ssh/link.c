/* SPDX-License-Identifier: ISC */
/* Keeps a session alive: which server next, and when. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/link.h"

/*
 * A session that lasted this long was a success: the next wait is the
 * shortest.
 */
#define STABLE_MS 2000

struct link {
	struct event_base *base;
	struct dialer *dialer;
	struct link_config config;
	struct link_events events;
	void *arg;
	struct outbound *session;
	struct event *timer;
	enum link_state state;
	size_t next;			/* server to try */
	size_t failed;			/* servers that failed in this round */
	unsigned rounds;		/* rounds that failed in a row */
	bool was_up;			/* once, ever */
	struct error refusal;		/* of this round; code 0: none */
	int64_t since;
	uint64_t sessions;
	uint64_t up_at;			/* ms */
};

static void try_server(struct link *l);

uint64_t
backoff_delay(unsigned n, uint64_t min, uint64_t max, uint32_t random)
{
	uint64_t delay = min;

	while (n-- > 0 && delay < max)
		delay *= 2;
	if (delay > max)
		delay = max;
	/*
	 * 8 random bits suffice, and their product with a year does not
	 * overflow.
	 */
	return delay - delay / 4 * (random >> 24) / 255;
}

static void
set_link_state(struct link *l, enum link_state state)
{
	/* An outage begins when a session ends, not anew with each attempt. */
	if ((l->state == LINK_CONNECTED) != (state == LINK_CONNECTED))
		l->since = time(NULL);
	l->state = state;
}

static void
wait_before_retry(struct link *l, uint64_t ms)
{
	set_link_state(l, LINK_BACKOFF);
	timer_set(l->timer, ms);
}

static const struct server *
current_server(const struct link *l)
{
	return &l->config.servers[l->next];
}

static const char *
server_text(const struct link *l)
{
	static char text[SERVER_TEXT_MAX];

	return server_format(current_server(l), text);
}

static void
on_link_session_up(void *arg)
{
	struct link *l = arg;
	struct outbound_info info;

	outbound_info(l->session, &info);
	set_link_state(l, LINK_CONNECTED);
	l->was_up = true;
	l->failed = 0;
	l->refusal.code = 0;
	l->sessions++;
	l->up_at = clock_ms();
	log_info("connected to %s (%s, %s, host key %s)", server_text(l),
	    info.kex, info.cipher, info.host_key);
	l->events.up(l->arg, outbound_mux(l->session), info.gateway);
}

/* True when there is no point in another round. */
static bool
is_hopeless(const struct link *l)
{
	return !l->config.reconnect || (l->refusal.code != 0 &&
	    (!l->was_up || l->config.refusal_is_final));
}

static void
round_failed(struct link *l, const struct error *why)
{
	uint64_t delay;

	if (is_hopeless(l)) {
		l->events.gave_up(l->arg, l->refusal.code != 0 ? &l->refusal :
		    why);
		return;
	}
	delay = l->refusal.code != 0 ? l->config.backoff_max :
	    backoff_delay(l->rounds, l->config.backoff_min,
	    l->config.backoff_max, randombytes_random());
	l->rounds++;
	l->failed = 0;
	l->refusal.code = 0;
	log_info("trying again in %.1f s", (double)delay / 1000);
	wait_before_retry(l, delay);
}

/* Leaves the session that was up.  The next server comes next, if any. */
static void
leave_session(struct link *l, const struct error *why)
{
	if (clock_ms() - l->up_at >= STABLE_MS)
		l->rounds = 0;
	if (!is_hopeless(l))
		log_warn("%s", why->text);
	set_link_state(l, LINK_BACKOFF);
	l->events.down(l->arg);
	outbound_free(l->session);
	l->session = NULL;
	l->next = (l->next + 1) % l->config.nservers;
	l->events.trouble(l->arg, why);
}

static void
session_lost(struct link *l, const struct error *why)
{
	leave_session(l, why);
	round_failed(l, why);
}

static void
attempt_failed(struct link *l, const struct error *why)
{
	bool last = ++l->failed == l->config.nservers;
	bool told_before = l->refusal.code != 0;

	outbound_free(l->session);
	l->session = NULL;
	if (why->code != EX_UNAVAILABLE && !told_before)
		l->refusal = *why;
	/* When this is the reason to give up, gave_up() tells of it. */
	if (!last || !is_hopeless(l) || told_before)
		log_warn("%s", why->text);
	l->next = (l->next + 1) % l->config.nservers;
	l->events.trouble(l->arg, why);
	if (!last)
		try_server(l);
	else
		round_failed(l, why);
}

static void
on_link_session_ended(void *arg, const struct error *why)
{
	struct link *l = arg;
	struct error copy = *why;	/* the session's own memory */

	error_prefix(&copy, "%s", server_text(l));
	if (l->state == LINK_CONNECTED)
		session_lost(l, &copy);
	else
		attempt_failed(l, &copy);
}

static void
try_server(struct link *l)
{
	static const struct outbound_events events = {
		on_link_session_up, on_link_session_ended
	};

	set_link_state(l, LINK_CONNECTING);
	log_debug("connecting to %s", server_text(l));
	l->config.session.server = *current_server(l);
	l->session = outbound_start(l->base, l->dialer, &l->config.session,
	    &events, l);
}

static void
on_backoff_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	try_server(arg);
}

struct link *
link_new(struct event_base *base, struct dialer *dialer,
    const struct link_config *config, const struct link_events *events,
    void *arg)
{
	struct link *l = xcalloc(1, sizeof(*l));

	l->base = base;
	l->dialer = dialer;
	l->config = *config;
	l->events = *events;
	l->arg = arg;
	l->timer = evtimer_new(base, on_backoff_over, l);
	l->state = LINK_BACKOFF;
	l->since = time(NULL);
	try_server(l);
	return l;
}

/* The place of the session's server in the new list, or nservers. */
static size_t
server_still_wanted(const struct link *l, const struct link_config *config)
{
	char now[SERVER_TEXT_MAX], text[SERVER_TEXT_MAX];
	const struct hostkey_policy *policy = &config->session.policy;
	struct outbound_info info;
	size_t i;

	outbound_info(l->session, &info);
	for (i = 0; i < policy->npins; i++)
		if (strcmp(policy->pins[i], info.host_key) == 0)
			break;
	if (policy->npins > 0 && i == policy->npins)
		return config->nservers;
	server_format(current_server(l), now);
	for (i = 0; i < config->nservers; i++)
		if (strcmp(server_format(&config->servers[i], text), now) == 0)
			break;
	return i;
}

void
link_update(struct link *l, const struct link_config *config)
{
	size_t at = config->nservers;

	if (l->state == LINK_CONNECTED &&
	    (at = server_still_wanted(l, config)) == config->nservers)
		log_info("the server in use, or its key, is not configured "
		    "any more: connecting anew");
	if (at == config->nservers && l->state == LINK_CONNECTED) {
		set_link_state(l, LINK_BACKOFF);
		l->events.down(l->arg);
	}
	l->config = *config;
	if (at < config->nservers) {
		l->next = at;
		return;
	}
	outbound_free(l->session);
	l->session = NULL;
	evtimer_del(l->timer);
	l->next = l->failed = 0;
	l->refusal.code = 0;
	try_server(l);
}

void
link_next(struct link *l, const struct error *why)
{
	struct error copy = *why;

	if (l->state != LINK_CONNECTED)
		return;
	error_prefix(&copy, "%s", server_text(l));
	leave_session(l, &copy);
	if (l->config.nservers > 1 && !is_hopeless(l))
		try_server(l);
	else
		round_failed(l, &copy);
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	if (l->state == LINK_CONNECTED)
		l->events.down(l->arg);
	outbound_free(l->session);
	event_free(l->timer);
	free(l);
}

void
link_info(const struct link *l, struct link_info *info)
{
	memset(info, 0, sizeof(*info));
	info->state = l->state;
	info->server = current_server(l);
	info->since = l->since;
	info->reconnects = l->sessions > 0 ? l->sessions - 1 : 0;
	info->session.rtt_ms = -1;
	if (l->session != NULL)
		outbound_info(l->session, &info->session);
}
