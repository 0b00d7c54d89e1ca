/* SPDX-License-Identifier: ISC */
/*
 * The channel manager against a far end in memory: opening, refusing, global
 * requests, channel numbers, and the session's end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_fixture.h"

/* --- opening ---------------------------------------------------------- */

static void
test_open_tcp(void **state)
{
	static const uint8_t expected[] =
	    "\0\0\0\014direct-tcpip" "\0\0\0\0" "\0\020\0\0" "\0\0\200\0"
	    "\0\0\0\013db.internal\0\0\025\070" "\0\0\0\011127.0.0.1\0\0\0";
	struct address to = { .kind = ADDRESS_TCP, .host = "db.internal",
	    .port = 5432 };
	const struct sent *s;
	struct channel *ch;

	(void)state;
	ch = mux_open(mux, &to, NULL, NULL, NULL);
	s = fake_next();
	assert_int_equal(s->type, MSG_CHANNEL_OPEN);
	assert_int_equal(s->len, sizeof(expected));
	assert_memory_equal(s->p, expected, sizeof(expected));
	channel_cancel(ch);
}

static void
test_open_unix(void **state)
{
	static const char type[] = "direct-streamlocal@openssh.com";
	struct address to = { .kind = ADDRESS_UNIX };
	const struct sent *s;
	struct channel *ch;
	size_t at = 4 + sizeof(type) - 1 + 12;

	(void)state;
	memset(to.path, 'p', sizeof(to.path) - 1);
	to.path[0] = '/';
	ch = mux_open(mux, &to, NULL, NULL, NULL);
	s = fake_next();
	assert_int_equal(s->len, at + 4 + strlen(to.path) + 8);
	assert_memory_equal(s->p + 4, type, sizeof(type) - 1);
	assert_int_equal(sent_u32(s, at), strlen(to.path));
	assert_memory_equal(s->p + at + 4, to.path, strlen(to.path));
	channel_cancel(ch);
}

static void
test_longest_host(void **state)
{
	struct address to = { .kind = ADDRESS_TCP, .port = 65535 };

	(void)state;
	memset(to.host, 'h', sizeof(to.host) - 1);
	channel_cancel(mux_open(mux, &to, NULL, NULL, NULL));
	assert_non_null(fake_next());
	mux_listen(mux, &to, NULL, NULL);
	assert_non_null(fake_next());
	to.kind = ADDRESS_UNIX;
	memset(to.path, 'p', sizeof(to.path) - 1);
	mux_unlisten(mux, &to, NULL, NULL);
	assert_non_null(fake_next());
}

static void
test_open_fails(void **state)
{
	static const struct {
		uint32_t said, heard;
	} reasons[] = { { 1, OPEN_PROHIBITED }, { 2, OPEN_CONNECT_FAILED },
	    { 3, OPEN_UNKNOWN_TYPE }, { 4, OPEN_RESOURCE_SHORTAGE },
	    { 0, OPEN_CONNECT_FAILED }, { 5, OPEN_CONNECT_FAILED },
	    { 0xffffffff, OPEN_CONNECT_FAILED } };
	static struct stream s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		stream_start(&s, 7);
		fake_feed(MSG_CHANNEL_OPEN_FAILURE, "uuss", s.id,
		    reasons[i].said, "no\x1b[2J\nway", "en");
		assert_int_equal(s.opened, 1);
		assert_int_equal(s.reason, reasons[i].heard);
		assert_string_equal(s.text, "no\\x1b[2J\\nway");
		turns();
		assert_int_equal(open_channels(), 0);
	}
	expect_nothing();
	assert_int_equal(violations, 0);
}

static void
test_failure_text_is_bounded(void **state)
{
	char *text = malloc(30000);
	static struct stream s;

	(void)state;
	assert_non_null(text);
	memset(text, '\x01', 29999);
	text[29999] = '\0';
	stream_start(&s, 7);
	fake_feed(MSG_CHANNEL_OPEN_FAILURE, "uuss", s.id, 2, text, "");
	assert_int_equal(s.reason, OPEN_CONNECT_FAILED);
	assert_in_range(strlen(s.text), 100, 255);
	free(text);
}

static void
test_cancel_then_success(void **state)
{
	static struct stream s;

	(void)state;
	stream_start(&s, 7);
	channel_cancel(s.ch);
	expect_nothing();	/* there is no number to send to yet */
	stream_confirm(&s, WINDOW, PACKET);
	expect(MSG_CHANNEL_CLOSE, 7);
	stream_data(&s, 0, 1000);
	fake_feed(MSG_CHANNEL_EOF, "u", s.id);
	assert_int_equal(open_channels(), 1);
	fake_feed(MSG_CHANNEL_CLOSE, "u", s.id);
	turns();
	assert_int_equal(open_channels(), 0);
	assert_int_equal(s.opened, 0);
	expect_nothing();
	assert_int_equal(violations, 0);
}

static void
test_cancel_then_failure(void **state)
{
	static struct stream s;

	(void)state;
	stream_start(&s, 7);
	channel_cancel(s.ch);
	fake_feed(MSG_CHANNEL_OPEN_FAILURE, "uuss", s.id, 2, "", "");
	turns();
	assert_int_equal(open_channels(), 0);
	assert_int_equal(s.opened, 0);
	expect_nothing();
}

/* A tiny packet size would mean a packet for every byte. */
static void
test_confirmed_with_tiny_packets(void **state)
{
	static struct stream s;

	(void)state;
	stream_start(&s, 7);
	stream_confirm(&s, WINDOW, 10);
	assert_int_equal(s.opened, 1);
	assert_int_equal(s.reason, OPEN_CONNECT_FAILED);
	expect(MSG_CHANNEL_CLOSE, 7);
	fake_feed(MSG_CHANNEL_CLOSE, "u", s.id);
	turns();
	assert_int_equal(open_channels(), 0);
	expect_nothing();
}

/* --- incoming --------------------------------------------------------- */

static void
test_incoming_tcp(void **state)
{
	const struct sent *s;

	(void)state;
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", 99, 1000,
	    32768, "localhost", 8080, "10.0.0.1", 4711);
	assert_non_null(incoming);
	assert_int_equal(incoming_listen.kind, ADDRESS_TCP);
	assert_string_equal(incoming_listen.host, "localhost");
	assert_int_equal(incoming_listen.port, 8080);
	expect_nothing();	/* the answer may come later */
	channel_accept(incoming);
	s = expect(MSG_CHANNEL_OPEN_CONFIRMATION, 99);
	assert_int_equal(s->len, 16);
	assert_int_equal(sent_u32(s, 12), 32768);
	channel_endpoint(incoming)->ops->close(channel_endpoint(incoming),
	    false);
	expect(MSG_CHANNEL_CLOSE, 99);
}

static void
test_incoming_unix_refused(void **state)
{
	const struct sent *s;

	(void)state;
	fake_feed(MSG_CHANNEL_OPEN, "suuuss",
	    "forwarded-streamlocal@openssh.com", 5, 1000, 32768,
	    "/run/x.sock", "");
	assert_int_equal(incoming_listen.kind, ADDRESS_UNIX);
	assert_string_equal(incoming_listen.path, "/run/x.sock");
	channel_refuse(incoming, OPEN_CONNECT_FAILED, "nobody there");
	s = expect(MSG_CHANNEL_OPEN_FAILURE, 5);
	assert_int_equal(sent_u32(s, 4), OPEN_CONNECT_FAILED);
	assert_int_equal(sent_u32(s, 8), 12);
	assert_memory_equal(s->p + 12, "nobody there", 12);
	turns();
	assert_int_equal(open_channels(), 0);
}

static void
refused(uint32_t peer, enum open_failure reason)
{
	const struct sent *s = expect(MSG_CHANNEL_OPEN_FAILURE, peer);

	assert_int_equal(sent_u32(s, 4), reason);
	assert_null(incoming);
	assert_int_equal(violations, 0);
	assert_int_equal(open_channels(), 0);
}

static void
test_incoming_never_served(void **state)
{
	char host[300];

	(void)state;
	fake_feed(MSG_CHANNEL_OPEN, "suuu", "session", 1, 1000, 32768);
	refused(1, OPEN_UNKNOWN_TYPE);
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "x11", 2, 1000, 32768, "", 0,
	    "", 0);
	refused(2, OPEN_UNKNOWN_TYPE);
	fake_feed(MSG_CHANNEL_OPEN, "suuu", "forwarded-tcpip", 3, 1000, 32768);
	refused(3, OPEN_PROHIBITED);
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", 4, 1000,
	    32768, "h", 65536, "", 0);
	refused(4, OPEN_PROHIBITED);
	fake_feed(MSG_CHANNEL_OPEN, "suuudusu", "forwarded-tcpip", 5, 1000,
	    32768, "a\0b", (size_t)3, 80, "", 0);
	refused(5, OPEN_PROHIBITED);
	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", 6, 1000,
	    32768, host, 80, "", 0);
	refused(6, OPEN_PROHIBITED);
	fake_feed(MSG_CHANNEL_OPEN, "suuuss",
	    "forwarded-streamlocal@openssh.com", 7, 1000, 32768, host, "");
	refused(7, OPEN_PROHIBITED);
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", 8, 1000,
	    255, "h", 80, "", 0);
	refused(8, OPEN_PROHIBITED);
}

/* --- global requests -------------------------------------------------- */

static struct answer {
	unsigned count;
	enum mux_answer answer;
	bool ok;
	uint16_t port;
} answers[4];

static void
on_answer(void *arg, enum mux_answer answer, uint16_t port)
{
	struct answer *a = arg;

	a->count++;
	a->answer = answer;
	a->ok = answer != MUX_REFUSED;
	a->port = port;
}

static void
test_requests_in_order(void **state)
{
	struct address any = { .kind = ADDRESS_TCP, .host = "*" };
	struct address fixed = { .kind = ADDRESS_TCP, .host = "localhost",
	    .port = 8080 };
	struct address path = { .kind = ADDRESS_UNIX, .path = "/x" };
	const struct sent *s;
	int i;

	(void)state;
	memset(answers, 0, sizeof(answers));
	mux_listen(mux, &any, on_answer, &answers[0]);
	mux_ping(mux, on_answer, &answers[1]);
	mux_listen(mux, &path, on_answer, &answers[2]);
	mux_unlisten(mux, &fixed, on_answer, &answers[3]);

	s = fake_next();
	assert_int_equal(s->type, MSG_GLOBAL_REQUEST);
	assert_memory_equal(s->p,
	    "\0\0\0\015tcpip-forward\1\0\0\0\0\0\0\0\0", 26);
	s = fake_next();
	assert_memory_equal(s->p, "\0\0\0\025keepalive@openssh.com\1", 26);
	assert_int_equal(s->len, 26);
	s = fake_next();
	assert_memory_equal(s->p + 4, "streamlocal-forward@openssh.com\1"
	    "\0\0\0\2/x", 38);
	s = fake_next();
	assert_memory_equal(s->p + 4, "cancel-tcpip-forward\1"
	    "\0\0\0\011localhost\0\0\037\220", 38);

	fake_feed(MSG_REQUEST_SUCCESS, "u", 40000);
	assert_true(answers[0].ok);
	assert_int_equal(answers[0].port, 40000);
	assert_int_equal(answers[1].count, 0);
	fake_feed(MSG_REQUEST_FAILURE, "");
	assert_int_equal(answers[1].count, 1);
	assert_false(answers[1].ok);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	assert_true(answers[2].ok);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	assert_true(answers[3].ok);
	assert_int_equal(answers[3].port, 8080);
	/* One round trip alone is not believed: two more follow. */
	for (i = 0; i < 2; i++) {
		s = fake_next();
		assert_memory_equal(s->p, "\0\0\0\025keepalive@openssh.com\1",
		    26);
		expect_nothing();
		fake_feed(MSG_REQUEST_FAILURE, "");
	}
	expect_nothing();
	assert_int_equal(violations, 0);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	assert_int_equal(violations, 1);
}

/* As OpenSSH's sshd tells that it listens elsewhere than asked. */
static void
test_overridden(void **state)
{
	static const char words[] = "Forwarding listen address "
	    "\"localhost\" overridden by server GatewayPorts";
	struct address at = { .kind = ADDRESS_TCP, .host = "localhost" };
	struct address path = { .kind = ADDRESS_UNIX, .path = "/x" };

	(void)state;
	memset(answers, 0, sizeof(answers));
	fake_feed(MSG_DEBUG, "bss", 0, words, "");	/* nothing was asked */
	mux_ping(mux, on_answer, &answers[0]);
	fake_feed(MSG_DEBUG, "bss", 0, words, "");
	mux_listen(mux, &at, on_answer, &answers[1]);
	mux_listen(mux, &at, on_answer, &answers[2]);
	mux_listen(mux, &path, on_answer, &answers[3]);
	fake_feed(MSG_REQUEST_FAILURE, "");
	fake_feed(MSG_DEBUG, "bss", 1, "something else", "");
	fake_feed(MSG_DEBUG, "b", 1);
	fake_feed(MSG_DEBUG, "");
	fake_feed(MSG_REQUEST_SUCCESS, "u", 40000);
	assert_int_equal(answers[1].answer, MUX_GRANTED);
	fake_feed(MSG_DEBUG, "bss", 0, words, "");
	fake_feed(MSG_REQUEST_SUCCESS, "u", 40001);
	assert_int_equal(answers[2].answer, MUX_OVERRIDDEN);
	assert_int_equal(answers[2].port, 40001);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	assert_int_equal(answers[3].answer, MUX_GRANTED);
	assert_int_equal(violations, 0);
}

static void
test_bad_port_is_a_refusal(void **state)
{
	struct address any = { .kind = ADDRESS_TCP, .host = "localhost" };

	(void)state;
	memset(answers, 0, sizeof(answers));
	mux_listen(mux, &any, on_answer, &answers[0]);
	mux_listen(mux, &any, on_answer, &answers[1]);
	mux_listen(mux, &any, on_answer, &answers[2]);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	fake_feed(MSG_REQUEST_SUCCESS, "u", 0);
	fake_feed(MSG_REQUEST_SUCCESS, "u", 65536);
	assert_true(answers[0].count == 1 && !answers[0].ok);
	assert_true(answers[1].count == 1 && !answers[1].ok);
	assert_true(answers[2].count == 1 && !answers[2].ok);
	assert_int_equal(violations, 0);
}

/* Forgotten, but its answer is still taken for its own. */
static void
test_forget(void **state)
{
	(void)state;
	memset(answers, 0, sizeof(answers));
	mux_ping(mux, on_answer, &answers[0]);
	mux_ping(mux, on_answer, &answers[1]);
	mux_forget(mux, &answers[0]);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	assert_int_equal(answers[0].count + answers[1].count, 0);
	fake_feed(MSG_REQUEST_FAILURE, "");
	assert_int_equal(answers[1].count, 1);
	assert_int_equal(answers[0].count, 0);
}

static void
test_their_requests(void **state)
{
	(void)state;
	fake_feed(MSG_GLOBAL_REQUEST, "sb", "keepalive@openssh.com", 1);
	assert_int_equal(fake_next()->type, MSG_REQUEST_FAILURE);
	fake_feed(MSG_GLOBAL_REQUEST, "sbd", "hostkeys-00@openssh.com", 0,
	    "key", (size_t)3);
	fake_feed(MSG_GLOBAL_REQUEST, "");
	fake_feed(MSG_GLOBAL_REQUEST, "u", 0xffffffff);
	expect_nothing();
	assert_int_equal(violations, 0);
}

/* --- breaking the protocol -------------------------------------------- */

static void
test_unknown_channels(void **state)
{
	static const uint8_t types[] = { MSG_CHANNEL_OPEN_CONFIRMATION,
	    MSG_CHANNEL_OPEN_FAILURE, MSG_CHANNEL_WINDOW_ADJUST,
	    MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA, MSG_CHANNEL_EOF,
	    MSG_CHANNEL_CLOSE, MSG_CHANNEL_REQUEST, MSG_CHANNEL_SUCCESS,
	    MSG_CHANNEL_FAILURE };
	static const uint32_t ids[] = { 0, 1, 15, 16, 0x7fffffff, 0xffffffff };
	size_t i, j;

	for (i = 0; i < sizeof(types); i++)
		for (j = 0; j < sizeof(ids) / sizeof(ids[0]); j++) {
			fake_feed(types[i], "uuuss", ids[j], 0, 0, "", "");
			assert_int_equal(violations, 1);
			mux_teardown(state);
			mux_setup(state);
		}
	fake_feed(MSG_CHANNEL_DATA, "");
	assert_int_equal(violations, 1);
	/* After the first nothing is heard or sent any more. */
	fake_feed(MSG_CHANNEL_DATA, "");
	fake_feed(MSG_GLOBAL_REQUEST, "sb", "keepalive@openssh.com", 1);
	assert_int_equal(violations, 1);
	expect_nothing();
}

/* Messages for a channel that has not been opened, or not yet. */
static void
test_wrong_state(void **state)
{
	static const uint8_t types[] = { MSG_CHANNEL_WINDOW_ADJUST,
	    MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA, MSG_CHANNEL_EOF,
	    MSG_CHANNEL_CLOSE, MSG_CHANNEL_REQUEST, MSG_CHANNEL_SUCCESS,
	    MSG_CHANNEL_FAILURE };
	static struct stream s;
	size_t i;

	for (i = 0; i < sizeof(types); i++) {
		stream_start(&s, 7);
		fake_feed(types[i], "uuss", s.id, 0, "", "");
		assert_int_equal(violations, 1);
		expect_nothing();
		mux_teardown(state);
		mux_setup(state);
	}
	stream_open(&s, 7);
	stream_confirm(&s, WINDOW, PACKET);
	assert_int_equal(violations, 1);
	mux_teardown(state);
	stream_release(&s);
	mux_setup(state);
	stream_open(&s, 7);
	fake_feed(MSG_CHANNEL_OPEN_FAILURE, "uuss", s.id, 2, "", "");
	assert_int_equal(violations, 1);
	mux_teardown(state);
	stream_release(&s);
	mux_setup(state);
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", 99, 1000,
	    32768, "localhost", 8080, "", 0);
	fake_feed(MSG_CHANNEL_OPEN_CONFIRMATION, "uuuu", 0, 1, 1, 32768);
	assert_int_equal(violations, 1);
}

/* --- numbers ---------------------------------------------------------- */

static void
test_number_is_free_after_both_closes(void **state)
{
	static struct stream s, t;

	(void)state;
	stream_open(&s, 7);
	relay_abort(s.relay);
	expect(MSG_CHANNEL_CLOSE, 7);
	turns();
	stream_start(&t, 8);
	assert_int_not_equal(t.id, s.id);	/* theirs is still to come */
	channel_cancel(t.ch);
	fake_feed(MSG_CHANNEL_OPEN_FAILURE, "uuss", t.id, 2, "", "");
	fake_feed(MSG_CHANNEL_CLOSE, "u", s.id);
	turns();
	assert_int_equal(open_channels(), 0);
	fake_feed(MSG_CHANNEL_CLOSE, "u", s.id);
	assert_int_equal(violations, 1);
	stream_release(&s);
}

static void
test_ten_thousand(void **state)
{
	enum { N = 10000 };
	struct stream *s = calloc(N, sizeof(*s));
	uint32_t i;

	(void)state;
	assert_non_null(s);
	for (i = 0; i < N; i++)
		stream_start(&s[i], i + 1000000);
	assert_int_equal(open_channels(), N);
	for (i = N; i-- > 0;)
		stream_confirm(&s[i], WINDOW, PACKET);
	for (i = 0; i < N; i++) {
		fake_feed(MSG_CHANNEL_DATA, "ud", s[i].id, pattern_from(0),
		    (size_t)60);
		assert_pattern(&s[i].local, 60);
		fake_feed(MSG_CHANNEL_EOF, "u", s[i].id);
		s[i].local.in_end = true;
	}
	expect_nothing();
	turns();
	for (i = 0; i < N; i++)
		assert_int_equal(s[i].local.finished, 1);
	for (i = 0; i < N; i++) {
		memory_step(&s[i].local);
		expect(MSG_CHANNEL_EOF, s[i].peer);
		expect(MSG_CHANNEL_CLOSE, s[i].peer);
		fake_feed(MSG_CHANNEL_CLOSE, "u", s[i].id);
		assert_int_equal(s[i].done, 1);
		stream_release(&s[i]);
	}
	turns();
	assert_int_equal(open_channels(), 0);
	expect_nothing();
	free(s);
}

static void
test_too_many(void **state)
{
	struct address to = { .kind = ADDRESS_TCP, .host = "h", .port = 1 };
	struct mux_counters c;
	uint64_t windows = 0;
	unsigned i;

	(void)state;
	for (i = 0; i < MUX_CHANNELS_MAX; i++) {
		channel_cancel(mux_open(mux, &to, NULL, NULL, NULL));
		windows += sent_u32(fake_next(), 20);
	}
	assert_null(mux_open(mux, &to, NULL, NULL, NULL));
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", 9, 1000,
	    32768, "localhost", 8080, "", 0);
	assert_null(incoming);
	assert_int_equal(sent_u32(expect(MSG_CHANNEL_OPEN_FAILURE, 9), 4),
	    OPEN_RESOURCE_SHORTAGE);
	mux_counters(mux, &c);
	assert_int_equal(c.open, MUX_CHANNELS_MAX);
	/* All that could arrive unread is within one account. */
	assert_in_range(windows, 1, ACCOUNT_MAX);
}

/* --- the session's end ------------------------------------------------ */

static void
on_gone(void *arg)
{
	++*(unsigned *)arg;
}

static void
test_end_tells_all(void **state)
{
	static struct stream opening, cancelled;
	unsigned gone = 0;

	(void)state;
	memset(answers, 0, sizeof(answers));
	stream_start(&opening, 1);
	stream_start(&cancelled, 2);
	channel_cancel(cancelled.ch);
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", 99, 1000,
	    32768, "localhost", 8080, "", 0);
	channel_on_gone(incoming, on_gone, &gone);
	mux_ping(mux, on_answer, &answers[0]);
	assert_non_null(fake_next());
	mux_free(mux);
	mux = NULL;
	assert_int_equal(opening.opened, 1);
	assert_int_equal(opening.reason, OPEN_CONNECT_FAILED);
	assert_int_equal(cancelled.opened, 0);
	assert_int_equal(gone, 1);
	assert_true(answers[0].count == 1 && !answers[0].ok);
	expect_nothing();
}

/* What has arrived is delivered, to however slow a reader; then it breaks. */
static void
end_with_pending(size_t n, size_t piece)
{
	static struct stream s;
	size_t i;

	stream_open(&s, 7);
	/* Let its window grow first. */
	for (i = 0; i < 6 * 1024 * 1024; i += PACKET)
		stream_data(&s, i, PACKET);
	turns();
	memory_free(&s.local);
	s.local.out_len = 0;
	s.local.room = 0;
	stream_data(&s, 0, n);
	assert_int_equal(violations, 0);
	mux_free(mux);
	mux = NULL;
	while (s.done == 0 && s.local.out_len < n) {
		i = s.local.out_len;
		s.local.room = piece;
		while (memory_step(&s.local))
			;
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (s.local.out_len == i)
			break;
	}
	s.local.room = SIZE_MAX;
	while (memory_step(&s.local))
		;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_pattern(&s.local, n);
	assert_int_equal(s.done, 1);
	assert_true(s.local.aborted);
	assert_int_equal(s.local.finished, 0);
	stream_release(&s);
}

static void
test_end_with_pending_slow(void **state)
{
	(void)state;
	end_with_pending(1000000, 7777);
}

static void
test_end_with_pending_quick(void **state)
{
	(void)state;
	end_with_pending(1000000, SIZE_MAX);
}

static void
test_end_with_one_quantum(void **state)
{
	(void)state;
	end_with_pending(RELAY_QUANTUM, SIZE_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, mux_setup, mux_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open_tcp),
		TEST(test_open_unix),
		TEST(test_longest_host),
		TEST(test_open_fails),
		TEST(test_failure_text_is_bounded),
		TEST(test_cancel_then_success),
		TEST(test_cancel_then_failure),
		TEST(test_confirmed_with_tiny_packets),
		TEST(test_incoming_tcp),
		TEST(test_incoming_unix_refused),
		TEST(test_incoming_never_served),
		TEST(test_requests_in_order),
		TEST(test_overridden),
		TEST(test_bad_port_is_a_refusal),
		TEST(test_forget),
		TEST(test_their_requests),
		TEST(test_unknown_channels),
		TEST(test_wrong_state),
		TEST(test_number_is_free_after_both_closes),
		TEST(test_ten_thousand),
		TEST(test_too_many),
		TEST(test_end_tells_all),
		TEST(test_end_with_pending_slow),
		TEST(test_end_with_pending_quick),
		TEST(test_end_with_one_quantum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
