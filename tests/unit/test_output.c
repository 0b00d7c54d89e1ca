/* SPDX-License-Identifier: ISC */
/*
 * How much streams may send, with packets in memory and a socket as the
 * carrier.
 */
#include <sys/socket.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "orthrus/base/budget.h"
#include "orthrus/relay/relay.h"

#include "../../src/ssh/carrier.h"
#include "../../src/ssh/output.h"
#include "../../src/ssh/packet.h"

#define HIGH (128 * 1024)	/* unsent, from which streams wait */
#define PACKET 32768

static struct packet_tap { int unused; } tap;
static struct output out;
static uint8_t bytes[8 * 1024 * 1024];
static size_t unsent, kept;
static int far_end;
static bool keeps;

/* --- what packet.c does ----------------------------------------------- */

int
packet_send(struct packet_tap *t, const struct iovec *iov, int n)
{
	(void)t;
	assert_int_equal(n, 1);
	if (keeps)
		return 1;
	unsent += iov->iov_len;
	assert_in_range(unsent, 1, sizeof(bytes));
	return 0;
}

const uint8_t *
packet_unsent(const struct packet_tap *t, size_t *n)
{
	(void)t;
	*n = unsent;
	return bytes;
}

void
packet_sent(struct packet_tap *t, size_t n)
{
	(void)t;
	assert_in_range(n, 1, unsent);
	unsent -= n;
}

bool
packet_waits(const struct packet_tap *t)
{
	(void)t;
	return unsent > 0;
}

size_t
packet_backlog(const struct packet_tap *t)
{
	(void)t;
	return unsent;
}

void
packet_keep(struct packet_tap *t, bool keep)
{
	(void)t;
	if (!keep)
		kept = 0;
}

size_t
packet_kept(const struct packet_tap *t)
{
	(void)t;
	return kept;
}

/* --- the carrier ------------------------------------------------------ */

static struct carrier carrier;
static int near_end;		/* -1: it takes nothing now */

ssize_t
carrier_write(struct carrier *k, const uint8_t *p, size_t n)
{
	assert_ptr_equal(k, &carrier);
	if (near_end != -1)
		return send(near_end, p, n, MSG_NOSIGNAL);
	errno = EAGAIN;
	return -1;
}

bool
carrier_holds_output(const struct carrier *k)
{
	assert_ptr_equal(k, &carrier);
	return false;
}

static int
setup(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fds), 0);
	out = (struct output){ .tap = &tap, .carrier = &carrier };
	near_end = fds[0];
	far_end = fds[1];
	unsent = kept = 0;
	keeps = false;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	close(near_end);
	close(far_end);
	return 0;
}

static void
put(size_t n)
{
	struct iovec iov = { bytes, n };
	const char *why;

	assert_int_equal(output_send(&out, &iov, 1, &why), 0);
}

static void
far_end_reads(void)
{
	static uint8_t buf[1024 * 1024];

	while (read(far_end, buf, sizeof(buf)) > 0)
		;
}

/* Takes all that comes, packet by packet. */
static void
flow(size_t n)
{
	for (; n >= PACKET; n -= PACKET) {
		put(PACKET);
		assert_int_equal(output_flush(&out), 0);
		far_end_reads();
	}
}

/* Until the carrier takes no more; something is left. */
static void
fill(void)
{
	do
		put(PACKET);
	while (output_flush(&out) == 0);
	assert_in_range(unsent, 1, PACKET);
}

/* --- tests ------------------------------------------------------------ */

static void
test_room_up_to_the_mark(void **state)
{
	int end = near_end;

	(void)state;
	near_end = -1;			/* nothing leaves */
	assert_int_equal(output_room(&out), HIGH);
	put(HIGH / 4);
	assert_int_equal(output_room(&out), HIGH * 3 / 4);
	put(HIGH * 3 / 4 - 1);
	assert_int_equal(output_room(&out), PACKET);	/* no crumbs */
	put(1);
	assert_int_equal(output_room(&out), 0);
	put(PACKET);
	assert_int_equal(output_room(&out), 0);
	near_end = end;		/* it is asked before that is said */
	assert_int_equal(output_room(&out), HIGH);
	assert_int_equal(unsent, 0);
}

/* A carrier that takes all that comes gets large pieces, until it is full. */
static void
test_room_for_a_quick_carrier(void **state)
{
	(void)state;
	flow(3 * 1024 * 1024);
	assert_int_equal(output_room(&out), HIGH);
	flow(2 * 1024 * 1024);
	assert_int_equal(output_room(&out), RELAY_QUANTUM);
	put(PACKET);
	assert_int_equal(output_room(&out), RELAY_QUANTUM);
	fill();
	assert_int_equal(output_room(&out), HIGH - unsent);
	far_end_reads();
	assert_int_equal(output_flush(&out), 0);
	assert_int_equal(output_room(&out), HIGH);	/* not so soon again */
	far_end_reads();
	flow(5 * 1024 * 1024);
	assert_int_equal(output_room(&out), RELAY_QUANTUM);
}

static void
test_no_room_without_keys(void **state)
{
	struct iovec iov = { bytes, 100 };
	const char *why;

	(void)state;
	keeps = true;
	assert_int_equal(output_send(&out, &iov, 1, &why), 1);
	assert_int_equal(output_room(&out), 0);
	output_has_keys(&out);
	assert_int_equal(output_room(&out), HIGH);
}

/* Input of one that is frugal waits sooner; its streams do not. */
static void
test_frugal(void **state)
{
	struct iovec iov = { bytes, 100 };
	const char *why = NULL;
	int i;

	(void)state;
	near_end = -1;
	put(OUTPUT_FRUGAL);
	assert_false(output_flooded(&out));
	out.frugal = true;
	assert_true(output_flooded(&out));
	assert_int_equal(output_unsent(&out), OUTPUT_FRUGAL);
	unsent = 0;
	assert_false(output_flooded(&out));
	assert_int_equal(output_room(&out), HIGH);
	keeps = true;
	for (i = 0; i < 10000 && why == NULL; i++)
		if (output_send(&out, &iov, 1, &why) == -1)
			assert_non_null(why);
	assert_in_range(output_unsent(&out), OUTPUT_FRUGAL,
	    OUTPUT_FRUGAL + 1024);
}

static void
test_broken_carrier(void **state)
{
	(void)state;
	close(far_end);
	far_end = -1;
	put(PACKET);
	assert_int_equal(output_flush(&out), -1);
	assert_int_equal(output_room(&out), HIGH - PACKET);
}

/* What is not acknowledged bounds what streams may send. */
static void
test_kept(void **state)
{
	(void)state;
	output_keep(&out, NULL);
	assert_int_equal(output_room(&out), HIGH);
	kept = OUTPUT_KEPT_MAX - 256 * 1024 - 40000;
	assert_int_equal(output_room(&out), 40000);
	kept += 40000 - PACKET + 1;
	assert_int_equal(output_room(&out), 0);
	kept = 0;
	assert_int_equal(output_room(&out), HIGH);
	/* A quick link does not make it more. */
	flow(5 * 1024 * 1024);
	assert_int_equal(output_room(&out), RELAY_QUANTUM);
	kept = OUTPUT_KEPT_MAX - 256 * 1024 - 40000;
	assert_int_equal(output_room(&out), 40000);
	output_keep_no_more(&out);
	assert_int_equal(output_room(&out), RELAY_QUANTUM);
}

/* Whoever has as much as is left of the memory waits; all have a little. */
static void
test_kept_of_several(void **state)
{
	struct budget memory;
	const char *why;
	struct iovec iov = { bytes, 100 };

	(void)state;
	budget_init(&memory, NULL, 1000000);
	output_keep(&out, &memory);
	kept = 400000;
	assert_int_equal(output_room(&out), HIGH);
	assert_int_equal(memory.used, 400000);
	kept = 500000;
	assert_int_equal(output_room(&out), 0);
	budget_charge(&memory, 480000);
	kept = 20000;
	output_note_kept(&out);
	assert_int_equal(output_room(&out), HIGH);
	budget_charge(&memory, 600000);
	assert_int_equal(output_room(&out), 64 * 1024 - 20000);
	kept = 40000;
	assert_int_equal(output_room(&out), 0);
	assert_int_equal(output_send(&out, &iov, 1, &why), 0);
	kept = 2 * OUTPUT_KEPT_MAX + 1;
	assert_int_equal(output_send(&out, &iov, 1, &why), -1);
	output_keep_no_more(&out);
	assert_int_equal(memory.used, 1080000);
}

/* Before the login input stops much sooner. */
static void
test_strangers(void **state)
{
	(void)state;
	out.stranger = true;
	put(16 * 1024 - 1);
	assert_false(output_flooded(&out));
	put(1);
	assert_true(output_flooded(&out));
	out.stranger = false;		/* he has logged in */
	assert_false(output_flooded(&out));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_room_up_to_the_mark),
		TEST(test_room_for_a_quick_carrier),
		TEST(test_no_room_without_keys),
		TEST(test_frugal),
		TEST(test_broken_carrier),
		TEST(test_kept),
		TEST(test_kept_of_several),
		TEST(test_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
