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
static size_t grown;
static struct way data, grants;
static struct path {
	uint64_t one_way;	/* us */
	uint64_t speed;		/* bytes a second that it takes */
	uint64_t told;		/* us; what is thought of the round trip */
	bool slow_reader, slowed;
} path;
static uint64_t now, free_at, sender_has, delivered;

static int
setup(void **state)
{
	(void)state;
	grown = 0;
	data.first = data.last = grants.first = grants.last = 0;
	window_init(&w, 1);
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
	bytes = window_grant(&w, &grown, &view);
	assert_in_range(w.size, 1, WINDOW_LARGEST);
	assert_in_range(grown, 0, WINDOW_BUDGET);
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
	static const struct { size_t channels; uint32_t first; } cases[] = {
		{ 1, 1 << 20 }, { 2, 1 << 20 }, { 3, 1 << 19 },
		{ 4, 1 << 19 }, { 5, 1 << 18 }, { 32, 1 << 16 },
		{ 33, 1 << 15 }, { 128, 1 << 14 }, { 16384, 1 << 14 }
	};
	uint64_t sum = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		window_init(&w, cases[i].channels);
		assert_int_equal(w.left, cases[i].first);
	}
	for (i = 1; i <= 16384; i++) {
		window_init(&w, i);
		sum += w.left;
	}
	assert_in_range(sum, 1, 288 * 1024 * 1024);
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
	assert_int_equal(grown, 1024 * 1024);
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
	assert_int_equal(grown, 0);
	path.slowed = false;
	run(2000000);
	assert_in_range(filled(1000000), 80, 105);
	window_end(&w, &grown);
	assert_int_equal(grown, 0);
}

/* Many channels begin small; one that is used up doubles. */
static void
test_small(void **state)
{
	struct window_view view = { 1, 100, false, false };
	uint32_t n;

	(void)state;
	window_init(&w, 1000);
	for (n = 0; n < 100; n++) {
		view.now += 1000000;	/* however long it took */
		assert_true(window_arrived(&w, w.left));
		if (window_consumed(&w, w.size - w.credit))
			window_grant(&w, &grown, &view);
	}
	assert_int_equal(w.size, WINDOW_SMALL);
}

#define STREAMS 100

/*
 * All of them want the largest: together they get the budget, those that come
 * late too, and all give it back.
 */
static void
test_budget(void **state)
{
	static struct window s[STREAMS];
	struct window_view view = { 1, 100000, false, false };
	size_t i, round, sum;

	(void)state;
	for (round = 0; round < 2000; round++)
		for (i = 0; i < STREAMS && i <= round; i++) {
			if (i == round)
				window_init(&s[i], i + 1);
			view.now += 1;
			assert_true(window_arrived(&s[i], s[i].left / 2));
			if (window_consumed(&s[i], s[i].size / 2))
				window_grant(&s[i], &grown, &view);
			assert_in_range(grown, 0, WINDOW_BUDGET);
		}
	for (i = sum = 0; i < STREAMS; i++)
		sum += s[i].size - s[i].first;
	assert_int_equal(sum, grown);
	assert_in_range(grown, WINDOW_BUDGET / 2, WINDOW_BUDGET);
	for (i = 0; i < STREAMS; i++) {		/* an equal part */
		assert_in_range(s[i].size - s[i].first, WINDOW_BUDGET /
		    (2 * STREAMS), 2 * WINDOW_BUDGET / STREAMS);
		window_end(&s[i], &grown);
	}
	assert_int_equal(grown, 0);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first),
		TEST(test_more_than_granted),
		TEST(test_short_path),
		TEST(test_unknown_path),
		TEST(test_long_path),
		TEST(test_full_path),
		TEST(test_slow_reader),
		TEST(test_path_turns_out_short),
		TEST(test_slowed),
		TEST(test_small),
		TEST(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
