/* SPDX-License-Identifier: ISC */
/* See link_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "orthrus/base/loop.h"

#include "../../src/ssh/health_check.h"
#include "link_fixture.h"

#define TIMERS_MAX 16
#define NEVER 86400		/* s: the loop itself runs no timer */

void __wrap_timer_set(struct event *timer, uint64_t ms);
uint64_t __wrap_clock_ms(void);

struct outbound *sessions;
unsigned started, freed;
struct told told;
struct event_base *base;
struct link *the_link;
struct server servers[NSERVERS];
const char *waits_for = "an answer";
uint64_t now;

static struct {
	struct event *event;
	uint64_t due;
} timers[TIMERS_MAX];
static size_t ntimers;

struct health_check {
	struct server server;
	health_checked *checked;
	void *arg;
};
static struct health_check *checks[NSERVERS];

/* --- time --------------------------------------------------------- */

/* Added for good, so that others may ask whether it is pending, or delete it. */
void
__wrap_timer_set(struct event *ev, uint64_t ms)
{
	const struct timeval never = { NEVER, 0 };
	size_t i;

	for (i = 0; i < ntimers && timers[i].event != ev; i++)
		;
	assert_in_range(i, 0, TIMERS_MAX - 1);
	if (i == ntimers)
		ntimers++;
	timers[i].event = ev;
	timers[i].due = now + ms;
	event_add(ev, &never);
}

uint64_t
__wrap_clock_ms(void)
{
	return now;
}

/* Forgets those that were freed or deleted: libevent knows which are left. */
static int
note_pending(const struct event_base *loop, const struct event *ev, void *arg)
{
	bool *pending = arg;
	size_t i;

	(void)loop;
	for (i = 0; i < ntimers; i++)
		if (timers[i].event == ev)
			pending[i] = true;
	return 0;
}

/* The timer that is due first, or ntimers. */
static size_t
first_timer(void)
{
	bool pending[TIMERS_MAX] = { false };
	size_t i, n = 0, found;

	event_base_foreach_event(base, note_pending, pending);
	for (i = 0; i < ntimers; i++)
		if (pending[i])
			timers[n++] = timers[i];
	ntimers = found = n;
	for (i = 0; i < ntimers; i++)
		if (found == ntimers || timers[i].due < timers[found].due)
			found = i;
	return found;
}

/* Runs the first timer if it is due by then. */
static bool
run_timer(uint64_t by)
{
	size_t i = first_timer();
	struct event *ev;

	if (i == ntimers || timers[i].due > by)
		return false;
	ev = timers[i].event;
	if (timers[i].due > now)
		now = timers[i].due;
	event_del(ev);
	event_active(ev, EV_TIMEOUT, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	return true;
}

void
pass(uint64_t ms)
{
	uint64_t by = now + ms;

	while (run_timer(by))
		;
	now = by;
}

/* --- sessions ----------------------------------------------------- */

struct outbound *
outbound_start(struct event_base *loop, struct dialer *dialer,
    const struct outbound_config *config, const struct outbound_events *events,
    void *arg)
{
	struct outbound *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_ptr_equal(loop, base);
	assert_null(dialer);
	s->older = sessions;
	s->config = *config;
	s->events = *events;
	s->arg = arg;
	s->gateway = true;
	sessions = s;
	started++;
	return s;
}

void
outbound_free(struct outbound *s)
{
	struct outbound **at = &sessions;

	if (s == NULL)
		return;
	while (*at != s)
		at = &(*at)->older;
	*at = s->older;
	freed++;
	free(s);
}

void
outbound_set_transport(struct outbound *s, const struct transport_config *t)
{
	(void)s;
	(void)t;
}

struct mux *
outbound_mux(struct outbound *s)
{
	return s->up ? (struct mux *)s : NULL;
}

void
outbound_info(const struct outbound *s, struct outbound_info *info)
{
	memset(info, 0, sizeof(*info));
	info->kex = info->cipher = s->up ? "test" : "";
	info->transport = s->up ? "tcp" : "";
	snprintf(info->host_key, sizeof(info->host_key), "%s", KEY_1);
	info->gateway = s->up && s->gateway;
	info->identification = s->up || s->answers ? CHARON : "";
	info->rtt_ms = -1;
}

const char *
outbound_waits_for(const struct outbound *s)
{
	return s->up ? "" : waits_for;
}

void
mux_counters(const struct mux *m, struct mux_counters *out)
{
	const struct outbound *s = (const struct outbound *)m;

	assert_true(s->up);
	memset(out, 0, sizeof(*out));
	out->open = s->open;
	out->total = 10;
}

/* --- checks ------------------------------------------------------- */

static size_t
server_number(const char *host)
{
	size_t i;

	for (i = 0; i < NSERVERS && strcmp(servers[i].host, host) != 0; i++)
		;
	assert_in_range(i, 0, NSERVERS - 1);
	return i;
}

struct health_check *
health_check_start(struct event_base *loop, struct dialer *dialer,
    const struct server *server, const struct transport_config *config,
    health_checked *checked, void *arg)
{
	struct health_check *c = calloc(1, sizeof(*c));
	size_t i = server_number(server->host);

	(void)loop;
	(void)dialer;
	(void)config;
	assert_non_null(c);
	assert_null(checks[i]);		/* one at a time */
	c->server = *server;
	c->checked = checked;
	c->arg = arg;
	checks[i] = c;
	return c;
}

void
health_check_cancel(struct health_check *c)
{
	if (c == NULL)
		return;
	checks[server_number(c->server.host)] = NULL;
	free(c);
}

bool
is_checked(size_t i)
{
	return checks[i] != NULL;
}

void
check_answers(size_t i, int64_t rtt_ms)
{
	struct health_check *c = checks[i];
	struct error why = { 0 };

	assert_non_null(c);
	checks[i] = NULL;
	if (rtt_ms < 0)
		error_set(&why, EX_UNAVAILABLE, "cannot connect");
	c->checked(c->arg, rtt_ms, &why);
	free(c);
}

void
pass_with(uint64_t ms, const int64_t rtt_ms[NSERVERS])
{
	uint64_t by = now + ms;
	size_t i;

	do {
		for (i = 0; i < NSERVERS; i++)
			if (checks[i] != NULL)
				check_answers(i, rtt_ms[i]);
	} while (run_timer(by));
	now = by;
}

/* --- what the link says ------------------------------------------- */

static void
on_up(void *arg, struct mux *mux, bool gateway)
{
	assert_ptr_equal(arg, &told);
	told.up++;
	told.gateway = gateway;
	told.mux = mux;
}

static void
on_down(void *arg)
{
	assert_ptr_equal(arg, &told);
	assert_non_null(told.mux);
	assert_true(((struct outbound *)told.mux)->up);	/* still there */
	told.mux = NULL;
	told.down++;
}

static void
on_gone(void *arg, struct mux *mux)
{
	assert_ptr_equal(arg, &told);
	assert_ptr_not_equal(mux, told.mux);
	assert_true(((struct outbound *)mux)->up);
	told.gone++;
}

static void
on_trouble(void *arg, const struct error *why)
{
	assert_ptr_equal(arg, &told);
	told.why = *why;
	told.trouble++;
}

static void
on_gave_up(void *arg, const struct error *why)
{
	assert_ptr_equal(arg, &told);
	told.why = *why;
	told.gave_up++;
}

/* --- acts --------------------------------------------------------- */

struct link_config
config_for(size_t n)
{
	struct link_config c = { .servers = servers, .nservers = n,
	    .backoff_min = BACKOFF_MIN, .backoff_max = BACKOFF_MAX,
	    .well_ms = WELL, .keep_ms = KEEP, .reconnect = true };

	return c;
}

void
start(const struct link_config *c)
{
	static const struct link_events events = { on_up, on_down, on_trouble,
	    on_gave_up, on_gone };

	the_link = link_new(base, NULL, c, &events, &told);
}

void
expect_tried(size_t i)
{
	assert_non_null(sessions);
	assert_false(sessions->up);
	assert_string_equal(sessions->config.server.host, servers[i].host);
}

void
expect_sessions(size_t n)
{
	const struct outbound *s;

	for (s = sessions; s != NULL; s = s->older)
		assert_true(n-- > 0);
	assert_int_equal(n, 0);
}

struct outbound *
session_to(size_t i)
{
	struct outbound *s = sessions;

	while (s != NULL && strcmp(s->config.server.host, servers[i].host) != 0)
		s = s->older;
	assert_non_null(s);
	return s;
}

enum link_state
state_now(void)
{
	struct link_info info;

	link_info(the_link, &info);
	return info.state;
}

void
come_up(void)
{
	sessions->up = true;
	sessions->events.up(sessions->arg);
	assert_int_equal(state_now(), LINK_CONNECTED);
}

void
end_session(struct outbound *s, int code, const char *text)
{
	struct error e = { 0 };

	error_set(&e, code, "%s", text);
	s->events.ended(s->arg, &e);
}

void
part(struct outbound *s, bool parted)
{
	s->events.parted(s->arg, parted);
}

void
end(int code, const char *text)
{
	end_session(sessions, code, text);
}

void
start_at_second(size_t n)
{
	struct link_config c = config_for(n);

	start(&c);
	expect_tried(0);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_tried(1);
	come_up();
}

void
expect_in_use(size_t i)
{
	struct link_info info;

	link_info(the_link, &info);
	assert_int_equal(info.state, LINK_CONNECTED);
	assert_string_equal(info.server->host, servers[i].host);
	assert_ptr_equal(told.mux, (struct mux *)session_to(i));
}

void
expect_wait(uint64_t ms)
{
	unsigned before = started;

	assert_int_equal(state_now(), LINK_BACKOFF);
	pass(ms - ms / 4 - 1);
	assert_int_equal(started, before);
	pass(ms / 4 + 1);
	assert_int_equal(started, before + 1);
	assert_int_equal(state_now(), LINK_CONNECTING);
}

void
expect_nothing_more(void)
{
	unsigned before = started;

	pass((uint64_t)3600 * 1000);
	assert_null(sessions);
	assert_int_equal(started, before);
}

int
link_setup(void **state)
{
	size_t i;

	(void)state;
	memset(&told, 0, sizeof(told));
	memset(servers, 0, sizeof(servers));
	for (i = 0; i < NSERVERS; i++) {
		snprintf(servers[i].host, sizeof(servers[i].host),
		    "server-%zu", i);
		snprintf(servers[i].user, sizeof(servers[i].user), "web-1");
		servers[i].port = 22;
	}
	started = freed = 0;
	ntimers = 0;
	now = 1000000;
	base = event_base_new();
	return base == NULL ? -1 : 0;
}

int
link_teardown(void **state)
{
	size_t i;

	(void)state;
	link_free(the_link);
	the_link = NULL;
	event_base_free(base);
	assert_int_equal(started, freed);
	for (i = 0; i < NSERVERS; i++)
		assert_null(checks[i]);
	return 0;
}
