/* SPDX-License-Identifier: ISC */
/*
 * One channel against a far end in memory: windows, back-pressure, and every
 * order in which its two sides can end.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_fixture.h"

static struct stream one;

static int
setup(void **state)
{
	mux_setup(state);
	stream_open(&one, 7);
	return 0;
}

static int
teardown(void **state)
{
	mux_teardown(state);
	stream_release(&one);
	return 0;
}

/* Both have said CLOSE: nothing is left, and nothing more was said. */
static void
assert_gone(void)
{
	turns();
	assert_int_equal(one.done, 1);
	assert_int_equal(open_channels(), 0);
	assert_int_equal(violations, 0);
	expect_nothing();
}

static void
give(struct stream *s, size_t n, bool end)
{
	s->local.in = pattern_from(0);
	s->local.in_len = n;
	s->local.in_end = end;
}

/* Until nothing moves any more. */
static void
run(struct stream *s)
{
	do
		turns();
	while (memory_step(&s->local));
	turns();
}

/* Takes DATA packets for peer off the queue: their bytes. */
static size_t
expect_data(uint32_t peer, size_t offset, size_t limit)
{
	const struct sent *s;
	size_t sum = 0, len;

	while (fake_queued() > 0 && sum < limit) {
		s = expect(MSG_CHANNEL_DATA, peer);
		len = sent_u32(s, 4);
		assert_int_equal(s->len, 8 + len);
		assert_in_range(len, 1, PACKET);
		assert_memory_equal(s->p + 8, pattern_from(offset + sum),
		    len);
		sum += len;
	}
	return sum;
}

/* --- ends ------------------------------------------------------------- */

static void
test_both_ways(void **state)
{
	(void)state;
	give(&one, 1000, false);
	run(&one);
	assert_int_equal(expect_data(7, 0, 1000), 1000);
	stream_data(&one, 0, 2000);
	assert_pattern(&one.local, 2000);
	expect_nothing();
	assert_int_equal(one.done, 0);
}

static void
test_they_end_first(void **state)
{
	(void)state;
	stream_data(&one, 0, 100);
	fake_feed(MSG_CHANNEL_EOF, "u", one.id);
	run(&one);
	assert_pattern(&one.local, 100);
	assert_int_equal(one.local.finished, 1);
	expect_nothing();
	give(&one, 50000, true);	/* the other half goes on */
	run(&one);
	assert_int_equal(expect_data(7, 0, 50000), 50000);
	expect(MSG_CHANNEL_EOF, 7);
	expect(MSG_CHANNEL_CLOSE, 7);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	assert_gone();
	assert_false(one.local.aborted);
}

static void
test_we_end_first(void **state)
{
	(void)state;
	give(&one, 100, true);
	run(&one);
	assert_int_equal(expect_data(7, 0, 100), 100);
	expect(MSG_CHANNEL_EOF, 7);
	expect_nothing();
	stream_data(&one, 0, 30000);
	fake_feed(MSG_CHANNEL_EOF, "u", one.id);
	run(&one);
	assert_pattern(&one.local, 30000);
	assert_int_equal(one.local.finished, 1);
	expect(MSG_CHANNEL_CLOSE, 7);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	assert_gone();
	assert_false(one.local.aborted);
}

static void
test_eof_and_close_together(void **state)
{
	(void)state;
	one.local.room = 0;
	stream_data(&one, 0, 60000);
	fake_feed(MSG_CHANNEL_EOF, "u", one.id);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	run(&one);
	assert_int_equal(one.done, 0);
	while (one.local.out_len < 60000 && one.done == 0) {
		one.local.room = 9999;
		run(&one);
	}
	one.local.room = SIZE_MAX;
	run(&one);
	assert_pattern(&one.local, 60000);
	assert_int_equal(one.local.finished, 1);
	assert_false(one.local.aborted);
	expect(MSG_CHANNEL_CLOSE, 7);
	assert_gone();
}

/* A stream that has ended, RFC 4254 section 5.3. */
static void
test_close_without_eof(void **state)
{
	(void)state;
	one.local.room = 10;
	stream_data(&one, 0, 1000);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	run(&one);
	assert_int_equal(one.local.finished, 0);
	one.local.room = SIZE_MAX;
	run(&one);
	assert_pattern(&one.local, 1000);
	assert_int_equal(one.local.finished, 1);
	assert_false(one.local.aborted);
	expect(MSG_CHANNEL_CLOSE, 7);
	assert_gone();
}

/* What we still had for them is dropped: there is nobody to take it. */
static void
test_close_without_eof_while_we_send(void **state)
{
	(void)state;
	give(&one, WINDOW + 1000, false);
	run(&one);
	assert_int_equal(expect_data(7, 0, SIZE_MAX), WINDOW);
	stream_data(&one, 0, 1000);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	run(&one);
	assert_pattern(&one.local, 1000);
	assert_int_equal(one.local.finished, 1);
	assert_false(one.local.aborted);
	expect(MSG_CHANNEL_CLOSE, 7);
	assert_gone();
}

/* The session's end is no end of a stream, unless that came before. */
static void
test_session_lost(void **state)
{
	(void)state;
	one.local.room = 10;
	stream_data(&one, 0, 1000);
	mux_free(mux);
	mux = NULL;
	one.local.room = SIZE_MAX;
	run(&one);
	assert_pattern(&one.local, 1000);
	assert_int_equal(one.local.finished, 0);
	assert_true(one.local.aborted);
}

static void
test_session_lost_after_close(void **state)
{
	(void)state;
	one.local.room = 10;
	stream_data(&one, 0, 1000);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	mux_free(mux);
	mux = NULL;
	one.local.room = SIZE_MAX;
	run(&one);
	assert_pattern(&one.local, 1000);
	assert_int_equal(one.local.finished, 1);
	assert_false(one.local.aborted);
}

/* Our own programs say EOF, so that they can say that there was none. */
static void
test_our_close_without_eof(void **state)
{
	(void)state;
	mux_peer_is_ours(mux);
	one.local.room = 10;
	stream_data(&one, 0, 1000);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	run(&one);
	one.local.room = SIZE_MAX;
	run(&one);
	assert_pattern(&one.local, 1000);
	assert_int_equal(one.local.finished, 0);
	assert_true(one.local.aborted);
	expect(MSG_CHANNEL_CLOSE, 7);
	assert_gone();
}

/* More than one turn's worth is waiting when they close. */
static void
test_close_with_much_unread(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 6 * 1024 * 1024; i += PACKET)
		stream_data(&one, i, PACKET);
	turns();
	expect_adjusts(7);
	memory_free(&one.local);
	one.local.out_len = one.local.room = 0;
	stream_data(&one, 0, 1500000);
	fake_feed(MSG_CHANNEL_EOF, "u", one.id);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	one.local.room = SIZE_MAX;
	run(&one);
	assert_pattern(&one.local, 1500000);
	assert_false(one.local.aborted);
	while (fake_queued() > 1)
		expect(MSG_CHANNEL_WINDOW_ADJUST, 7);
	expect(MSG_CHANNEL_CLOSE, 7);
	assert_gone();
}

static void
test_close_while_we_send(void **state)
{
	(void)state;
	give(&one, WINDOW + 1000, false);
	run(&one);
	assert_int_equal(expect_data(7, 0, SIZE_MAX), WINDOW);
	fake_feed(MSG_CHANNEL_EOF, "u", one.id);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	run(&one);
	assert_int_equal(one.local.finished, 1);
	expect(MSG_CHANNEL_CLOSE, 7);
	assert_gone();
}

/* A broken local side: CLOSE without EOF, and what is in flight is dropped. */
static void
test_local_reset(void **state)
{
	(void)state;
	one.local.in_errno = ECONNRESET;
	run(&one);
	assert_int_equal(one.done, 1);
	expect(MSG_CHANNEL_CLOSE, 7);
	stream_data(&one, 0, 30000);
	fake_feed(MSG_CHANNEL_WINDOW_ADJUST, "uu", one.id, 1000);
	fake_feed(MSG_CHANNEL_REQUEST, "usb", one.id, "signal", 1);
	fake_feed(MSG_CHANNEL_EOF, "u", one.id);
	turns();
	assert_int_equal(open_channels(), 1);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	assert_gone();
}

static void
test_closes_cross(void **state)
{
	(void)state;
	relay_abort(one.relay);
	expect(MSG_CHANNEL_CLOSE, 7);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	assert_gone();
}

static void
test_local_takes_no_more(void **state)
{
	(void)state;
	one.local.out_errno = EPIPE;
	stream_data(&one, 0, 1000);
	turns();
	assert_int_equal(one.done, 0);
	give(&one, 100, true);
	run(&one);
	assert_int_equal(expect_data(7, 0, 100), 100);
	expect(MSG_CHANNEL_EOF, 7);
	expect(MSG_CHANNEL_CLOSE, 7);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	assert_gone();
	assert_true(one.local.aborted);
}

static void
test_message_after_close(void **state)
{
	(void)state;
	one.local.room = 0;
	stream_data(&one, 0, 100);
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	assert_int_equal(violations, 0);
	stream_data(&one, 0, 1);
	assert_int_equal(violations, 1);
}

/* --- what they may send ----------------------------------------------- */

static void
test_beyond_the_window(void **state)
{
	(void)state;
	one.local.room = 0;
	stream_data(&one, 0, one.granted);
	assert_int_equal(violations, 0);
	stream_data(&one, 0, 1);
	assert_int_equal(violations, 1);
}

static void
test_beyond_the_packet_size(void **state)
{
	(void)state;
	fake_feed(MSG_CHANNEL_DATA, "ud", one.id, pattern_from(0),
	    (size_t)PACKET + 1);
	assert_int_equal(violations, 1);
}

static void
test_length_that_lies(void **state)
{
	uint8_t b[] = { 0, 0, 0, 0, 0, 0, 0, 5, 'a', 'b', 'c', 'd' };

	(void)state;
	b[3] = (uint8_t)one.id;
	fake_feed_raw(MSG_CHANNEL_DATA, b, sizeof(b));
	assert_int_equal(violations, 1);
}

static void
test_data_after_eof(void **state)
{
	(void)state;
	fake_feed(MSG_CHANNEL_EOF, "u", one.id);
	stream_data(&one, 0, 1);
	assert_int_equal(violations, 1);
}

static void
test_extended_data(void **state)
{
	(void)state;
	fake_feed(MSG_CHANNEL_EXTENDED_DATA, "uus", one.id, 1, "stderr");
	assert_int_equal(violations, 1);
}

static void
test_empty_data(void **state)
{
	(void)state;
	fake_feed(MSG_CHANNEL_DATA, "us", one.id, "");
	assert_int_equal(violations, 0);
	assert_int_equal(one.local.empty_writes, 0);
	stream_data(&one, 0, 10);
	assert_pattern(&one.local, 10);
}

static void
test_their_channel_requests(void **state)
{
	(void)state;
	fake_feed(MSG_CHANNEL_REQUEST, "usb", one.id, "exit-status", 0);
	expect_nothing();
	fake_feed(MSG_CHANNEL_REQUEST, "usb", one.id,
	    "keepalive@openssh.com", 1);
	expect(MSG_CHANNEL_FAILURE, 7);
	fake_feed(MSG_CHANNEL_SUCCESS, "u", one.id);
	assert_int_equal(violations, 1);
}

/* The window comes back when, and only when, bytes have left for good. */
static void
test_window_follows_the_reader(void **state)
{
	(void)state;
	one.local.room = 0;
	stream_data(&one, 0, one.granted);
	turns();
	expect_nothing();
	one.local.room = 256 * 1024 - 1;
	run(&one);
	expect_nothing();
	one.local.room = 1;
	run(&one);
	assert_int_equal(expect_adjusts(7), 256 * 1024);
	one.local.room = SIZE_MAX;
	run(&one);
	assert_int_equal(expect_adjusts(7), one.granted - 256 * 1024);
	assert_pattern(&one.local, one.granted);
}

/* Never more unread than was granted, never stuck without window. */
static void
test_window_grows_for_a_quick_reader(void **state)
{
	uint64_t window = one.granted, sent = 0, largest = window;

	(void)state;
	while (sent < 7 * 1024 * 1024) {
		assert_in_range(window, 1, 16 * 1024 * 1024);
		stream_data(&one, sent, 10000);
		sent += 10000;
		window = window - 10000 + expect_adjusts(7);
		if (window > largest)
			largest = window;
	}
	assert_int_equal(violations, 0);
	assert_pattern(&one.local, sent);
	assert_in_range(largest, 1024 * 1024, 16 * 1024 * 1024);
}

/* A sender who is slower than our grants is not held back by the window. */
static void
test_window_stays_for_a_slow_sender(void **state)
{
	uint64_t window = one.granted, sent = 0;

	(void)state;
	while (sent < 4 * 1024 * 1024) {
		fake.now += 5000;	/* 5 ms: 2 MB/s on a fast link */
		stream_data(&one, sent, 10000);
		sent += 10000;
		window = window - 10000 + expect_adjusts(7);
	}
	assert_in_range(window, 1, one.granted);
}

static void
test_window_stays_for_a_slow_reader(void **state)
{
	uint64_t window = one.granted, sent = 0;
	size_t n;

	(void)state;
	one.local.room = 0;
	while (sent < 4 * 1024 * 1024) {
		n = window < 30000 ? window : 30000;
		stream_data(&one, sent, n);
		sent += n;
		one.local.room = 10000;
		run(&one);
		window = window - n + expect_adjusts(7);
		assert_in_range(sent - one.local.out_len + window, 0,
		    one.granted);
	}
	assert_int_equal(violations, 0);
}

/* --- what we may send ------------------------------------------------- */

static void
test_send_window(void **state)
{
	(void)state;
	give(&one, 3 * WINDOW, true);
	run(&one);
	assert_int_equal(expect_data(7, 0, SIZE_MAX), WINDOW);
	fake_feed(MSG_CHANNEL_WINDOW_ADJUST, "uu", one.id, 1);
	run(&one);
	assert_int_equal(expect_data(7, WINDOW, SIZE_MAX), 1);
	fake_feed(MSG_CHANNEL_WINDOW_ADJUST, "uu", one.id, 0);
	run(&one);
	expect_nothing();
	fake_feed(MSG_CHANNEL_WINDOW_ADJUST, "uu", one.id, 2 * WINDOW);
	run(&one);
	assert_int_equal(expect_data(7, WINDOW + 1, 2 * WINDOW - 1),
	    2 * WINDOW - 1);
	expect(MSG_CHANNEL_EOF, 7);
	expect_nothing();
}

static void
test_window_grows_before_it_is_wanted(void **state)
{
	(void)state;
	fake_feed(MSG_CHANNEL_WINDOW_ADJUST, "uu", one.id, WINDOW);
	give(&one, 3 * WINDOW, false);
	run(&one);
	assert_int_equal(expect_data(7, 0, SIZE_MAX), 2 * WINDOW);
}

static void
test_window_overflows(void **state)
{
	(void)state;
	fake_feed(MSG_CHANNEL_WINDOW_ADJUST, "uu", one.id,
	    UINT32_MAX - WINDOW);
	assert_int_equal(violations, 0);
	fake_feed(MSG_CHANNEL_WINDOW_ADJUST, "uu", one.id, 1);
	assert_int_equal(violations, 1);
}

static void
test_small_packets(void **state)
{
	static struct stream s;
	const struct sent *p;
	size_t sum = 0;

	(void)state;
	stream_start(&s, 8);
	stream_confirm(&s, 1000000, 300);
	give(&s, 10000, false);
	run(&s);
	while (fake_queued() > 0) {
		p = expect(MSG_CHANNEL_DATA, 8);
		assert_in_range(sent_u32(p, 4), 1, 300);
		sum += sent_u32(p, 4);
	}
	assert_int_equal(sum, 10000);
	mux_teardown(state);
	stream_release(&s);
	mux_setup(state);
}

/* Nothing is handed over beyond the high-water mark and one packet. */
static void
test_congestion(void **state)
{
	(void)state;
	fake.stalled = true;
	give(&one, WINDOW - 1, true);
	run(&one);
	assert_in_range(fake_pending(), 128 * 1024, 128 * 1024 + PACKET + 64);
	assert_false(one.local.want_read);
	fake_drain(20000);
	mux_turn(mux);
	run(&one);
	assert_in_range(fake_pending(), 100000, 128 * 1024 + PACKET + 64);
	fake.stalled = false;
	fake_drain(SIZE_MAX);
	mux_turn(mux);
	run(&one);
	assert_int_equal(expect_data(7, 0, WINDOW - 1), WINDOW - 1);
	expect(MSG_CHANNEL_EOF, 7);
}

static void
test_rekeying(void **state)
{
	size_t n;

	(void)state;
	fake.rekeying = true;
	give(&one, WINDOW - 1, true);
	run(&one);
	n = expect_data(7, 0, SIZE_MAX);
	assert_in_range(n, 1, PACKET);	/* the first shows that it is so */
	fake.rekeying = false;
	fake_feed_raw(MSG_NEWKEYS, NULL, 0);
	mux_turn(mux);
	run(&one);
	assert_int_equal(expect_data(7, n, WINDOW - 1 - n), WINDOW - 1 - n);
	expect(MSG_CHANNEL_EOF, 7);
}

#define HIGH (128 * 1024)	/* unsent, from which streams wait */
#define MANY 50

/* Each of those that wait gets its turn before anyone gets a second. */
static void
test_fair_when_congested(void **state)
{
	static struct stream s[MANY];
	size_t sent[MANY] = { 0 }, round, i, least, most;
	const struct sent *p;

	(void)state;
	for (i = 0; i < MANY; i++)
		stream_open(&s[i], (uint32_t)i);
	fake.stalled = true;
	for (i = 0; i < MANY; i++) {
		give(&s[i], 10 * WINDOW, false);
		fake_feed(MSG_CHANNEL_WINDOW_ADJUST, "uu", s[i].id, 1 << 30);
		memory_step(&s[i].local);
	}
	for (round = 0; round < 20 * MANY; round++) {
		fake_drain(HIGH);
		mux_turn(mux);
		for (i = 0; i < MANY; i++)
			memory_step(&s[i].local);
		while ((p = fake_next()) != NULL)
			sent[sent_u32(p, 0)] += sent_u32(p, 4);
	}
	least = most = sent[0];
	for (i = 1; i < MANY; i++) {
		if (sent[i] < least)
			least = sent[i];
		if (sent[i] > most)
			most = sent[i];
	}
	assert_in_range(most - least, 0, 4 * HIGH);
	assert_in_range(least, HIGH, SIZE_MAX);
	mux_teardown(state);
	for (i = 0; i < MANY; i++)
		stream_release(&s[i]);
	mux_setup(state);
}

/*
 * One stream that has much to read and waits to write does not keep the
 * others from writing while it reads.
 */
static void
test_reader_does_not_stop_writers(void **state)
{
	static struct stream other;
	size_t i;

	(void)state;
	for (i = 0; i < 6 * 1024 * 1024; i += PACKET)
		stream_data(&one, i, PACKET);
	expect_adjusts(7);
	stream_open(&other, 8);
	fake.stalled = true;
	give(&one, WINDOW, false);
	give(&other, 1000, false);
	memory_step(&one.local);	/* fills the backlog, ... */
	memory_step(&one.local);	/* ... then waits */
	memory_step(&other.local);
	assert_false(one.local.want_read);
	assert_true(one.local.in_len > 0 && other.local.in_len == 1000);
	one.local.room = 0;
	stream_data(&one, 0, 2000000);	/* 15 turns' worth */
	fake.stalled = false;
	fake_drain(SIZE_MAX);
	one.local.room = SIZE_MAX;
	memory_step(&one.local);
	mux_turn(mux);
	mux_turn(mux);
	assert_int_equal(other.local.in_len, 0);
	mux_teardown(state);
	stream_release(&other);
	mux_setup(state);
}

/* Answers every mark that went out; returns the bytes of data before them. */
static size_t
answer_marks(uint32_t peer, size_t *marks)
{
	const struct sent *s;
	size_t sum = 0, n = 0;

	while ((s = fake_next()) != NULL) {
		if (s->type == MSG_GLOBAL_REQUEST)
			n++;
		else if (s->type == MSG_CHANNEL_DATA &&
		    sent_u32(s, 0) == peer)
			sum += sent_u32(s, 4);
	}
	*marks = n;
	fake.now += 1000;
	for (; n > 0; n--)
		fake_feed(MSG_REQUEST_FAILURE, "");
	return sum;
}

/*
 * Bulk beside a small stream goes on only as marks are answered; without one,
 * or once the small stream is silent, it is not held.
 */
static void
test_bulk_beside_a_small_stream(void **state)
{
	static struct stream other;
	size_t marks, sum, n, rounds = 0;

	(void)state;
	round_trip_is(1000);
	stream_open(&other, 8);
	fake_feed(MSG_CHANNEL_WINDOW_ADJUST, "uu", one.id, 1 << 30);
	give(&one, 1024 * 1024, false);
	run(&one);
	assert_int_equal(answer_marks(7, &marks), 1024 * 1024);
	assert_int_equal(marks, 0);

	stream_data(&other, 0, 64);
	give(&one, 1024 * 1024, false);
	run(&one);
	for (sum = 0; sum < 1024 * 1024; sum += n) {
		give(&other, 64, false);	/* is never in its way */
		run(&other);
		assert_int_equal(other.local.in_len, 0);
		n = answer_marks(7, &marks);
		assert_in_range(n, 1, 512 * 1024);
		assert_in_range(marks, 1, 16);
		run(&one);
		rounds++;
	}
	assert_int_equal(sum, 1024 * 1024);
	assert_in_range(rounds, 4, 64);

	fake.now += 2000000;
	give(&one, 1024 * 1024, false);
	run(&one);
	assert_int_equal(answer_marks(7, &marks), 1024 * 1024);

	/* The session may end while it is held. */
	stream_data(&other, 0, 64);
	give(&one, 1024 * 1024, false);
	run(&one);
	assert_true(one.local.in_len > 0);
	assert_int_equal(violations, 0);
	mux_teardown(state);
	stream_release(&other);
	mux_setup(state);
}

/* The two programs' own messages do not slow it down. */
static void
test_bulk_beside_a_subsystem(void **state)
{
	static struct stream other;
	size_t marks;

	(void)state;
	round_trip_is(1000);
	stream_open_subsystem(&other, 8);
	fake_feed(MSG_CHANNEL_WINDOW_ADJUST, "uu", one.id, 1 << 30);
	give(&one, 1024 * 1024, false);
	run(&one);
	assert_int_equal(answer_marks(7, &marks), 1024 * 1024);
	stream_data(&other, 0, 64);
	give(&other, 64, false);
	run(&other);
	give(&one, 1024 * 1024, false);
	run(&one);
	assert_int_equal(answer_marks(7, &marks), 1024 * 1024);
	assert_int_equal(marks, 0);
	mux_teardown(state);
	stream_release(&other);
	mux_setup(state);
}

#define GREEDY 24

/* One turn of a stream whose reader keeps up: n bytes, within its window. */
static void
flow(struct stream *s, uint64_t *window, size_t n)
{
	if (n > *window)
		n = *window;
	stream_data(s, 0, n);
	memory_free(&s->local);
	s->local.out_len = 0;
	*window = *window - n + expect_adjusts(s->peer);
}

/*
 * Of a large window so much is granted again that its sender never waits for
 * half of it: what is still owed to him stays small.
 */
static void
test_large_window_is_granted_in_parts(void **state)
{
	uint64_t window, owed;
	size_t round;

	(void)state;
	round_trip_is(100000);
	window = one.granted;
	for (round = 0; round < 2000; round++)
		flow(&one, &window, PACKET);
	assert_in_range(window, 15 * 1024 * 1024, 16 * 1024 * 1024);
	for (round = 0; round < 1000; round++) {
		flow(&one, &window, PACKET);
		owed = 16 * 1024 * 1024 - window;
		assert_in_range(owed, 0, 257 * 1024);	/* and the channel */
	}
	assert_int_equal(violations, 0);
}

/* However busy: the first answers, and those of any later moment, count. */
static void
test_window_on_a_short_path(void **state)
{
	uint64_t window = one.granted;
	size_t round;

	(void)state;
	for (round = 0; round < 2000; round++) {
		flow(&one, &window, PACKET);
		fake.now += 100;
		assert_in_range(window, 1, 2 * 1024 * 1024);
		answer_pings(9000);	/* it waits behind the bulk */
	}
	assert_in_range(window, 1024 * 1024, SIZE_MAX);
	assert_int_equal(violations, 0);
}

/* The first answers came late: what was granted too much comes back. */
static void
test_window_shrinks_on_a_short_path(void **state)
{
	uint64_t window = one.granted, most = 0;
	size_t round;

	(void)state;
	round_trip_is(30000);
	for (round = 0; round < 1000; round++) {
		flow(&one, &window, PACKET);
		most = window > most ? window : most;
	}
	assert_in_range(most, 8 * 1024 * 1024, 16 * 1024 * 1024);
	fake.now += 1000000;
	for (round = 0; round < 1000; round++) {
		flow(&one, &window, PACKET);
		answer_pings(5000);
	}
	assert_in_range(window, 1024 * 1024, 2 * 1024 * 1024);
	assert_int_equal(violations, 0);
}

/* Bulk has the round trip measured, but not all the time. */
static void
test_bulk_is_measured(void **state)
{
	uint64_t window = one.granted;
	size_t round, sum = 0;

	(void)state;
	round_trip_is(1000);
	for (round = 0; round < 1000; round++) {
		flow(&one, &window, PACKET);
		fake.now += 10000;	/* 10 s in all */
		sum += pings;
		answer_pings(0);
	}
	assert_in_range(sum, 5, 10);
}

/* Streams that grew first give back what a later one needs. */
static void
test_budget_is_shared(void **state)
{
	static struct stream s[GREEDY + 1];
	uint64_t window[GREEDY + 1], sum = 0;
	size_t i, round;

	(void)state;
	round_trip_is(100000);
	for (i = 0; i < GREEDY; i++) {
		stream_open(&s[i], (uint32_t)i);
		window[i] = s[i].granted;
		for (round = 0; round < 400; round++)
			flow(&s[i], &window[i], PACKET);
		sum += window[i];
	}
	assert_in_range(sum, 20 * 1024 * 1024, ACCOUNT_MAX);
	stream_open(&s[i], GREEDY);
	window[i] = s[i].granted;
	for (round = 0; round < 400; round++)
		for (i = 0; i <= GREEDY; i++)
			flow(&s[i], &window[i], PACKET);
	assert_in_range(window[GREEDY], 2 * s[GREEDY].granted, SIZE_MAX);
	for (i = 0, sum = 0; i <= GREEDY; i++)
		sum += window[i];
	assert_in_range(sum, 16 * 1024 * 1024, ACCOUNT_MAX);
	assert_int_equal(violations, 0);
	mux_teardown(state);
	for (i = 0; i <= GREEDY; i++)
		stream_release(&s[i]);
	mux_setup(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_both_ways),
		TEST(test_they_end_first),
		TEST(test_we_end_first),
		TEST(test_eof_and_close_together),
		TEST(test_close_without_eof),
		TEST(test_close_without_eof_while_we_send),
		TEST(test_session_lost),
		TEST(test_session_lost_after_close),
		TEST(test_our_close_without_eof),
		TEST(test_close_with_much_unread),
		TEST(test_close_while_we_send),
		TEST(test_local_reset),
		TEST(test_closes_cross),
		TEST(test_local_takes_no_more),
		TEST(test_message_after_close),
		TEST(test_beyond_the_window),
		TEST(test_beyond_the_packet_size),
		TEST(test_length_that_lies),
		TEST(test_data_after_eof),
		TEST(test_extended_data),
		TEST(test_empty_data),
		TEST(test_their_channel_requests),
		TEST(test_window_follows_the_reader),
		TEST(test_window_grows_for_a_quick_reader),
		TEST(test_window_stays_for_a_slow_sender),
		TEST(test_window_stays_for_a_slow_reader),
		TEST(test_large_window_is_granted_in_parts),
		TEST(test_window_on_a_short_path),
		TEST(test_window_shrinks_on_a_short_path),
		TEST(test_bulk_is_measured),
		TEST(test_budget_is_shared),
		TEST(test_send_window),
		TEST(test_window_grows_before_it_is_wanted),
		TEST(test_window_overflows),
		TEST(test_small_packets),
		TEST(test_congestion),
		TEST(test_rekeying),
		TEST(test_fair_when_congested),
		TEST(test_reader_does_not_stop_writers),
		TEST(test_bulk_beside_a_small_stream),
		TEST(test_bulk_beside_a_subsystem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
