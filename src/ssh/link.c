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

#include "link_private.h"

/*
 * A session that lasted this long was a success: the next wait is the
 * shortest.
 */
#define STABLE_MS 2000

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

void
link_set_state(struct link *l, enum link_state state)
{
	/* An outage begins when a session ends, not anew with each attempt. */
	if ((l->state == LINK_CONNECTED) != (state == LINK_CONNECTED))
		l->since = time(NULL);
	l->state = state;
}

void
link_down(struct link *l)
{
	link_set_state(l, LINK_BACKOFF);
	l->events.down(l->arg);
}

static void
wait_before_retry(struct link *l, uint64_t ms)
{
	link_set_state(l, LINK_BACKOFF);
	l->retry_at = clock_ms() + ms;
	timer_set(l->timer, ms);
}

/* --- rounds ------------------------------------------------------- */

/* True when there is no point in another round. */
static bool
is_hopeless(const struct link *l)
{
	return !l->config.reconnect || (l->refusal.code != 0 &&
	    (!l->was_up || l->config.refusal_is_final));
}

static void
begin_round(struct link *l)
{
	gateways_round(l->known, l->config.nservers);
	l->refusal.code = 0;
}

/* The end of s, or of an attempt at it, with its reason after the server. */
static void
log_end(const struct server *server, const char *event,
    const struct error *why)
{
	char text[SERVER_TEXT_MAX];
	size_t n = strlen(server_format(server, text));
	bool named = strncmp(why->text, text, n) == 0;

	log_event(LEVEL_WARN, LOG_FIELDS(.event = event, .peer = text,
	    .reason = named ? why->text + n + strlen(": ") : why->text,
	    .code = why->code), "%s", why->text);
}

/* Better not to come back soon is no more than out of reach to who does not. */
static void
give_up(struct link *l, const struct error *why)
{
	struct error last = l->refusal.code != 0 ? l->refusal : *why;

	if (last.code == EX_TEMPFAIL)
		last.code = EX_UNAVAILABLE;
	l->events.gave_up(l->arg, &last);
}

static void
round_failed(struct link *l, const struct error *why)
{
	uint64_t delay;

	if (is_hopeless(l)) {
		give_up(l, why);
		return;
	}
	delay = l->refusal.code != 0 || why->code == EX_TEMPFAIL ?
	    l->config.backoff_max : backoff_delay(l->rounds, l->config.backoff_min,
	    l->config.backoff_max, randombytes_random());
	l->rounds++;
	begin_round(l);
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "retry"),
	    "trying again in %.1f s", (double)delay / 1000);
	wait_before_retry(l, delay);
}

void
link_attempt_failed(struct link *l, const struct error *why)
{
	bool told_before = l->refusal.code != 0, last;
	size_t n = l->config.nservers;
	struct server server = l->session->server;

	gateway_failed(link_session_known(l->session),
	    link_session_answers(l->session));
	link_session_free(l->session);
	l->session = NULL;
	event_del(l->slow);
	last = gateways_next(l->known, n, l->config.prefer) == n;
	if (last)
		gateways_lost(l->known, n, n);
	if (why->code != EX_UNAVAILABLE && !told_before)
		l->refusal = *why;
	/* When this is the reason to give up, gave_up() tells of it. */
	if (!last || !is_hopeless(l) || told_before)
		log_end(&server, "failed", why);
	l->events.trouble(l->arg, why);
	if (!last)
		link_try_next(l);
	else
		round_failed(l, why);
}

/* --- the end of the session in use -------------------------------- */

/* What its end says of its gateway: one that lasted makes up for others. */
static void
judge_session(const struct link_session *s, uint64_t lasted)
{
	struct gateway_known *g = link_session_known(s);

	if (g == NULL)
		return;
	gateway_failed(g, true);
	gateways_lost(s->link->known, s->link->config.nservers, s->at);
	if (lasted < s->link->config.well_ms)
		gateway_set_back(g);
	else
		g->setbacks = 0;
}

/*
 * Leaves the session that was up; true when it was a success, after which the
 * next wait is the shortest.
 */
static bool
leave_session(struct link *l, const struct error *why)
{
	uint64_t lasted = clock_ms() - l->session->up_at;

	if (lasted >= STABLE_MS)
		l->rounds = 0;
	if (!is_hopeless(l))
		log_end(&l->session->server, "lost", why);
	judge_session(l->session, lasted);
	link_stay(l);
	link_down(l);
	link_session_free(l->session);
	l->session = NULL;
	l->events.trouble(l->arg, why);
	begin_round(l);
	return lasted >= STABLE_MS;
}

/* The session that was to take its place does so when it is up. */
static bool
take_coming(struct link *l)
{
	if (l->coming == NULL)
		return false;
	l->session = l->coming;
	l->coming = NULL;
	link_session_known(l->session)->tried = true;
	link_set_state(l, LINK_CONNECTING);
	return true;
}

/*
 * All agents of a gateway lose it at the same moment, and those that go to
 * another one must not all come there at the same.
 */
static void
fail_over(struct link *l)
{
	uint64_t spread = 2 * l->config.backoff_min;

	wait_before_retry(l, spread > UINT32_MAX ? l->config.backoff_min :
	    randombytes_uniform((uint32_t)spread));
}

void
link_abandon(struct link *l, const struct error *why)
{
	struct error copy = *why;	/* the session's own memory */
	bool stable;

	stable = leave_session(l, &copy);
	if (take_coming(l))
		return;
	if (stable && l->config.nservers > 1 && !is_hopeless(l) &&
	    copy.code != EX_TEMPFAIL)
		fail_over(l);
	else
		round_failed(l, &copy);
}

void
link_next(struct link *l, const struct error *why)
{
	struct error copy = *why;
	char text[SERVER_TEXT_MAX];

	if (l->state != LINK_CONNECTED)
		return;
	error_prefix(&copy, "%s", server_format(&l->session->server, text));
	leave_session(l, &copy);
	if (take_coming(l))
		return;
	if (l->config.nservers > 1 && !is_hopeless(l))
		link_try_next(l);
	else
		round_failed(l, &copy);
}

/* --- life --------------------------------------------------------- */

static void
on_wait_over(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;

	(void)fd;
	(void)what;
	l->comparing = false;
	if (l->parted && !l->leaving)
		link_move_away(l, false);
	else
		link_try_next(l);
}

void
link_begin(struct link *l)
{
	begin_round(l);
	link_set_state(l, LINK_CONNECTING);
	if (!link_compare_first(l))
		link_try_next(l);
}

void
link_take_config(struct link *l, const struct link_config *config)
{
	struct gateway_known *known = xcalloc(config->nservers,
	    sizeof(*known));
	char a[SERVER_TEXT_MAX], b[SERVER_TEXT_MAX];
	size_t i, j;

	for (i = 0; i < config->nservers; i++) {
		gateway_forget(&known[i]);
		for (j = 0; j < l->config.nservers; j++)
			if (strcmp(server_format(&config->servers[i], a),
			    server_format(&l->config.servers[j], b)) == 0)
				known[i] = l->known[j];
	}
	free(l->known);
	l->known = known;
	l->config = *config;
	link_watch_init(l);
}

struct link *
link_new(struct event_base *base, struct dialer *dialer,
    const struct link_config *config, const struct link_events *events,
    void *arg)
{
	struct link *l = xcalloc(1, sizeof(*l));

	l->base = base;
	l->dialer = dialer;
	l->events = *events;
	l->arg = arg;
	TAILQ_INIT(&l->left);
	l->timer = evtimer_new(base, on_wait_over, l);
	link_slow_init(l);
	l->state = LINK_BACKOFF;
	l->since = time(NULL);
	link_take_config(l, config);
	link_begin(l);
	return l;
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	link_watch_clear(l);
	link_forget_coming(l);
	if (l->state == LINK_CONNECTED)
		l->events.down(l->arg);
	link_session_free(l->session);
	link_free_left(l);
	event_free(l->timer);
	event_free(l->slow);
	event_free(l->look);
	free(l->known);
	free(l);
}
