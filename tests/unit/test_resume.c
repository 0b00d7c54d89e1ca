/* SPDX-License-Identifier: ISC */
/*
 * A session that goes on over other links: whatever breaks, wherever, no byte
 * of its streams is lost or doubled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "orthrus/base/loop.h"
#include "orthrus/relay/relay.h"

#include "resume_fixture.h"

/* --- links that break ------------------------------------------------ */

/* Cuts at random bytes, resume itself included, until all has come. */
static void
cut_until_moved(void)
{
	uint64_t end = clock_ms() + PATIENCE_MS;

	while (server.memory.out_len < SIZE || client.memory.out_len < SIZE) {
		if (clock_ms() > end)
			fail_msg("%zu and %zu came", server.memory.out_len,
			    client.memory.out_len);
		if (cut_link.left == 0 && cut_link.made > cut_link.cuts) {
			cut_link.left = 1 + (size_t)random() %
			    (random() % 3 == 0 ? 300 : 400000);
			cut_link.reset = random() % 2 == 0;
		}
		step();
	}
	cut_link.left = 0;
}

static void
test_random_cuts(void **state)
{
	struct outbound_info info;

	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	give(SIZE, SIZE);
	cut_until_moved();
	assert_all_came(SIZE);
	outbound_info(session, &info);
	assert_in_range(cut_link.cuts, 10, 1000000);
	assert_in_range(info.resumed, 5, cut_link.cuts);
	assert_int_equal(server.up, 1);
	assert_int_equal(client.ended, 0);
	assert_true(info.resent > 0);
}

/* The same while keys are exchanged all the time. */
static void
test_rekeying(void **state)
{
	(void)state;
	rekey_bytes = REKEY_BYTES;
	serve(60000);
	begin(60000);
	until_agreed();
	give(SIZE, SIZE);
	cut_until_moved();
	assert_all_came(SIZE);
	assert_in_range(server.hashes, 4, 1000000);
	assert_int_equal(server.up, 1);
}

/* One side has ended its stream; the other's goes on and ends as well. */
static void
test_half_close(void **state)
{
	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	client.memory.in_end = true;
	give(0, SIZE);
	until(&server.memory.finished, 1);
	cut_link.left = 100000;
	while (client.memory.out_len < SIZE) {
		if (cut_link.left == 0 && cut_link.made > cut_link.cuts)
			cut_link.left = 300000;
		step();
	}
	cut_link.left = 0;
	assert_memory_equal(client.memory.out, download, SIZE);
	cut_link_cut();
	server.memory.in_end = true;
	relay_readable(&server.memory.ep);
	until(&client.memory.closed, 1);
	assert_false(client.memory.aborted);
	assert_int_equal(client.memory.finished, 1);
}

/* Nothing is sent, and then the link is gone: it is noticed, and is back. */
static void
test_idle(void **state)
{
	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	cut_link_cut();
	until(&server.rejoined, 1);
	cut_link_cut();
	until(&server.rejoined, 2);
	give(1000, 1000);
	until_moved(1000);
	assert_all_came(1000);
}

/* Nothing passes, and nobody is told: the probe finds out. */
static void
test_silent_link(void **state)
{
	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	cut_link_deafen();
	give(100000, 100000);
	while (outbound_mux(session) != NULL &&
	    !mux_is_parted(outbound_mux(session)))
		step();
	until(&server.rejoined, 1);
	/* The server still had its link: it gave it up for the new one. */
	assert_int_equal(server.parted, 0);
	until_moved(100000);
	assert_all_came(100000);
}

/* What waits is bounded, and goes on from there. */
static void
test_full_while_parted(void **state)
{
	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	cut_link.refuses = true;
	cut_link_cut();
	until(&server.parted, 1);
	give(SIZE, SIZE);
	until(&cut_link.cuts, 1);
	while (server.in->resume.parted_at + 500 > clock_ms())
		step();
	assert_in_range(connection_unsent(server.in->connection) +
	    connection_kept(server.in->connection), 64 * 1024,
	    4 * 1024 * 1024);
	cut_link.refuses = false;
	until_moved(SIZE);
	assert_all_came(SIZE);
}

static void
test_too_late(void **state)
{
	(void)state;
	serve(700);
	begin(500);
	until_agreed();
	cut_link.refuses = true;
	cut_link_cut();
	until(&client.ended, 1);
	assert_string_equal(client.why, "session lost: its link did not come "
	    "back in time");
	until(&server.ended, 1);
	assert_non_null(strstr(server.why, "did not come back"));
	assert_int_equal(client.memory.closed, 0);
	outbound_free(session);
	session = NULL;
	until(&client.memory.closed, 1);
	assert_true(client.memory.aborted);
}

/* The server ended the session meanwhile, as after a login elsewhere. */
static void
test_ended_meanwhile(void **state)
{
	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	cut_link.refuses = true;
	cut_link_cut();
	until(&server.parted, 1);
	inbound_end(server.in, "displaced");
	until(&server.ended, 1);
	cut_link.refuses = false;
	until(&client.ended, 1);
	assert_non_null(strstr(client.why, "the server has ended the "
	    "session"));
	assert_int_equal(server.penalised, 0);
}

/* Where one side does not want it, a session ends with its link. */
static void
test_not_wanted(void **state)
{
	(void)state;
	serve(60000);
	begin(0);
	give(1000, 1000);
	until_moved(1000);
	cut_link_cut();
	until(&client.ended, 1);
	until(&server.ended, 1);
	assert_int_equal(server.parted, 0);
}

static void
test_not_offered(void **state)
{
	(void)state;
	serve(0);
	begin(60000);
	give(1000, 1000);
	until_moved(1000);
	cut_link_cut();
	until(&client.ended, 1);
	until(&server.ended, 1);
	assert_int_equal(server.parted, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random_cuts),
		TEST(test_rekeying),
		TEST(test_half_close),
		TEST(test_idle),
		TEST(test_silent_link),
		TEST(test_full_while_parted),
		TEST(test_too_late),
		TEST(test_ended_meanwhile),
		TEST(test_not_wanted),
		TEST(test_not_offered),
	};

	return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
