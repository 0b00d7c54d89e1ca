/* SPDX-License-Identifier: ISC */
/*
 * When a silent peer is probed, and when it is dead.  The connection, the mux
 * and the time are the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/ssh/mux.h"

#include "../../src/ssh/connection.h"
#include "../../src/ssh/probe.h"

#define PROBE_MS 5000
#define DEAD_MS 13000

void __wrap_timer_set(struct event *timer, uint64_t ms);
uint64_t __wrap_clock_ms(void);

struct connection {
	uint64_t heard_at;
	bool over;
	bool may_part, parted;		/* it waits for another carrier */
};

static struct connection connection;
static struct event_base *base;
static struct probe probe;
static uint64_t now, due;		/* ms; due: 0, no timer is set */
static unsigned pings;
static uint64_t unread_at;		/* arrived then, and is not read yet */
static mux_answered *answered;		/* NULL: no ping waits */
static struct error why;

/* --- what stands in for others ---------------------------------------- */

void
__wrap_timer_set(struct event *timer, uint64_t ms)
{
	assert_ptr_equal(timer, probe.timer);
	assert_in_range(ms, 1, DEAD_MS);	/* it never spins */
	due = now + ms;
}

uint64_t
__wrap_clock_ms(void)
{
	return now;
}

struct mux *
connection_mux(const struct connection *c)
{
	return (struct mux *)(uintptr_t)c;
}

uint64_t
connection_heard_at(const struct connection *c)
{
	return c->heard_at;
}

bool
connection_is_over(const struct connection *c)
{
	return c->over;
}

bool
connection_catch_up(struct connection *c)
{
	if (unread_at != 0)
		c->heard_at = unread_at;
	unread_at = 0;
	return !c->over;
}

bool
connection_is_parted(const struct connection *c)
{
	return c->parted;
}

bool
connection_part(struct connection *c, const char *text)
{
	assert_string_equal(text, "no sign of life from the server");
	c->parted = c->may_part;
	return c->may_part;
}

void
connection_fail(struct connection *c, int code, const char *goodbye,
    const char *fmt, ...)
{
	va_list ap;

	assert_null(goodbye);		/* nobody would hear it */
	assert_false(c->over);
	c->over = true;
	why.code = code;
	va_start(ap, fmt);
	vsnprintf(why.text, sizeof(why.text), fmt, ap);
	va_end(ap);
}

void
mux_ping(struct mux *m, mux_answered *fn, void *arg)
{
	assert_ptr_equal(m, &connection);
	assert_ptr_equal(arg, &probe);
	assert_null(answered);		/* one at a time */
	answered = fn;
	pings++;
}

/* --- acts ------------------------------------------------------------- */

/* The peer has said something else than an answer. */
static void
hear(void)
{
	connection.heard_at = now;
}

static void
answer(enum mux_answer a)
{
	mux_answered *fn = answered;

	assert_non_null(fn);
	answered = NULL;
	hear();
	fn(&probe, a, 0);
}

static void
run_timer(void)
{
	due = 0;
	event_active(probe.timer, EV_TIMEOUT, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Lets ms pass, with the timer running whenever it is due. */
static void
pass(uint64_t ms)
{
	uint64_t end = now + ms;

	while (due != 0 && due <= end) {
		now = due;
		run_timer();
	}
	now = end;
}

static int
setup(void **state)
{
	(void)state;
	now = 1000000;
	due = unread_at = 0;
	pings = 0;
	answered = NULL;
	memset(&why, 0, sizeof(why));
	connection = (struct connection){ .heard_at = now };
	base = event_base_new();
	probe_init(&probe, base, &connection, PROBE_MS, DEAD_MS);
	assert_int_equal(probe.rtt_ms, -1);
	probe_start(&probe);
	assert_int_equal(pings, 1);	/* for the round trip */
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	probe_clear(&probe);
	event_base_free(base);
	return 0;
}

/* --- each test -------------------------------------------------------- */

static void
test_round_trip(void **state)
{
	(void)state;
	now += 42;
	answer(MUX_REFUSED);		/* a refusal is an answer */
	assert_int_equal(probe.rtt_ms, 42);
}

static void
test_silence_is_probed(void **state)
{
	(void)state;
	answer(MUX_GRANTED);
	pass(PROBE_MS - 1);
	assert_int_equal(pings, 1);
	pass(1);
	assert_int_equal(pings, 2);
	now += 7;
	answer(MUX_GRANTED);
	assert_int_equal(probe.rtt_ms, 7);
	pass(PROBE_MS);
	assert_int_equal(pings, 3);
}

static void
test_peer_that_speaks_is_not_probed(void **state)
{
	unsigned i;

	(void)state;
	answer(MUX_GRANTED);
	for (i = 0; i < 20; i++) {
		pass(PROBE_MS / 2);
		hear();
	}
	assert_int_equal(pings, 1);
	assert_false(connection.over);
}

static void
test_dead_peer(void **state)
{
	(void)state;
	answer(MUX_GRANTED);
	pass(DEAD_MS - 1);
	assert_int_equal(pings, 2);
	assert_false(connection.over);
	pass(1);
	assert_true(connection.over);
	assert_int_equal(why.code, EX_UNAVAILABLE);
	assert_string_equal(why.text,
	    "no sign of life from the server for 13 s");
	assert_int_equal(due, 0);
}

/* It leaves the probe unanswered, but sends all the time: it lives. */
static void
test_peer_that_only_speaks(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 30; i++) {
		pass(1000);
		hear();
	}
	assert_int_equal(pings, 1);
	assert_false(connection.over);
	pass(DEAD_MS + 1000);
	assert_true(connection.over);
}

/* The process was stopped for a minute: that is no silence of the peer. */
static void
test_process_that_did_not_run(void **state)
{
	(void)state;
	answer(MUX_GRANTED);
	now += 60000;
	run_timer();
	assert_false(connection.over);
	assert_int_equal(pings, 2);
	now += 10;
	answer(MUX_GRANTED);
	pass(PROBE_MS - 1);
	assert_false(connection.over);
}

static void
test_process_that_did_not_run_with_a_probe_under_way(void **state)
{
	(void)state;
	unread_at = now + 59000;	/* the answer waits in the kernel */
	now += 60000;
	run_timer();
	assert_false(connection.over);
	assert_int_equal(pings, 1);
	pass(5000);
	assert_false(connection.over);
	pass(DEAD_MS);
	assert_true(connection.over);
}

static void
test_nothing_after_the_end(void **state)
{
	(void)state;
	connection.over = true;
	pass(60000);
	assert_int_equal(pings, 1);
	answer(MUX_REFUSED);		/* mux_free() says so */
	assert_int_equal(probe.rtt_ms, -1);
	assert_int_equal(due, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_silence_is_probed),
		TEST(test_peer_that_speaks_is_not_probed),
		TEST(test_dead_peer),
		TEST(test_peer_that_only_speaks),
		TEST(test_process_that_did_not_run),
		TEST(test_process_that_did_not_run_with_a_probe_under_way),
		TEST(test_nothing_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
