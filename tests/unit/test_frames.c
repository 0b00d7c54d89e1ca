/* SPDX-License-Identifier: ISC */
/*
 * The framed endpoint against one in memory: each frame once and whole, each
 * end once, and no event after its owner let go of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <event2/event.h>

#include "memory_endpoint.h"
#include "orthrus/base/budget.h"
#include "orthrus/base/mem.h"
#include "orthrus/relay/frames.h"

#define MAX 1000
#define BIG (2 * 1024 * 1024)
#define TINY 100000	/* frames: many times what is kept */

static struct event_base *base;
static struct frames *frames;
static struct relay *relay;
static struct memory far;
static unsigned dones, ends;
static const char *end_why;

/* What came: all frames behind their lengths, as they were sent. */
static uint8_t got[BIG];
static size_t got_len, got_frames;

/* Seconds pass as milliseconds, and the longest wait is noted. */
int __real_event_add(struct event *ev, const struct timeval *tv);
int __wrap_event_add(struct event *ev, const struct timeval *tv);
static time_t patience;

int
__wrap_event_add(struct event *ev, const struct timeval *tv)
{
	struct timeval quick;

	if (tv == NULL)
		return __real_event_add(ev, tv);
	if (tv->tv_sec > patience)
		patience = tv->tv_sec;
	quick.tv_sec = 0;
	quick.tv_usec = (suseconds_t)tv->tv_sec * 1000;
	return __real_event_add(ev, &quick);
}

/* What the owner does in its event. */
static enum { NOTHING, FREE, ABORT, ABORT_AND_FREE, ANSWER } then;
static size_t then_at;		/* with the frame of this number, from 1 */
static bool inside;		/* a call of ours: no event may come now */

static void
act(void)
{
	if (then == ABORT || then == ABORT_AND_FREE)
		relay_abort(relay);
	if (then == FREE || then == ABORT_AND_FREE) {
		frames_free(frames);
		frames = NULL;
	}
	if (then == ANSWER)
		assert_int_equal(frames_send(frames, "\0\0\0\2ok", 6), 0);
}

static void
on_frame(void *arg, const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	assert_ptr_equal(arg, &got);
	assert_false(inside);
	assert_int_equal(ends, 0);
	assert_non_null(frames);
	assert_non_null(copy);
	memcpy(copy, p, n);
	assert_true(got_len + 4 + n <= sizeof(got));
	got[got_len] = (uint8_t)(n >> 24);
	got[got_len + 1] = (uint8_t)(n >> 16);
	got[got_len + 2] = (uint8_t)(n >> 8);
	got[got_len + 3] = (uint8_t)n;
	memcpy(got + got_len + 4, p, n);
	got_len += 4 + n;
	if (++got_frames == then_at) {
		act();
		/* It is valid during the call, whatever was done in it. */
		assert_memory_equal(copy, p, n);
	}
	free(copy);
}

static void
on_ended(void *arg, const char *why)
{
	assert_ptr_equal(arg, &got);
	assert_false(inside);
	assert_non_null(frames);
	ends++;
	end_why = why;
	if (then_at == 0)
		act();
}

static const struct frames_events events = { on_frame, on_ended };

static void
on_done(void *arg, uint64_t up, uint64_t down)
{
	(void)arg;
	(void)up;
	(void)down;
	dones++;
}

static int
setup(void **state)
{
	(void)state;
	base = event_base_new();
	memory_init(&far);
	dones = ends = 0;
	got_len = got_frames = then_at = 0;
	patience = 0;
	then = NOTHING;
	end_why = "unset";
	frames = frames_new(base, MAX, &events, &got);
	relay = relay_start(&far.ep, frames_endpoint(frames), on_done, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (dones == 0)
		relay_abort(relay);
	frames_free(frames);
	frames = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	memory_free(&far);
	return 0;
}

/* Turns of the loop and of the far end until neither does anything. */
static void
run(void)
{
	unsigned turns;
	bool more;

	for (turns = 0; turns < 100000; turns++) {
		inside = true;
		more = memory_step(&far);
		inside = false;
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (!more && turns % 4 == 3)
			return;
	}
	fail_msg("it never comes to rest");
}

static void
give(const void *p, size_t n, bool end)
{
	far.in = p;
	far.in_len = n;
	far.in_end = end;
	run();
}

#define GIVE(text, end) give(text, sizeof(text) - 1, end)

static void
send_all(const void *p, size_t n, int result)
{
	inside = true;
	assert_int_equal(frames_send(frames, p, n), result);
	inside = false;
}

static void
assert_got(const void *p, size_t n, size_t count)
{
	assert_int_equal(got_len, n);
	assert_memory_equal(got, p, n);
	assert_int_equal(got_frames, count);
}

static void
assert_ended(const char *why)
{
	assert_int_equal(ends, 1);
	if (why == NULL)
		assert_null(end_why);
	else
		assert_string_equal(end_why, why);
}

/* Frames of n bytes each, one after the other. */
static uint8_t *
many(size_t count, size_t n)
{
	uint8_t *all = xcalloc(count, 4 + n), *p = all;
	size_t i, j;

	for (i = 0; i < count; i++) {
		p[2] = (uint8_t)(n >> 8);
		p[3] = (uint8_t)n;
		for (j = 0; j < n; j++)
			p[4 + j] = (uint8_t)(i * 31 + j);
		p += 4 + n;
	}
	return all;
}

/* --- what comes --------------------------------------------------- */

static void
test_whole_frames(void **state)
{
	static const char text[] = "\0\0\0\3abc\0\0\0\0\0\0\0\1x";

	(void)state;
	GIVE(text, false);
	assert_got(text, sizeof(text) - 1, 3);
	assert_int_equal(ends, 0);
}

static void
test_byte_by_byte(void **state)
{
	static const char text[] = "\0\0\0\3abc\0\0\0\0\0\0\0\1x";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(text) - 1; i++) {
		give(text + i, 1, false);
		assert_int_equal(got_frames, (i >= 6) + (i >= 10) +
		    (i >= 15));
	}
	assert_got(text, sizeof(text) - 1, 3);
}

static void
test_largest_and_many(void **state)
{
	uint8_t *largest = many(1500, MAX), *tiny = many(TINY, 0);

	(void)state;
	give(largest, 1500 * (4 + MAX), false);
	assert_got(largest, 1500 * (4 + MAX), 1500);
	got_len = got_frames = 0;
	give(tiny, TINY * 4, true);
	assert_got(tiny, TINY * 4, TINY);
	assert_ended(NULL);
	free(tiny);
	free(largest);
}

struct other {
	struct event *event;
	size_t turns;		/* that it had before the last frame */
};

static void
on_other(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval now = { 0, 0 };
	struct other *other = arg;

	(void)fd;
	(void)what;
	other->turns++;
	memory_step(&far);
	if (got_frames < TINY)
		evtimer_add(other->event, &now);
}

/* Nobody waits until the last of many frames was handled. */
static void
test_others_get_their_turn(void **state)
{
	static const struct timeval now = { 0, 0 };
	uint8_t *tiny = many(TINY, 0);
	struct other other = { 0 };

	(void)state;
	far.in = tiny;
	far.in_len = TINY * 4;
	assert_true(memory_step(&far));
	other.event = evtimer_new(base, on_other, &other);
	evtimer_add(other.event, &now);
	run();
	assert_int_equal(got_frames, TINY);
	assert_in_range(other.turns, TINY / 20, TINY);
	event_free(other.event);
	free(tiny);
}

static void
test_over_the_limit(void **state)
{
	static const char text[] = "\0\0\0\1a\0\0\3\xe9rest";

	(void)state;
	send_all("\0\0\0\3bye", 7, 0);
	GIVE(text, false);
	assert_got(text, 5, 1);
	assert_ended("a frame over its limit");
	send_all("\0\0\0\1x", 5, -1);
	/* What still comes is dropped; what was sent before goes out. */
	GIVE("\0\0\0\1a\0\0\0\1b", false);
	assert_int_equal(got_frames, 1);
	assert_int_equal(far.out_len, 7);
	frames_free(frames);
	frames = NULL;
	far.in_end = true;
	run();
	assert_int_equal(dones, 1);
	assert_false(far.aborted);
}

static void
test_largest_length(void **state)
{
	(void)state;
	GIVE("\xff\xff\xff\xff", false);
	assert_ended("a frame over its limit");
	assert_int_equal(got_frames, 0);
}

static void
test_end_in_order(void **state)
{
	(void)state;
	GIVE("\0\0\0\1a", true);
	assert_got("\0\0\0\1a", 5, 1);
	assert_ended(NULL);
	assert_int_equal(dones, 0);
	inside = true;
	frames_finish(frames);
	inside = false;
	run();
	assert_int_equal(far.finished, 1);
	assert_int_equal(dones, 1);
	assert_false(far.aborted);
	assert_int_equal(ends, 1);
}

static void
test_end_in_a_frame(void **state)
{
	(void)state;
	GIVE("\0\0\0\1a\0\0\0\5bcd", true);
	assert_got("\0\0\0\1a", 5, 1);
	assert_ended("an end in the middle of a frame");
}

static void
test_end_in_a_length(void **state)
{
	(void)state;
	GIVE("\0\0\0", true);
	assert_ended("an end in the middle of a frame");
}

/* The session broke: that is no fault of what was said in it. */
static void
test_cut_off(void **state)
{
	(void)state;
	GIVE("\0\0\0\1a\0\0\0\5bcd", false);
	far.in_errno = ECONNRESET;
	run();
	assert_int_equal(dones, 1);
	assert_ended(NULL);
	assert_got("\0\0\0\1a", 5, 1);
	send_all("\0\0\0\1x", 5, -1);
}

/* What arrived before is told before. */
static void
test_aborted_with_frames_unread(void **state)
{
	uint8_t *all = many(100, 10);

	(void)state;
	far.in = all;
	far.in_len = 100 * 14;
	inside = true;
	assert_true(memory_step(&far));
	relay_abort(relay);
	inside = false;
	run();
	assert_got(all, 100 * 14, 100);
	assert_ended(NULL);
	free(all);
}

/* --- what is sent ------------------------------------------------- */

static void
test_send(void **state)
{
	(void)state;
	send_all("\0\0\0\3abc", 7, 0);
	assert_int_equal(far.out_len, 0);	/* not inside the call */
	run();
	assert_int_equal(far.out_len, 7);
	assert_memory_equal(far.out, "\0\0\0\3abc", 7);
	send_all("\0\0\0\1x\0\0\0\1y", 10, 0);
	inside = true;
	frames_finish(frames);
	inside = false;
	send_all("\0\0\0\1z", 5, -1);
	run();
	assert_memory_equal(far.out + 7, "\0\0\0\1x\0\0\0\1y", 10);
	assert_int_equal(far.out_len, 17);
	assert_int_equal(far.finished, 1);
	/* The other way is still open. */
	GIVE("\0\0\0\1a", false);
	assert_int_equal(got_frames, 1);
	assert_int_equal(dones, 0);
}

static void
test_send_before_join(void **state)
{
	struct memory peer;
	struct frames *f = frames_new(base, MAX, &events, &got);
	struct relay *r;

	(void)state;
	assert_int_equal(frames_send(f, "\0\0\0\1x", 5), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	memory_init(&peer);
	r = relay_start(frames_endpoint(f), &peer.ep, NULL, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(peer.out_len, 5);
	frames_free(f);
	relay_abort(r);
	memory_free(&peer);
}

/* A peer that reads nothing holds up to 4 * MAX bytes, and no more. */
static void
test_unread_is_bounded(void **state)
{
	uint8_t *all = many(4, MAX - 4);	/* 4 * MAX bytes, lengths too */

	(void)state;
	far.room = 0;
	send_all(all, 3 * MAX, 0);
	run();
	send_all(all, MAX + 1, -1);
	send_all(all + 3 * MAX, MAX, 0);
	send_all("\0\0\0\0", 4, -1);
	/* All of what was taken comes, and nothing else. */
	far.room = SIZE_MAX;
	far.chunk = 7;
	run();
	assert_int_equal(far.out_len, 4 * MAX);
	assert_memory_equal(far.out, all, 4 * MAX);
	send_all("\0\0\0\0", 4, 0);
	assert_int_equal(ends, 0);
	free(all);
}

static size_t
fill(struct account *a)
{
	size_t n = account_left(a);

	account_charge(a, n);
	return n;
}

/*
 * All that is kept is the account's; where that has no room, a frame may still
 * come and go, and no more.
 */
static void
test_account(void **state)
{
	uint8_t *all = many(4, MAX - 4), byte;
	struct account a;
	size_t charged;

	(void)state;
	account_init(&a, NULL);
	frames_set_account(frames, &a);
	assert_true(account_is_idle(&a));
	far.room = 0;
	send_all(all, 3 * MAX, 0);
	assert_in_range(a.held.used, 3 * MAX, 8 * MAX);
	assert_int_equal(a.promised.used, a.held.used);
	charged = fill(&a);
	send_all(all, MAX, -1);
	far.room = SIZE_MAX;
	run();
	send_all(all, MAX, 0);
	run();
	assert_int_equal(far.out_len, 4 * MAX);
	/* What comes: a frame of the largest size, byte by byte. */
	charged += fill(&a);
	assert_int_equal(frames_endpoint(frames)->ops->room(
	    frames_endpoint(frames)), 4 + MAX);
	far.chunk = 1;
	give(all, MAX, false);
	assert_got(all, MAX, 1);
	give("\0\0", 2, false);
	byte = 0;
	assert_int_equal(frames_endpoint(frames)->ops->write(
	    frames_endpoint(frames), &byte, 1), 1);
	frames_free(frames);
	frames = NULL;
	relay_abort(relay);
	account_give(&a, charged);
	assert_true(account_is_idle(&a));
	free(all);
}

static void
test_answer_from_event(void **state)
{
	(void)state;
	then = ANSWER;
	then_at = 2;
	GIVE("\0\0\0\1a\0\0\0\1b\0\0\0\1c", false);
	assert_int_equal(got_frames, 3);
	assert_int_equal(far.out_len, 6);
	assert_memory_equal(far.out, "\0\0\0\2ok", 6);
}

/* --- letting go --------------------------------------------------- */

static void
test_free_sends_the_rest(void **state)
{
	(void)state;
	send_all("\0\0\0\3bye", 7, 0);
	frames_free(frames);
	frames = NULL;
	run();
	assert_int_equal(far.out_len, 7);
	assert_int_equal(far.finished, 1);
	assert_int_equal(dones, 0);
	GIVE("\0\0\0\1a", true);
	assert_int_equal(dones, 1);
	assert_false(far.aborted);
	assert_int_equal(got_frames, 0);
	assert_int_equal(ends, 0);
}

/* Neither who reads nothing nor who never ends is waited for for ever. */
static void
wait_for_the_end(size_t room)
{
	far.room = room;
	send_all("\0\0\0\3bye", 7, 0);
	run();
	assert_int_equal(patience, 0);
	frames_free(frames);
	frames = NULL;
	run();
	assert_int_equal(dones, 0);
	event_base_dispatch(base);	/* until no event is left */
	assert_int_equal(patience, 10);
	assert_int_equal(dones, 1);
	assert_true(far.aborted);
	assert_int_equal(ends, 0);
}

static void
test_free_peer_never_ends(void **state)
{
	(void)state;
	wait_for_the_end(SIZE_MAX);
	assert_int_equal(far.out_len, 7);
}

static void
test_free_peer_never_reads(void **state)
{
	(void)state;
	wait_for_the_end(0);
	assert_int_equal(far.out_len, 0);
}

static void
free_in_frame(void)
{
	then_at = 2;
	GIVE("\0\0\0\1a\0\0\0\1b\0\0\0\1c", false);
	assert_int_equal(got_frames, 2);
	assert_int_equal(ends, 0);
	assert_null(frames);
}

static void
test_free_in_frame(void **state)
{
	(void)state;
	then = FREE;
	free_in_frame();
	assert_int_equal(far.finished, 1);
	assert_int_equal(dones, 0);
}

static void
test_abort_and_free_in_frame(void **state)
{
	(void)state;
	then = ABORT_AND_FREE;
	free_in_frame();
	assert_int_equal(dones, 1);
	assert_true(far.aborted);
}

static void
test_abort_in_frame(void **state)
{
	(void)state;
	then = ABORT;
	then_at = 2;
	GIVE("\0\0\0\1a\0\0\0\1b\0\0\0\1c", false);
	assert_int_equal(got_frames, 3);
	assert_ended(NULL);
	assert_int_equal(dones, 1);
}

static void
test_free_in_ended(void **state)
{
	(void)state;
	then = FREE;
	GIVE("\0\0\0\1a", true);
	assert_ended(NULL);
	assert_null(frames);
	assert_int_equal(dones, 1);
	assert_false(far.aborted);
}

static void
test_abort_and_free_in_ended(void **state)
{
	(void)state;
	then = ABORT_AND_FREE;
	GIVE("\0\0\0\2a", true);
	assert_ended("an end in the middle of a frame");
	assert_int_equal(dones, 1);
}

static void
test_free_without_relay(void **state)
{
	(void)state;
	frames_free(NULL);
	frames_free(frames_new(base, MAX, &events, &got));
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(ends, 0);
}

/* With a full endpoint on the way, and nobody to hear of it. */
static void
test_free_with_much_unread(void **state)
{
	uint8_t *all = many(10000, 100);

	(void)state;
	then = FREE;
	then_at = 1;
	give(all, 10000 * 104, false);
	assert_int_equal(got_frames, 1);
	assert_int_equal(far.in_len, 0);	/* it was read and dropped */
	free(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_whole_frames),
		TEST(test_byte_by_byte),
		TEST(test_largest_and_many),
		TEST(test_others_get_their_turn),
		TEST(test_over_the_limit),
		TEST(test_largest_length),
		TEST(test_end_in_order),
		TEST(test_end_in_a_frame),
		TEST(test_end_in_a_length),
		TEST(test_cut_off),
		TEST(test_aborted_with_frames_unread),
		TEST(test_send),
		TEST(test_send_before_join),
		TEST(test_unread_is_bounded),
		TEST(test_account),
		TEST(test_answer_from_event),
		TEST(test_free_sends_the_rest),
		TEST(test_free_peer_never_ends),
		TEST(test_free_peer_never_reads),
		TEST(test_free_in_frame),
		TEST(test_abort_and_free_in_frame),
		TEST(test_abort_in_frame),
		TEST(test_free_in_ended),
		TEST(test_abort_and_free_in_ended),
		TEST(test_free_without_relay),
		TEST(test_free_with_much_unread),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
