/* SPDX-License-Identifier: ISC */
/*
 * The window that we grant, on paths of some length and speed: pure
 * arithmetic, with a sender who uses all that he is granted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/ssh/window.h"

#define PACKET 32768
#define MANY 16384
#define MB 1000000ULL

/* What is on its way, one way: so many bytes at a time. */
struct way {
	struct { uint64_t due; uint32_t bytes; } queue[MANY];
	size_t first, last;
};

/* Simulation of one stream. */
static struct window w;
static struct account a;
static struct way data, grants;
static struct path {
	uint64_t one_way;	/* us */
	uint64_t speed;		/* bytes a second that it takes */
	uint64_t told;		/* us; what is thought of the round trip */
	bool slow_reader, slowed;
} path;
static uint64_t now, free_at, sender_has, delivered;

/* A window, the only one so far, of an account with so many streams. */
static void
begin(struct window *one, size_t streams)
{
	account_init(&a, NULL);
	a.streams = streams;
	window_init(one, &a, WINDOW_FIRST_MOST);
}

static int
setup(void **state)
{
	(void)state;
	data.first = data.last = grants.first = grants.last = 0;
	begin(&w, 1);
	now = free_at = 1000000;
	sender_has = w.left;
	delivered = 0;
	return 0;
}

static void
put(struct way *way, uint64_t due, uint32_t bytes)
{
	way->queue[way->last % MANY].due = due;
	way->queue[way->last++ % MANY].bytes = bytes;
	assert_in_range(way->last - way->first, 1, MANY);
}

/* What has come out of it by now, 0 when nothing has. */
static uint32_t
get(struct way *way)
{
	if (way->first == way->last ||
	    way->queue[way->first % MANY].due > now)
		return 0;
	return way->queue[way->first++ % MANY].bytes;
}

static void
arrive(uint32_t n)
{
	struct window_view view = { now, path.told, path.slow_reader,
	    path.slowed };
	uint32_t bytes;

	assert_true(window_arrived(&w, n));
	if (path.slow_reader)
		window_left_unread(&w);
	delivered += n;
	if (!window_consumed(&w, n))
		return;
	bytes = window_grant(&w, &a, &view);
	assert_in_range(w.size, 1, WINDOW_LARGEST);
	assert_int_equal(a.promised.used, w.size);
	if (bytes > 0)
		put(&grants, now + path.one_way, bytes);
}

/* So many us on this path. */
static void
run(uint64_t us)
{
	uint64_t end = now + us;
	uint32_t n;

	for (; now < end; now += 50) {
		while ((n = get(&grants)) > 0)
			sender_has += n;
		while (sender_has > 0 && free_at <= now) {
			n = sender_has < PACKET ? (uint32_t)sender_has : PACKET;
			sender_has -= n;
			free_at = (free_at + 1000 < now ? now : free_at) +
			    n * MB / path.speed;
			put(&data, free_at + path.one_way, n);
		}
		while ((n = get(&data)) > 0)
			arrive(n);
	}
}

/* Of what the path takes, in percent, over so many us. */
static uint64_t
filled(uint64_t us)
{
	uint64_t before = delivered;

	run(us);
	return (delivered - before) * 100 / (path.speed * us / MB);
}

static void
test_first(void **state)
{
	static const struct { size_t streams; uint32_t first; } cases[] = {
		{ 1, 1 << 20 }, { 2, 1 << 20 }, { 3, 1 << 19 },
		{ 4, 1 << 18 }, { 5, 1 << 18 }, { 6, 1 << 17 },
		{ 33, 1 << 15 }, { 34, 1 << 14 }, { 128, 1 << 13 },
		{ 1000, 1 << 10 }, { 8193, 128 }, { 100000, 128 }
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&w, cases[i].streams);
		assert_int_equal(w.left, cases[i].first);
	}
}

/*
 * Both channels of 16,000 streams, with what they take themselves, and no byte
 * has been sent on any of them.
 */
static void
test_first_of_very_many(void **state)
{
	size_t i;

	(void)state;
	account_init(&a, NULL);
	for (i = 0; i < 16000; i++) {
		account_charge(&a, 512 + 2 * 384);
		a.streams++;
		window_init(&w, &a, WINDOW_FIRST_MOST);
		a.streams++;
		window_init(&w, &a, WINDOW_FIRST_MOST);
	}
	assert_in_range(a.promised.used, 1, ACCOUNT_MAX);
	assert_in_range(account_left(&a), 1, ACCOUNT_MAX);
}

/* Others have most of it: one that is new begins smaller. */
static void
test_first_where_little_is_left(void **state)
{
	(void)state;
	account_init(&a, NULL);
	a.streams = 1;
	account_charge(&a, ACCOUNT_MAX - 100 * 1024);
	window_init(&w, &a, WINDOW_FIRST_MOST);
	assert_int_equal(w.left, 4 * 1024);
	account_charge(&a, account_left(&a));
	window_init(&w, &a, WINDOW_FIRST_MOST);
	assert_int_equal(w.left, WINDOW_FIRST_LEAST);
}

static void
test_more_than_granted(void **state)
{
	(void)state;
	assert_true(window_arrived(&w, w.left));
	assert_false(window_arrived(&w, 1));
	assert_true(window_arrived(&w, 0));
}

/* Gigabits over loopback, or a room: never more than 2 MiB. */
static void
test_short_path(void **state)
{
	(void)state;
	path = (struct path){ 50, 1000 * MB, 100, false, false };
	assert_in_range(filled(1000000), 80, 105);
	assert_in_range(w.size, 1024 * 1024, WINDOW_SHORT);
	path = (struct path){ 4000, 1000 * MB, 9999, false, false };
	run(1000000);
	assert_int_equal(w.size, WINDOW_SHORT);
}

/* Nobody knows how long it is: as if it were short. */
static void
test_unknown_path(void **state)
{
	(void)state;
	path = (struct path){ 50000, 1000 * MB, 0, false, false };
	run(3000000);
	assert_in_range(w.size, 1024 * 1024, WINDOW_SHORT);
}

/* Within a second all that is allowed: 1.3 Gbit/s. */
static void
test_long_path(void **state)
{
	(void)state;
	path = (struct path){ 50000, 1000 * MB, 100000, false, false };
	run(1000000);
	assert_int_equal(w.size, WINDOW_LARGEST);
	run(1000000);
	assert_in_range(delivered, 100 * MB, SIZE_MAX);
}

/*
 * A path of 400 Mbit/s takes 5 MB in its round trip: it is full, and what
 * queues in front of it is not more than once that.
 */
static void
test_full_path(void **state)
{
	(void)state;
	path = (struct path){ 50000, 50 * MB, 100000, false, false };
	run(2000000);
	assert_in_range(filled(1000000), 98, 102);
	assert_in_range(w.size, 5 * MB, 12 * MB);
	setup(state);
	path.speed = 5 * MB;	/* 40 Mbit/s: 500 KB */
	run(2000000);
	assert_in_range(filled(1000000), 98, 102);
	assert_in_range(w.size, 1024 * 1024, 1200 * 1024);
}

static void
test_slow_reader(void **state)
{
	(void)state;
	path = (struct path){ 50000, 1000 * MB, 100000, true, false };
	run(3000000);
	assert_int_equal(w.size, 1024 * 1024);
	path.slow_reader = false;
	run(2000000);
	assert_int_equal(w.size, WINDOW_LARGEST);
}

/* What was thought of the path was wrong. */
static void
test_path_turns_out_short(void **state)
{
	(void)state;
	path = (struct path){ 4000, 1000 * MB, 30000, false, false };
	run(1000000);
	assert_in_range(w.size, 4 * 1024 * 1024, SIZE_MAX);
	path.told = 8000;
	run(1000000);
	assert_int_equal(w.size, WINDOW_SHORT);
	assert_in_range(filled(1000000), 20, 105);
}

/* While small streams wait, down to what keeps it going, and up again. */
static void
test_slowed(void **state)
{
	(void)state;
	path = (struct path){ 500, 100 * MB, 1000, false, true };
	run(2000000);
	assert_in_range(w.size, WINDOW_SLOWED, 2 * WINDOW_SLOWED);
	path.slowed = false;
	run(2000000);
	assert_in_range(filled(1000000), 80, 105);
	window_end(&w, &a);
	window_end(&w, &a);
	assert_int_equal(a.promised.used, 0);
}

static void
use_all(struct window *one, uint64_t now_us)
{
	struct window_view view = { now_us, 100, false, false };

	assert_true(window_arrived(one, one->left));
	if (window_consumed(one, one->size - one->credit))
		window_grant(one, &a, &view);
}

/* Many channels begin small; one that is used up grows, and not by little. */
static void
test_small(void **state)
{
	uint32_t n;

	(void)state;
	begin(&w, 10000);
	assert_int_equal(w.size, 128);
	use_all(&w, 1);
	use_all(&w, 2000000);
	assert_int_equal(w.size, WINDOW_USED);
	for (n = 3; n < 100; n++)
		use_all(&w, n * 1000000);	/* however long it took */
	assert_int_equal(w.size, WINDOW_SMALL);
}

/*
 * Idle windows have all of the sum.  One that is used gives of its own, down
 * to the least, but goes on.
 */
static void
test_nothing_is_left(void **state)
{
	uint64_t us, moved = 0;

	(void)state;
	begin(&w, 1);
	budget_charge(&a.promised, ACCOUNT_MAX);
	for (us = 1; us < 1000; us++) {
		assert_in_range(w.left, 1, w.size);
		moved += w.left;
		use_all(&w, us);
	}
	assert_int_equal(w.size, WINDOW_FIRST_LEAST);
	assert_in_range(moved, 1024 * 1024 + 900 * WINDOW_FIRST_LEAST / 2,
	    SIZE_MAX);
	budget_give(&a.promised, ACCOUNT_MAX);
	for (; us < 3000; us++)
		use_all(&w, us);
	assert_in_range(w.size, WINDOW_SMALL, SIZE_MAX);
}

#define STREAMS 100

/*
 * All of them want the largest: together they get the sum, those that come late
 * too, and all give it back.
 */
static void
test_shares(void **state)
{
	static struct window s[STREAMS];
	struct window_view view = { 1, 100000, false, false };
	size_t i, round, sum;

	(void)state;
	account_init(&a, NULL);
	for (round = 0; round < 4000; round++)
		for (i = 0; i < STREAMS && i <= round; i++) {
			if (i == round) {
				a.streams++;
				window_init(&s[i], &a,
				    WINDOW_FIRST_MOST);
			}
			view.now += 1;
			assert_true(window_arrived(&s[i], s[i].left / 2));
			if (window_consumed(&s[i], s[i].size / 2))
				window_grant(&s[i], &a, &view);
			assert_in_range(a.promised.used, 0, ACCOUNT_MAX);
		}
	for (i = sum = 0; i < STREAMS; i++)
		sum += s[i].size;
	assert_int_equal(sum, a.promised.used);
	assert_in_range(sum, ACCOUNT_MAX / 2, ACCOUNT_MAX);
	for (i = 0; i < STREAMS; i++) {		/* an equal part */
		assert_in_range(s[i].size, ACCOUNT_MAX / (2 * STREAMS),
		    2 * ACCOUNT_MAX / STREAMS);
		window_end(&s[i], &a);
	}
	assert_int_equal(a.promised.used, 0);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first),
		TEST(test_first_of_very_many),
		TEST(test_first_where_little_is_left),
		TEST(test_more_than_granted),
		TEST(test_short_path),
		TEST(test_unknown_path),
		TEST(test_long_path),
		TEST(test_full_path),
		TEST(test_slow_reader),
		TEST(test_path_turns_out_short),
		TEST(test_slowed),
		TEST(test_small),
		TEST(test_nothing_is_left),
		TEST(test_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
