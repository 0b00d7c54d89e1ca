/* SPDX-License-Identifier: ISC */
/*
 * The space for received bytes: streams of packets whose boundaries fall
 * everywhere, of sessions in turn, come out as they went in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/ssh/input.h"

#define SESSIONS 3
#define LARGEST 35000		/* RFC 4253 section 6.1 */

/*
 * One session's stream: packets of a length, in three bytes, and as many
 * bytes that count on.
 */
static struct stream {
	struct input in;
	uint32_t sent, taken;	/* bytes of the stream */
	uint32_t begun;		/* where the packet begins that is sent now */
	size_t size;		/* of that packet */
	unsigned packets;
} streams[SESSIONS];

/* Of all kinds: tiny, full and in between. */
static size_t
size_of(unsigned n)
{
	static const size_t sizes[] = { 4, 32804, 36, 32804, 32804, LARGEST,
	    52, 32804, 1000, 17, 32804, 8192 };

	return sizes[n % (sizeof(sizes) / sizeof(sizes[0]))];
}

static uint8_t
byte_of(const struct stream *s, uint32_t at)
{
	uint32_t in_packet = at - s->begun;

	if (in_packet < 3)
		return (uint8_t)(s->size >> (8 * (2 - in_packet)));
	return (uint8_t)(at * 7 + at / 251);
}

/* n more bytes arrive; false when the space does not take them. */
static bool
arrive(struct stream *s, size_t n)
{
	size_t room, i;
	uint8_t *p = input_space(&s->in, &room);

	if (p == NULL)
		return false;
	assert_in_range(room, INPUT_SIZE - INPUT_KEPT_MAX, INPUT_SIZE);
	n = n < room ? n : room;
	for (i = 0; i < n; i++, s->sent++) {
		while (s->sent - s->begun >= s->size) {
			s->begun = s->sent;
			s->size = size_of(s->packets++);
		}
		p[i] = byte_of(s, s->sent);
	}
	input_added(&s->in, n);
	return true;
}

/* Whole packets are taken one by one, each compared with what was sent. */
static void
take(struct stream *s)
{
	static unsigned char expected[LARGEST];
	size_t n, size, i;
	const uint8_t *p;

	for (;;) {
		p = input_bytes(&s->in, &n);
		assert_int_equal(n, s->sent - s->taken);
		if (n < 3)
			return;
		size = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
		assert_in_range(size, 4, LARGEST);
		if (n < size)
			return;
		for (i = 3; i < size; i++)
			expected[i] = (uint8_t)((s->taken + i) * 7 +
			    (s->taken + i) / 251);
		assert_memory_equal(p + 3, expected + 3, size - 3);
		input_taken(&s->in, size);
		s->taken += (uint32_t)size;
	}
}

static int
setup(void **state)
{
	(void)state;
	memset(streams, 0, sizeof(streams));
	return 0;
}

static int
teardown(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < SESSIONS; i++)
		input_clear(&streams[i].in);
	return 0;
}

/* Every place in a packet is the end of what has arrived, once. */
static void
test_every_boundary(void **state)
{
	size_t cut;

	(void)state;
	for (cut = 1; cut < 33000; cut += cut < 100 || cut > 32700 ? 1 : 97) {
		assert_true(arrive(&streams[0], cut));
		take(&streams[0]);
		assert_true(arrive(&streams[0], INPUT_SIZE - cut));
		take(&streams[0]);
	}
	assert_true(streams[0].taken > 10 * INPUT_SIZE);
}

static void
test_byte_by_byte(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		assert_true(arrive(&streams[0], 1));
		take(&streams[0]);
	}
	assert_in_range(streams[0].taken, 100000 - LARGEST, 100000);
}

/* Sessions that use the space in turn do not see each other's bytes. */
static void
test_in_turn(void **state)
{
	uint32_t n = 1;
	size_t i;

	(void)state;
	for (i = 0; i < 3000; i++) {
		n = n * 1103515245 + 12345;
		assert_true(arrive(&streams[n % SESSIONS], n / 7 % 50000));
		take(&streams[n % SESSIONS]);
		take(&streams[n / 3 % SESSIONS]);
	}
	for (i = 0; i < SESSIONS; i++)
		assert_true(streams[i].taken > 1000000);
}

/* Nothing is kept for a session whose packets were whole. */
static void
test_empty_handed(void **state)
{
	(void)state;
	assert_true(arrive(&streams[0], 4));	/* the first packet */
	take(&streams[0]);
	assert_true(arrive(&streams[1], 4 + 10));
	take(&streams[1]);
	assert_null(streams[0].in.kept);
	assert_true(arrive(&streams[0], 100));
	assert_int_equal(streams[1].in.kept_len, 10);
	assert_null(streams[0].in.kept);
}

static void
test_too_large(void **state)
{
	size_t room;

	(void)state;
	assert_true(arrive(&streams[0], INPUT_KEPT_MAX));
	assert_true(arrive(&streams[0], 1));
	assert_false(arrive(&streams[0], 1));
	assert_true(arrive(&streams[1], 1));	/* others go on */
	assert_null(input_space(&streams[0].in, &room));
}

/* The session that used the space last ends. */
static void
test_owner_ends(void **state)
{
	size_t n;

	(void)state;
	assert_true(arrive(&streams[0], 1000));
	input_clear(&streams[0].in);
	input_bytes(&streams[0].in, &n);
	assert_int_equal(n, 0);
	assert_true(arrive(&streams[1], 1000));
	assert_null(streams[0].in.kept);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_boundary),
		TEST(test_byte_by_byte),
		TEST(test_in_turn),
		TEST(test_empty_handed),
		TEST(test_too_large),
		TEST(test_owner_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
