/* SPDX-License-Identifier: ISC */
/*
 * The link: which server is tried next, after how long, and when it gives up.
 * The sessions are the test's own, and so is the time: outbound.c is not
 * linked, and timers run when the test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sodium.h>

#include "orthrus/base/loop.h"
#include "orthrus/ssh/link.h"

#define NSERVERS 3
#define BACKOFF_MIN 1000
#define BACKOFF_MAX 30000
#define KEY_1 "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY_2 "SHA256:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"

void __wrap_timer_set(struct event *timer, uint64_t ms);
uint64_t __wrap_clock_ms(void);

/* The session that the link has made last, and how many it has made. */
struct outbound {
	struct outbound_config config;
	struct outbound_events events;
	void *arg;
	bool up;
};
static struct outbound *session;
static unsigned started, freed;

/* What the link has said, and its timer. */
static struct {
	unsigned up, down, trouble, gave_up;
	bool gateway;
	struct error why;
} told;
static struct event *timer;		/* NULL: none is set */
static uint64_t waits;			/* ms */
static uint64_t now;

static struct event_base *base;
static struct link *the_link;
static struct server servers[NSERVERS];
static char *pins[1];

/* --- what stands in for others ---------------------------------------- */

void
__wrap_timer_set(struct event *ev, uint64_t ms)
{
	timer = ev;
	waits = ms;
}

uint64_t
__wrap_clock_ms(void)
{
	return now;
}

struct outbound *
outbound_start(struct event_base *loop, struct dialer *dialer,
    const struct outbound_config *config, const struct outbound_events *events,
    void *arg)
{
	assert_ptr_equal(loop, base);
	assert_null(dialer);
	assert_null(session);		/* one at a time */
	session = calloc(1, sizeof(*session));
	assert_non_null(session);
	session->config = *config;
	session->events = *events;
	session->arg = arg;
	started++;
	return session;
}

void
outbound_free(struct outbound *s)
{
	if (s == NULL)
		return;
	assert_ptr_equal(s, session);
	session = NULL;
	freed++;
	free(s);
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
	snprintf(info->host_key, sizeof(info->host_key), "%s", KEY_1);
	info->gateway = s->up;
	info->rtt_ms = -1;
}

/* --- what the link says ----------------------------------------------- */

static void
on_up(void *arg, struct mux *mux, bool gateway)
{
	assert_ptr_equal(arg, &told);
	assert_ptr_equal(mux, (struct mux *)session);
	told.up++;
	told.gateway = gateway;
}

static void
on_down(void *arg)
{
	assert_ptr_equal(arg, &told);
	assert_non_null(session);	/* its mux is still there */
	told.down++;
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

/* --- acts ------------------------------------------------------------- */

static struct link_config
config_for(size_t n)
{
	struct link_config c = { .servers = servers, .nservers = n,
	    .backoff_min = BACKOFF_MIN, .backoff_max = BACKOFF_MAX,
	    .reconnect = true };

	return c;
}

static void
start(const struct link_config *c)
{
	static const struct link_events events = { on_up, on_down, on_trouble,
	    on_gave_up };

	the_link = link_new(base, NULL, c, &events, &told);
	assert_int_equal(started, 1);
}

/* The session under way is one to server i of the list. */
static void
expect_tried(size_t i)
{
	assert_non_null(session);
	assert_string_equal(session->config.server.host, servers[i].host);
}

static enum link_state
state_now(void)
{
	struct link_info info;

	link_info(the_link, &info);
	return info.state;
}

static void
come_up(void)
{
	session->up = true;
	session->events.up(session->arg);
	assert_int_equal(state_now(), LINK_CONNECTED);
}

static void
end(int code, const char *text)
{
	struct error e = { 0 };

	error_set(&e, code, "%s", text);
	session->events.ended(session->arg, &e);
}

/* A wait of about ms, less up to a quarter; then it is over. */
static void
expect_wait(uint64_t ms)
{
	struct event *due = timer;

	assert_null(session);
	assert_int_equal(state_now(), LINK_BACKOFF);
	assert_non_null(due);
	assert_in_range(waits, ms - ms / 4, ms);
	timer = NULL;
	event_active(due, EV_TIMEOUT, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(state_now(), LINK_CONNECTING);
}

static void
expect_nothing_more(void)
{
	assert_null(session);
	assert_null(timer);
}

static int
setup(void **state)
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
	timer = NULL;
	now = 1000000;
	base = event_base_new();
	return base == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	link_free(the_link);
	the_link = NULL;
	event_base_free(base);
	assert_int_equal(started, freed);
	return 0;
}

/* --- each test -------------------------------------------------------- */

static void
test_tries_each_server_and_then_waits(void **state)
{
	struct link_config c = config_for(3);

	(void)state;
	start(&c);
	expect_tried(0);
	end(EX_UNAVAILABLE, "cannot connect");
	assert_string_equal(told.why.text,
	    "ssh://web-1@server-0:22: cannot connect");
	expect_tried(1);
	end(EX_UNAVAILABLE, "cannot connect");
	expect_tried(2);
	assert_int_equal(state_now(), LINK_CONNECTING);
	end(EX_UNAVAILABLE, "cannot connect");
	assert_int_equal(told.trouble, 3);
	expect_wait(BACKOFF_MIN);
	expect_tried(0);
	assert_int_equal(told.up + told.down + told.gave_up, 0);
}

static void
test_waits_longer_after_each_round(void **state)
{
	static const uint64_t expected[] = { 1000, 2000, 4000, 8000, 16000,
	    30000, 30000 };
	struct link_config c = config_for(1);
	size_t i;

	(void)state;
	start(&c);
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		end(EX_UNAVAILABLE, "cannot connect");
		expect_wait(expected[i]);
	}
	expect_tried(0);
}

static void
test_lost_session_moves_on(void **state)
{
	struct link_config c = config_for(2);
	struct link_info info;

	(void)state;
	start(&c);
	come_up();
	assert_true(told.gateway);
	now += 5000;
	end(EX_UNAVAILABLE, "session lost");
	assert_int_equal(told.down, 1);
	expect_wait(BACKOFF_MIN);
	expect_tried(1);
	come_up();
	link_info(the_link, &info);
	assert_int_equal(info.reconnects, 1);
	assert_string_equal(info.server->host, "server-1");
}

/* One that ends at once is no success: else it would be tried every second. */
static void
test_short_session_counts_as_a_failed_round(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	now += 100;
	end(EX_UNAVAILABLE, "session lost");
	expect_wait(1000);
	come_up();
	now += 100;
	end(EX_UNAVAILABLE, "session lost");
	expect_wait(2000);
	come_up();
	now += 2000;
	end(EX_UNAVAILABLE, "session lost");
	expect_wait(1000);
	expect_tried(0);
}

static void
test_refusal_ends_it_before_a_success(void **state)
{
	struct link_config c = config_for(2);

	(void)state;
	start(&c);
	end(EX_NOPERM, "the server refused user");
	expect_tried(1);		/* another one may not refuse */
	end(EX_UNAVAILABLE, "cannot connect");
	assert_int_equal(told.gave_up, 1);
	assert_int_equal(told.why.code, EX_NOPERM);
	assert_string_equal(told.why.text,
	    "ssh://web-1@server-0:22: the server refused user");
	expect_nothing_more();
}

/* After a success it may be a mistake that somebody is mending. */
static void
test_refusal_is_waited_out_after_a_success(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	now += 5000;
	end(EX_UNAVAILABLE, "session lost");
	expect_wait(BACKOFF_MIN);
	end(EX_NOPERM, "the server refused user");
	assert_int_equal(told.gave_up, 0);
	expect_wait(BACKOFF_MAX);
	expect_tried(0);
}

static void
test_refusal_is_final_where_it_should_be(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	c.refusal_is_final = true;
	start(&c);
	come_up();
	now += 5000;
	end(EX_UNAVAILABLE, "session lost");
	expect_wait(BACKOFF_MIN);
	end(EX_NOPERM, "revoked");
	assert_int_equal(told.gave_up, 1);
	expect_nothing_more();
}

static void
test_once_only(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	c.reconnect = false;
	start(&c);
	come_up();
	end(EX_UNAVAILABLE, "session lost");
	assert_int_equal(told.down, 1);
	assert_int_equal(told.gave_up, 1);
	assert_int_equal(told.why.code, EX_UNAVAILABLE);
	expect_nothing_more();
}

/* --- another server, another configuration ---------------------------- */

static void
test_next_server_at_once(void **state)
{
	struct link_config c = config_for(2);
	struct error why = { 0 };

	(void)state;
	error_set(&why, EX_UNAVAILABLE, "asked to move");
	start(&c);
	link_next(the_link, &why);	/* nothing is up to be left */
	expect_tried(0);
	assert_int_equal(told.trouble, 0);
	come_up();
	link_next(the_link, &why);
	assert_int_equal(told.down, 1);
	assert_string_equal(told.why.text, "ssh://web-1@server-0:22: asked to move");
	expect_tried(1);
	assert_null(timer);
}

static void
test_next_of_one_server_waits(void **state)
{
	struct link_config c = config_for(1);
	struct error why = { 0 };

	(void)state;
	error_set(&why, EX_UNAVAILABLE, "asked to move");
	start(&c);
	come_up();
	now += 5000;
	link_next(the_link, &why);
	assert_int_equal(told.down, 1);
	expect_wait(BACKOFF_MIN);
	expect_tried(0);
}

static void
test_update_keeps_a_session_that_is_still_wanted(void **state)
{
	struct server reversed[2];
	struct link_config c = config_for(2);
	struct link_info info;

	(void)state;
	start(&c);
	come_up();
	reversed[0] = servers[1];
	reversed[1] = servers[0];
	c.servers = reversed;
	pins[0] = (char *)(uintptr_t)KEY_1;
	c.session.policy.pins = pins;
	c.session.policy.npins = 1;
	link_update(the_link, &c);
	assert_int_equal(told.down, 0);
	assert_int_equal(started, 1);
	link_info(the_link, &info);
	assert_ptr_equal(info.server, &reversed[1]);
	link_free(the_link);
	the_link = NULL;
	assert_int_equal(told.down, 1);
}

static void
expect_left(const struct link_config *c)
{
	link_update(the_link, c);
	assert_int_equal(told.down, 1);
	assert_int_equal(told.gave_up, 0);
	assert_int_equal(started, 2);
	assert_int_equal(state_now(), LINK_CONNECTING);
}

static void
test_update_leaves_a_server_that_is_gone(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	c.servers = servers + 1;
	expect_left(&c);
	expect_tried(1);
}

static void
test_update_leaves_another_user(void **state)
{
	struct server renamed = servers[0];
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	snprintf(renamed.user, sizeof(renamed.user), "web-2");
	c.servers = &renamed;
	expect_left(&c);
	assert_string_equal(session->config.server.user, "web-2");
}

static void
test_update_leaves_a_key_that_is_not_pinned(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	come_up();
	pins[0] = (char *)(uintptr_t)KEY_2;
	c.session.policy.pins = pins;
	c.session.policy.npins = 1;
	expect_left(&c);
	expect_tried(0);
}

/* It begins anew, whatever it waited for. */
static void
test_update_ends_a_wait(void **state)
{
	struct link_config c = config_for(1);

	(void)state;
	start(&c);
	end(EX_UNAVAILABLE, "cannot connect");
	assert_null(session);
	link_update(the_link, &c);
	expect_tried(0);
	assert_int_equal(told.down, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tries_each_server_and_then_waits),
		TEST(test_waits_longer_after_each_round),
		TEST(test_lost_session_moves_on),
		TEST(test_short_session_counts_as_a_failed_round),
		TEST(test_refusal_ends_it_before_a_success),
		TEST(test_refusal_is_waited_out_after_a_success),
		TEST(test_refusal_is_final_where_it_should_be),
		TEST(test_once_only),
		TEST(test_next_server_at_once),
		TEST(test_next_of_one_server_waits),
		TEST(test_update_keeps_a_session_that_is_still_wanted),
		TEST(test_update_leaves_a_server_that_is_gone),
		TEST(test_update_leaves_another_user),
		TEST(test_update_leaves_a_key_that_is_not_pinned),
		TEST(test_update_ends_a_wait),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
