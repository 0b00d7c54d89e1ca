/* SPDX-License-Identifier: ISC */
/* The relay between two endpoints in memory: no byte lost, each end once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory_endpoint.h"

#define BIG (5 * RELAY_QUANTUM + 1234)

static uint8_t pattern[BIG];
static struct memory a, b;
static struct relay *relay;
static unsigned dones;
static uint64_t a_to_b, b_to_a;

static void
on_done(void *arg, uint64_t up, uint64_t down)
{
	assert_ptr_equal(arg, &dones);
	/* Both are closed before the owner hears of it. */
	assert_int_equal(a.closed, 1);
	assert_int_equal(b.closed, 1);
	assert_null(a.ep.relay);
	assert_null(b.ep.relay);
	a_to_b = up;
	b_to_a = down;
	dones++;
}

static int
setup(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 31 + i / 251);
	memory_init(&a);
	memory_init(&b);
	dones = 0;
	relay = relay_start(&a.ep, &b.ep, on_done, &dones);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (dones == 0)
		relay_abort(relay);
	memory_free(&a);
	memory_free(&b);
	return 0;
}

static void
give(struct memory *m, size_t n, bool end)
{
	m->in = pattern;
	m->in_len = n;
	m->in_end = end;
}

static void
run(void)
{
	bool more;

	do {
		more = memory_step(&a);
		more = memory_step(&b) || more;
	} while (more);
}

static void
assert_got(const struct memory *m, size_t n)
{
	assert_int_equal(m->out_len, n);
	if (n > 0)
		assert_memory_equal(m->out, pattern, n);
}

static void
assert_done(bool a_aborted, bool b_aborted)
{
	assert_int_equal(dones, 1);
	assert_int_equal(a.closed, 1);
	assert_int_equal(b.closed, 1);
	assert_int_equal(a.aborted, a_aborted);
	assert_int_equal(b.aborted, b_aborted);
	assert_int_equal(a_to_b, b.out_len);
	assert_int_equal(b_to_a, a.out_len);
}

/* --- the orderly life ------------------------------------------------- */

/* The owner has to get its handle before anything can end. */
static void
test_start_moves_nothing(void **state)
{
	struct memory c, d;
	struct relay *r;

	(void)state;
	memory_init(&c);
	memory_init(&d);
	c.in = pattern;
	c.in_len = 10;
	c.in_end = d.in_end = true;
	r = relay_start(&c.ep, &d.ep, NULL, NULL);
	assert_int_equal(d.out_len, 0);
	assert_true(c.want_read && d.want_read);
	assert_false(c.want_write || d.want_write);
	relay_abort(r);
	assert_true(c.aborted && d.aborted);
}

static void
half_close(struct memory *first, struct memory *second)
{
	give(first, 1000, true);
	run();
	assert_got(second, 1000);
	assert_int_equal(second->finished, 1);
	assert_int_equal(dones, 0);
	assert_false(first->want_read);
	assert_true(second->want_read);
	/* The long answer comes after the question's end. */
	give(second, BIG, false);
	run();
	assert_got(first, BIG);
	assert_int_equal(first->finished, 0);
	second->in_end = true;
	run();
	assert_int_equal(first->finished, 1);
	assert_done(false, false);
}

static void
test_half_close(void **state)
{
	(void)state;
	half_close(&a, &b);
}

static void
test_half_close_mirrored(void **state)
{
	(void)state;
	half_close(&b, &a);
}

static void
test_both_at_once(void **state)
{
	(void)state;
	a.chunk = 999;
	b.chunk = 4097;
	give(&a, BIG, true);
	give(&b, BIG - 77, true);
	run();
	assert_got(&b, BIG);
	assert_got(&a, BIG - 77);
	assert_done(false, false);
}

static void
test_nothing_but_ends(void **state)
{
	(void)state;
	a.in_end = b.in_end = true;
	run();
	assert_int_equal(a.finished, 1);
	assert_int_equal(b.finished, 1);
	assert_done(false, false);
}

/* --- back-pressure ---------------------------------------------------- */

static void
fill_in_pieces(size_t piece)
{
	size_t n = 0;

	b.room = 0;
	give(&a, BIG, true);
	run();
	assert_int_equal(b.out_len, 0);
	assert_false(a.want_read);
	assert_true(b.want_write);
	while (b.out_len < BIG) {
		b.room = piece;
		run();
		n = n + piece < BIG ? n + piece : BIG;
		assert_int_equal(b.out_len, n);
	}
	/* The end needs no room that write() could refuse. */
	b.room = 1;
	run();
	assert_got(&b, BIG);
	assert_int_equal(b.finished, 1);
	assert_true(b.want_read);
	b.in_end = true;
	run();
	assert_done(false, false);
}

static void
test_write_says_eagain(void **state)
{
	(void)state;
	fill_in_pieces(7777);
}

static void
test_room_is_limited(void **state)
{
	(void)state;
	b.tells_room = true;
	fill_in_pieces(7777);
}

static void
test_room_of_quanta(void **state)
{
	(void)state;
	b.tells_room = true;
	fill_in_pieces(RELAY_QUANTUM);
}

static void
test_stop_one_way_only(void **state)
{
	(void)state;
	b.room = 0;
	give(&a, 100, false);
	run();
	give(&b, BIG, true);
	run();
	assert_got(&a, BIG);
	assert_int_equal(a.finished, 1);
	b.room = SIZE_MAX;
	a.in_end = true;
	run();
	assert_got(&b, 100);
	assert_done(false, false);
}

static void
test_quantum(void **state)
{
	uint64_t up, down;

	(void)state;
	give(&a, BIG, false);
	relay_readable(&a.ep);
	assert_int_equal(b.out_len, RELAY_QUANTUM);
	assert_true(a.want_read);	/* it will be asked again */
	relay_counters(relay, &up, &down);
	assert_int_equal(up, RELAY_QUANTUM);
	assert_int_equal(down, 0);
}

/* --- errors ----------------------------------------------------------- */

static void
test_read_error(void **state)
{
	(void)state;
	give(&a, 500, false);
	a.in_errno = ECONNRESET;
	run();
	assert_got(&b, 500);	/* what came before it is delivered */
	assert_int_equal(b.finished, 0);
	assert_done(true, true);
}

static void
test_read_error_with_no_room(void **state)
{
	(void)state;
	b.room = 0;
	give(&a, 500, false);
	a.in_errno = ECONNRESET;
	run();
	assert_int_equal(dones, 0);
	b.room = SIZE_MAX;
	run();
	assert_got(&b, 500);
	assert_done(true, true);
}

static void
test_write_error(void **state)
{
	(void)state;
	b.out_errno = EPIPE;
	give(&a, 500, false);
	run();
	assert_int_equal(dones, 0);
	assert_false(a.want_read);
	/* What b still says is delivered. */
	give(&b, BIG, true);
	run();
	assert_got(&a, BIG);
	assert_int_equal(a.finished, 1);
	assert_done(false, true);
}

static void
test_finish_error(void **state)
{
	(void)state;
	b.finish_errno = ENOTCONN;
	a.in_end = true;
	run();
	assert_int_equal(dones, 0);
	give(&b, 10, true);
	run();
	assert_got(&a, 10);
	assert_done(false, true);
}

static void
test_write_error_after_end(void **state)
{
	(void)state;
	b.in_end = true;
	run();
	assert_int_equal(a.finished, 1);
	b.out_errno = EPIPE;
	give(&a, 500, false);
	run();
	assert_done(false, true);
}

/* --- hang-up, abort, offer -------------------------------------------- */

static void
test_hangup_with_pending(void **state)
{
	(void)state;
	a.room = 0;
	give(&b, BIG, true);
	run();
	relay_hangup(&b.ep);
	assert_int_equal(dones, 0);
	assert_false(a.want_read);
	a.room = 1000;
	run();
	assert_got(&a, 1000);
	a.room = SIZE_MAX;
	run();
	assert_got(&a, BIG);
	assert_int_equal(a.finished, 1);
	assert_done(false, true);
}

static void
test_hangup_when_idle(void **state)
{
	(void)state;
	b.in_errno = ECONNRESET;	/* as a channel that was cut off says */
	relay_hangup(&b.ep);
	assert_done(true, true);
}

/* As a channel that was closed without more ado: an end like any other. */
static void
test_hangup_ends_the_input(void **state)
{
	(void)state;
	b.room = 10;
	give(&a, 500, false);
	run();
	give(&b, 300, true);
	relay_hangup(&b.ep);
	assert_got(&a, 300);
	assert_int_equal(a.finished, 1);
	assert_done(false, true);
}

static void
test_hangup_after_ends(void **state)
{
	(void)state;
	a.in_end = true;
	run();
	assert_int_equal(b.finished, 1);
	b.in_end = true;
	relay_hangup(&b.ep);
	assert_done(false, false);
}

static void
test_abort(void **state)
{
	(void)state;
	b.room = 10;
	give(&a, 500, false);
	run();
	relay_abort(relay);
	assert_got(&b, 10);
	assert_done(true, true);
}

static void
test_abort_after_half_close(void **state)
{
	(void)state;
	a.in_end = true;
	run();
	relay_abort(relay);
	assert_int_equal(dones, 1);
	assert_true(a.aborted);
}

static void
test_offer(void **state)
{
	(void)state;
	assert_int_equal(relay_offer(&a.ep, pattern, 100), 100);
	b.room = 50;
	assert_int_equal(relay_offer(&a.ep, pattern + 100, 100), 50);
	assert_true(b.want_write);
	assert_false(a.want_read);
	/* The rest is unread input, in front of what comes next. */
	assert_int_equal(relay_offer(&a.ep, pattern + 200, 10), 0);
	a.in = pattern + 150;
	a.in_len = 60;
	b.room = SIZE_MAX;
	run();
	assert_got(&b, 210);
	a.in_end = true;
	run();
	assert_int_equal(relay_offer(&a.ep, pattern, 1), 0);
	b.in_end = true;
	run();
	assert_done(false, false);
}

static void
test_offer_fails(void **state)
{
	(void)state;
	b.out_errno = EPIPE;
	assert_int_equal(relay_offer(&a.ep, pattern, 100), 0);
	assert_int_equal(dones, 0);
	b.in_end = true;
	run();
	assert_done(false, true);
}

static void
test_offer_ends_it(void **state)
{
	(void)state;
	b.in_end = true;
	run();
	b.out_errno = EPIPE;
	assert_int_equal(relay_offer(&a.ep, pattern, 100), 0);
	assert_done(false, true);
}

/* --- all at once ------------------------------------------------------ */

static uint32_t
next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Whatever the order of events: all that was given arrives, in order. */
static void
test_random(void **state)
{
	size_t given[2] = { 0, 0 }, total[2];
	struct memory *m[2] = { &a, &b };
	uint32_t seed = 0, round;
	unsigned i;

	for (round = 0; round < 300; round++) {
		seed = round;
		total[0] = next(&seed) % BIG;
		total[1] = next(&seed) % BIG;
		given[0] = given[1] = 0;
		a.in = b.in = pattern;
		a.room = b.room = 0;
		a.tells_room = next(&seed) & 1;
		b.tells_room = next(&seed) & 1;
		while (dones == 0) {
			i = next(&seed) & 1;
			if (next(&seed) & 1)
				m[i]->room += next(&seed) % 60000;
			m[i]->chunk = 1 + next(&seed) % 50000;
			if (given[i] < total[i] && (next(&seed) & 1)) {
				size_t n = 1 + next(&seed) % 90000;

				if (n > total[i] - given[i])
					n = total[i] - given[i];
				given[i] += n;
				m[i]->in_len += n;
			} else if (given[i] == total[i])
				m[i]->in_end = true;
			memory_step(m[next(&seed) & 1]);
		}
		assert_got(&b, total[0]);
		assert_got(&a, total[1]);
		assert_int_equal(a.finished, 1);
		assert_int_equal(b.finished, 1);
		assert_done(false, false);
		teardown(state);
		setup(state);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_start_moves_nothing),
		TEST(test_half_close),
		TEST(test_half_close_mirrored),
		TEST(test_both_at_once),
		TEST(test_nothing_but_ends),
		TEST(test_write_says_eagain),
		TEST(test_room_is_limited),
		TEST(test_room_of_quanta),
		TEST(test_stop_one_way_only),
		TEST(test_quantum),
		TEST(test_read_error),
		TEST(test_read_error_with_no_room),
		TEST(test_write_error),
		TEST(test_finish_error),
		TEST(test_write_error_after_end),
		TEST(test_hangup_with_pending),
		TEST(test_hangup_when_idle),
		TEST(test_hangup_ends_the_input),
		TEST(test_hangup_after_ends),
		TEST(test_abort),
		TEST(test_abort_after_half_close),
		TEST(test_offer),
		TEST(test_offer_fails),
		TEST(test_offer_ends_it),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
