/* SPDX-License-Identifier: ISC */
/*
 * In whose account a mux and its channels are counted, and what happens when
 * that is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/ssh/output.h"
#include "mux_fixture.h"

static struct account account, other;
static struct stream one;
static unsigned fulls;

static void
on_forwarded(void *arg, struct channel *ch, const struct address *listen)
{
	(void)arg;
	(void)listen;
	incoming = ch;
}

static void
on_full(void *arg)
{
	assert_ptr_equal(arg, &mux);
	fulls++;
}

static int
setup(void **state)
{
	static const struct mux_service service = {
		.forwarded = on_forwarded, .full = on_full
	};

	account_init(&account, NULL);
	account_init(&other, NULL);
	fulls = 0;
	mux_setup(state);
	mux_serve(mux, &service, &mux);
	mux_set_account(mux, &account);
	return 0;
}

static int
teardown(void **state)
{
	mux_teardown(state);
	assert_true(account_is_idle(&account));
	assert_true(account_is_idle(&other));
	return 0;
}

static void
they_open(void)
{
	incoming = NULL;
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", 9, 1000,
	    PACKET, "localhost", 8080, "", 0);
}

/* A window is promised; what comes is held until it is taken. */
static void
test_promised_and_held(void **state)
{
	size_t promised, held;

	(void)state;
	stream_open(&one, 7);
	promised = account.promised.used;
	held = account.held.used;
	assert_in_range(promised, one.granted, one.granted + 512 * 1024);
	one.local.room = 0;
	stream_data(&one, 0, 100000);
	turns();
	assert_int_equal(account.promised.used, promised);
	assert_in_range(account.held.used - held, 100000, one.granted);
	one.local.room = SIZE_MAX;
	memory_step(&one.local);
	turns();
	assert_int_equal(account.held.used, held);
	mux_teardown(state);
	stream_release(&one);
	assert_true(account_is_idle(&account));
	mux_setup(state);
}

/* The session ends, and its reader has not come so far. */
static void
test_held_for_a_reader(void **state)
{
	(void)state;
	stream_open(&one, 7);
	one.local.room = 0;
	stream_data(&one, 0, 100000);
	turns();
	mux_free(mux);
	mux = NULL;
	assert_int_equal(one.done, 0);
	assert_in_range(account.held.used, 100000, 1024 * 1024);
	assert_in_range(account.promised.used, 100000, 1024 * 1024);
	stream_release(&one);
}

/* Nothing of what the peer sends behind its end, or ours, is kept. */
static void
test_ends(void **state)
{
	size_t before = account.promised.used, with;

	(void)state;
	stream_open(&one, 7);
	with = account.promised.used;
	fake_feed(MSG_CHANNEL_EOF, "u", one.id);
	assert_int_equal(account.promised.used, with - one.granted);
	turns();
	fake_feed(MSG_CHANNEL_CLOSE, "u", one.id);
	turns();
	stream_release(&one);
	turns();
	assert_int_equal(account.promised.used, before);
}

static void
test_another_pays(void **state)
{
	struct address at = { .kind = ADDRESS_TCP, .host = "h", .port = 1 };
	size_t before = account.promised.used;
	struct channel *ch;

	(void)state;
	ch = mux_open_forwarded(mux, &at, &other, NULL, NULL);
	assert_non_null(ch);
	assert_int_equal(account.promised.used, before);
	assert_in_range(other.promised.used, WINDOW_FIRST_MOST, ACCOUNT_MAX);
	assert_int_equal(other.streams, 1);
	channel_cancel(ch);
	account_charge(&other, account_left(&other));
	assert_null(mux_open_forwarded(mux, &at, &other, NULL, NULL));
	ch = mux_open_forwarded(mux, &at, NULL, NULL, NULL);
	assert_non_null(ch);
	channel_cancel(ch);
	mux_free(mux);
	mux = NULL;
	account_give(&other, other.held.used);
}

static void
test_full(void **state)
{
	struct address at = { .kind = ADDRESS_TCP, .host = "h", .port = 1 };
	size_t left = account_left(&account);

	(void)state;
	account_charge(&account, left);
	assert_null(mux_open(mux, &at, NULL, NULL, NULL));
	they_open();
	assert_null(incoming);
	assert_int_equal(fulls, 1);
	assert_int_equal(sent_u32(expect(MSG_CHANNEL_OPEN_FAILURE, 9), 4),
	    OPEN_RESOURCE_SHORTAGE);
	account_give(&account, left);
	they_open();
	assert_non_null(incoming);
	channel_refuse(incoming, OPEN_PROHIBITED, "no");
	expect(MSG_CHANNEL_OPEN_FAILURE, 9);
	turns();
	assert_int_equal(fulls, 1);
}

/* What is not sent counts, beyond what each session may leave so. */
static void
test_unsent(void **state)
{
	size_t before = account.promised.used, held = account.held.used;
	unsigned i;

	(void)state;
	fake.stalled = true;
	for (i = 0; i < 10000; i++)
		fake_feed(MSG_GLOBAL_REQUEST, "sb", "x", 1);
	mux_turn(mux);
	assert_int_equal(account.held.used - held, fake_pending());
	assert_int_equal(account.promised.used - before,
	    fake_pending() - OUTPUT_FRUGAL);
	fake_drain(fake_pending());
	mux_turn(mux);
	assert_int_equal(account.held.used, held);
	assert_int_equal(account.promised.used, before);
	fake.stalled = false;
}

/* What was unsent at the login moves with the session. */
static void
test_unsent_before(void **state)
{
	unsigned i;

	(void)state;
	mux_teardown(state);
	mux_setup(state);
	fake.stalled = true;
	for (i = 0; i < 10000; i++)
		fake_feed(MSG_GLOBAL_REQUEST, "sb", "x", 1);
	mux_turn(mux);
	mux_set_account(mux, &account);
	fake_drain(fake_pending());
	mux_turn(mux);
	fake.stalled = false;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_promised_and_held),
		TEST(test_held_for_a_reader),
		TEST(test_ends),
		TEST(test_another_pays),
		TEST(test_full),
		TEST(test_unsent),
		TEST(test_unsent_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
