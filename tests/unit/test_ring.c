/* SPDX-License-Identifier: ISC */
/* What a connection sends and keeps, against the plain stream of its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/ssh/ring.h"

/* The byte at each position of the stream. */
static uint8_t
byte_at(uint64_t position)
{
	return (uint8_t)(position * 31 + (position >> 8) * 7);
}

static void
add(struct ring *r, size_t n)
{
	uint8_t *p = malloc(n + 1);
	size_t i;

	assert_non_null(p);
	for (i = 0; i < n; i++)
		p[i] = byte_at(r->end + i);
	ring_add(r, p, n);
	free(p);
}

/* Sends up to n bytes, which must be those of the stream. */
static void
send_some(struct ring *r, size_t n)
{
	const uint8_t *p;
	size_t piece, i;

	while (n > 0 && (p = ring_unsent(r, &piece)) != NULL) {
		if (piece > n)
			piece = n;
		for (i = 0; i < piece; i++)
			assert_int_equal(p[i], byte_at(r->sent + i));
		ring_sent(r, piece);
		n -= piece;
	}
}

static void
test_keeps_nothing(void **state)
{
	struct ring r = { 0 };
	size_t n;

	(void)state;
	assert_null(ring_unsent(&r, &n));
	assert_int_equal(n, 0);
	add(&r, 1000);
	send_some(&r, 300);
	assert_int_equal(ring_backlog(&r), 700);
	assert_int_equal(ring_kept(&r), 0);
	add(&r, 5000);
	send_some(&r, SIZE_MAX);
	assert_int_equal(ring_backlog(&r), 0);
	assert_null(r.data);		/* a session without output has none */
	assert_false(ring_rewind(&r, 5999));
	assert_true(ring_rewind(&r, 6000));
	ring_clear(&r);
}

static void
test_keeps_until_acknowledged(void **state)
{
	struct ring r = { 0 };

	(void)state;
	add(&r, 100);
	send_some(&r, 100);
	ring_keep(&r, true);
	add(&r, 1000);
	send_some(&r, 600);
	assert_int_equal(ring_kept(&r), 600);
	assert_false(ring_rewind(&r, 99));	/* that is gone */
	assert_false(ring_rewind(&r, 701));	/* that was never sent */
	assert_true(ring_acknowledged(&r, 300));
	assert_int_equal(ring_kept(&r), 400);
	assert_true(ring_acknowledged(&r, 200));	/* late, and no news */
	assert_int_equal(ring_kept(&r), 400);
	assert_false(ring_has(&r, 299));
	assert_true(ring_rewind(&r, 300));
	assert_int_equal(ring_backlog(&r), 800);
	send_some(&r, SIZE_MAX);
	assert_false(ring_acknowledged(&r, 1101));	/* there is no such */
	assert_true(ring_acknowledged(&r, 1100));
	assert_null(r.data);
	ring_clear(&r);
}

/* What a peer had before is acknowledged while it is sent again. */
static void
test_acknowledged_beyond_rewind(void **state)
{
	struct ring r = { 0 };

	(void)state;
	ring_keep(&r, true);
	add(&r, 1000);
	send_some(&r, SIZE_MAX);
	assert_true(ring_rewind(&r, 400));
	send_some(&r, 100);
	assert_true(ring_acknowledged(&r, 900));
	assert_int_equal(r.sent, 500);
	assert_int_equal(ring_backlog(&r), 500);
	send_some(&r, SIZE_MAX);
	assert_int_equal(ring_kept(&r), 500);
	ring_clear(&r);
}

static void
test_no_more(void **state)
{
	struct ring r = { 0 };

	(void)state;
	ring_keep(&r, true);
	add(&r, 3000);
	send_some(&r, 2000);
	ring_keep(&r, false);
	assert_int_equal(ring_kept(&r), 0);
	send_some(&r, SIZE_MAX);
	assert_null(r.data);
	ring_clear(&r);
}

/* After bulk a session that says little has little memory. */
static void
test_quiet_is_small(void **state)
{
	struct ring r = { 0 };

	(void)state;
	ring_keep(&r, true);
	add(&r, 2 * 1024 * 1024);
	send_some(&r, SIZE_MAX);
	add(&r, 80);
	send_some(&r, SIZE_MAX);
	assert_true(ring_acknowledged(&r, 2 * 1024 * 1024));
	assert_in_range(r.size, 80, 512);
	assert_true(ring_rewind(&r, 2 * 1024 * 1024));
	send_some(&r, SIZE_MAX);
	ring_clear(&r);
}

/* Links break at random, with any of it sent and any of that received. */
static void
test_random(void **state)
{
	struct ring r = { 0 };
	unsigned i;

	(void)state;
	srandom(7);
	ring_keep(&r, true);
	for (i = 0; i < 20000; i++) {
		add(&r, (size_t)random() % (random() % 8 == 0 ? 40000 : 900));
		send_some(&r, (size_t)random() % 40000);
		assert_true(ring_acknowledged(&r, r.first +
		    (uint64_t)random() % (ring_kept(&r) + 1)));
		if (random() % 5 == 0)
			assert_true(ring_rewind(&r, r.first +
			    (uint64_t)random() % (ring_kept(&r) + 1)));
		if (random() % 50 == 0) {
			send_some(&r, SIZE_MAX);
			assert_true(ring_acknowledged(&r, r.end));
		}
		assert_true(r.end - r.first <= r.size || r.data == NULL);
	}
	ring_clear(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_nothing),
		cmocka_unit_test(test_keeps_until_acknowledged),
		cmocka_unit_test(test_acknowledged_beyond_rewind),
		cmocka_unit_test(test_no_more),
		cmocka_unit_test(test_quiet_is_small),
		cmocka_unit_test(test_random)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
