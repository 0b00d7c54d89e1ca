/* SPDX-License-Identifier: ISC */
/*
 * Listeners that a client asks a server for, channels to what it listens on,
 * and subsystems, asked for by a client.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_fixture.h"

#define FLOOD (2 * 1024 * 1024)	/* of answers that may wait for new keys */

static struct {
	unsigned count;
	struct address at;
	bool cancel, answer;
	uint16_t port;		/* that was chosen */
} listening;

static bool
on_listen(void *arg, const struct address *at, bool cancel, uint16_t *port)
{
	assert_ptr_equal(arg, &mux);
	listening.count++;
	listening.at = *at;
	listening.cancel = cancel;
	assert_int_equal(*port, at->port);
	*port = listening.port;
	return listening.answer;
}

static void
on_direct(void *arg, struct channel *ch, const struct address *to)
{
	(void)arg;
	(void)to;
	channel_refuse(ch, OPEN_PROHIBITED, "no");
}

static void
on_session(void *arg, struct channel *ch)
{
	(void)arg;
	channel_refuse(ch, OPEN_PROHIBITED, "no");
}

static int
setup_server(void **state)
{
	static const struct mux_service service = {
		NULL, on_direct, on_session, on_listen, NULL
	};

	mux_setup(state);
	mux_serve(mux, &service, &mux);
	memset(&listening, 0, sizeof(listening));
	return 0;
}

/* --- listeners ---------------------------------------------------- */

static const struct sent *
expect_answer(uint8_t type, size_t len)
{
	const struct sent *s = fake_next();

	assert_non_null(s);
	assert_int_equal(s->type, type);
	assert_int_equal(s->len, len);
	return s;
}

static void
test_listen(void **state)
{
	(void)state;
	listening.answer = true;
	listening.port = 8080;
	fake_feed(MSG_GLOBAL_REQUEST, "sbsu", "tcpip-forward", 1, "", 8080);
	assert_int_equal(listening.at.kind, ADDRESS_TCP);
	assert_string_equal(listening.at.host, "");
	assert_int_equal(listening.at.port, 8080);
	assert_false(listening.cancel);
	expect_answer(MSG_REQUEST_SUCCESS, 0);
	fake_feed(MSG_GLOBAL_REQUEST, "sbsu", "cancel-tcpip-forward", 1, "x",
	    8080);
	assert_true(listening.cancel);
	assert_string_equal(listening.at.host, "x");
	expect_answer(MSG_REQUEST_SUCCESS, 0);
	listening.port = 0;
	fake_feed(MSG_GLOBAL_REQUEST, "sbs", "streamlocal-forward@openssh.com",
	    1, "/web-1/80.sock");
	assert_int_equal(listening.at.kind, ADDRESS_UNIX);
	assert_string_equal(listening.at.path, "/web-1/80.sock");
	expect_answer(MSG_REQUEST_SUCCESS, 0);
	fake_feed(MSG_GLOBAL_REQUEST, "sbs",
	    "cancel-streamlocal-forward@openssh.com", 1, "/web-1/80.sock");
	assert_true(listening.cancel);
	expect_answer(MSG_REQUEST_SUCCESS, 0);
	assert_int_equal(listening.count, 4);
}

/* Only a port that was left to us is told, RFC 4254 section 7.1. */
static void
test_listen_on_any_port(void **state)
{
	const struct sent *s;

	(void)state;
	listening.answer = true;
	listening.port = 49152;
	fake_feed(MSG_GLOBAL_REQUEST, "sbsu", "tcpip-forward", 1, "", 0);
	s = expect_answer(MSG_REQUEST_SUCCESS, 4);
	assert_int_equal(sent_u32(s, 0), 49152);
	fake_feed(MSG_GLOBAL_REQUEST, "sbsu", "tcpip-forward", 0, "", 0);
	assert_int_equal(listening.count, 2);
	expect_nothing();
	fake_feed(MSG_GLOBAL_REQUEST, "sbsu", "cancel-tcpip-forward", 1, "",
	    0);
	expect_answer(MSG_REQUEST_SUCCESS, 0);
	listening.answer = false;
	fake_feed(MSG_GLOBAL_REQUEST, "sbsu", "tcpip-forward", 1, "", 0);
	expect_answer(MSG_REQUEST_FAILURE, 0);
}

static void
test_bad_listens(void **state)
{
	(void)state;
	listening.answer = true;
	fake_feed(MSG_GLOBAL_REQUEST, "sbsu", "tcpip-forward", 1, "", 65536);
	expect_answer(MSG_REQUEST_FAILURE, 0);
	fake_feed(MSG_GLOBAL_REQUEST, "sbs", "tcpip-forward", 1, "");
	expect_answer(MSG_REQUEST_FAILURE, 0);
	fake_feed(MSG_GLOBAL_REQUEST, "sbdu", "tcpip-forward", 1, "a\0b",
	    (size_t)3, 80);
	expect_answer(MSG_REQUEST_FAILURE, 0);
	fake_feed(MSG_GLOBAL_REQUEST, "sb", "streamlocal-forward@openssh.com",
	    1);
	expect_answer(MSG_REQUEST_FAILURE, 0);
	fake_feed(MSG_GLOBAL_REQUEST, "sbsu", "tcpip-forwar", 1, "", 80);
	expect_answer(MSG_REQUEST_FAILURE, 0);
	fake_feed(MSG_GLOBAL_REQUEST, "sb", "keepalive@openssh.com", 1);
	expect_answer(MSG_REQUEST_FAILURE, 0);
	fake_feed(MSG_GLOBAL_REQUEST, "s", "tcpip-forward");
	expect_nothing();
	assert_int_equal(listening.count, 0);
	assert_int_equal(violations, 0);
}

static void
ask(size_t n)
{
	for (; n > 0; n--)
		fake_feed(MSG_CHANNEL_OPEN, "suuu", "x", 1, 1000, PACKET);
}

/* A key exchange that never ends does not make answers pile up. */
static void
test_answers_during_a_key_exchange(void **state)
{
	size_t len, n;

	fake_feed(MSG_CHANNEL_OPEN, "suuu", "x", 1, 1000, PACKET);
	len = 1 + expect(MSG_CHANNEL_OPEN_FAILURE, 1)->len;
	fake.rekeying = true;
	for (n = 0; violations == 0; n++)
		ask(1);
	assert_in_range(n, 1000, FLOOD / len + 1);
	mux_teardown(state);
	setup_server(state);
	/* The same after each key exchange. */
	fake.rekeying = true;
	ask(n - 1);
	fake_feed_raw(MSG_NEWKEYS, NULL, 0);
	ask(n - 1);
	assert_int_equal(violations, 0);
	ask(1);
	assert_int_equal(violations, 1);
}

/* --- channels to what a client listens on ------------------------- */

static void
test_open_forwarded(void **state)
{
	static const uint8_t tcp[] =
	    "\0\0\0\017forwarded-tcpip" "\0\0\0\0" "\0\020\0\0" "\0\0\200\0"
	    "\0\0\0\0\0\0\037\220" "\0\0\0\011127.0.0.1\0\0\0";
	static const uint8_t local[] = "\0\0\0\041forwarded-streamlocal@"
	    "openssh.com" "\0\0\0\1" "\0\020\0\0" "\0\0\200\0"
	    "\0\0\0\04/a/x\0\0\0";
	struct address at = { .kind = ADDRESS_TCP, .port = 8080 };
	struct channel *ch[2];
	const struct sent *s;

	(void)state;
	ch[0] = mux_open_forwarded(mux, &at, NULL, NULL, NULL);
	s = fake_next();
	assert_int_equal(s->len, sizeof(tcp));
	assert_memory_equal(s->p, tcp, sizeof(tcp));
	at.kind = ADDRESS_UNIX;
	strcpy(at.path, "/a/x");
	ch[1] = mux_open_forwarded(mux, &at, NULL, NULL, NULL);
	s = fake_next();
	assert_int_equal(s->len, sizeof(local));
	assert_memory_equal(s->p, local, sizeof(local));
	channel_cancel(ch[0]);
	channel_cancel(ch[1]);
}

/* --- subsystems, as a client asks for them ------------------------ */

static struct {
	unsigned count;
	enum open_failure reason;
	struct channel *ch;
} opened;

static void
on_opened(void *arg, enum open_failure reason, const char *text)
{
	assert_ptr_equal(arg, &opened);
	assert_non_null(text);
	opened.count++;
	opened.reason = reason;
}

static void
start(void)
{
	const struct sent *s;

	memset(&opened, 0, sizeof(opened));
	opened.ch = mux_open_subsystem(mux, "leash@orthrus", on_opened,
	    &opened);
	assert_non_null(opened.ch);
	s = fake_next();
	assert_int_equal(s->type, MSG_CHANNEL_OPEN);
	assert_int_equal(s->len, 4 + 7 + 12);
	assert_memory_equal(s->p, "\0\0\0\7session\0\0\0\0", 15);
}

static void
confirm(void)
{
	const struct sent *s;

	fake_feed(MSG_CHANNEL_OPEN_CONFIRMATION, "uuuu", 0, 7, WINDOW, PACKET);
	s = expect(MSG_CHANNEL_REQUEST, 7);
	assert_int_equal(s->len, 4 + 4 + 9 + 1 + 4 + 13);
	assert_memory_equal(s->p + 4, "\0\0\0\011subsystem\1"
	    "\0\0\0\015leash@orthrus", 31);
	assert_int_equal(opened.count, 0);	/* it is not there yet */
}

/* Both have closed it: nothing is left. */
static void
assert_over(enum open_failure reason)
{
	assert_int_equal(opened.count, 1);
	assert_int_equal(opened.reason, reason);
	fake_feed(MSG_CHANNEL_CLOSE, "u", 0);
	turns();
	assert_int_equal(open_channels(), 0);
	assert_int_equal(violations, 0);
	expect_nothing();
}

static void
test_subsystem(void **state)
{
	(void)state;
	start();
	confirm();
	fake_feed(MSG_CHANNEL_SUCCESS, "u", 0);
	assert_int_equal(opened.count, 1);
	assert_int_equal(opened.reason, OPEN_OK);
	/* What its standard error says is taken and thrown away. */
	fake_feed(MSG_CHANNEL_EXTENDED_DATA, "uus", 0, 1, "motd");
	channel_endpoint(opened.ch)->ops->close(channel_endpoint(opened.ch),
	    false);
	expect(MSG_CHANNEL_CLOSE, 7);
	assert_over(OPEN_OK);
}

static void
test_subsystem_refused(void **state)
{
	(void)state;
	start();
	confirm();
	fake_feed(MSG_CHANNEL_FAILURE, "u", 0);
	expect(MSG_CHANNEL_CLOSE, 7);
	assert_over(OPEN_UNKNOWN_TYPE);
}

/* As sshd does when the subsystem's program cannot be started. */
static void
test_subsystem_closed_instead(void **state)
{
	(void)state;
	start();
	confirm();
	fake_feed(MSG_CHANNEL_EOF, "u", 0);
	fake_feed(MSG_CHANNEL_CLOSE, "u", 0);
	expect(MSG_CHANNEL_CLOSE, 7);
	assert_int_equal(opened.count, 1);
	assert_int_equal(opened.reason, OPEN_UNKNOWN_TYPE);
	turns();
	assert_int_equal(open_channels(), 0);
	assert_int_equal(violations, 0);
}

static void
test_session_refused(void **state)
{
	(void)state;
	start();
	fake_feed(MSG_CHANNEL_OPEN_FAILURE, "uuss", 0, 1, "no sessions", "");
	assert_int_equal(opened.count, 1);
	assert_int_equal(opened.reason, OPEN_PROHIBITED);
	turns();
	assert_int_equal(open_channels(), 0);
}

static void
test_session_ends_meanwhile(void **state)
{
	(void)state;
	start();
	confirm();
	mux_free(mux);
	mux = NULL;
	assert_int_equal(opened.count, 1);
	assert_int_equal(opened.reason, OPEN_CONNECT_FAILED);
}

static void
test_subsystem_cancelled(void **state)
{
	(void)state;
	start();
	channel_cancel(opened.ch);
	fake_feed(MSG_CHANNEL_OPEN_CONFIRMATION, "uuuu", 0, 7, WINDOW, PACKET);
	expect(MSG_CHANNEL_CLOSE, 7);
	fake_feed(MSG_CHANNEL_CLOSE, "u", 0);
	turns();
	start();
	confirm();
	channel_cancel(opened.ch);
	expect(MSG_CHANNEL_CLOSE, 7);
	fake_feed(MSG_CHANNEL_SUCCESS, "u", 0);
	fake_feed(MSG_CHANNEL_DATA, "us", 0, "hello");
	fake_feed(MSG_CHANNEL_CLOSE, "u", 0);
	turns();
	assert_int_equal(opened.count, 0);
	assert_int_equal(open_channels(), 0);
	assert_int_equal(violations, 0);
	expect_nothing();
}

static void
test_subsystem_tiny_packets(void **state)
{
	(void)state;
	start();
	fake_feed(MSG_CHANNEL_OPEN_CONFIRMATION, "uuuu", 0, 7, WINDOW, 10);
	expect(MSG_CHANNEL_CLOSE, 7);
	assert_over(OPEN_CONNECT_FAILED);
}

/* An answer too many, and one that nothing was asked for. */
static void
test_answers_to_nothing(void **state)
{
	static struct stream s;

	(void)state;
	start();
	confirm();
	fake_feed(MSG_CHANNEL_SUCCESS, "u", 0);
	fake_feed(MSG_CHANNEL_SUCCESS, "u", 0);
	assert_int_equal(violations, 1);
	channel_endpoint(opened.ch)->ops->close(channel_endpoint(opened.ch),
	    true);
	mux_teardown(state);
	mux_setup(state);
	stream_open(&s, 7);
	fake_feed(MSG_CHANNEL_FAILURE, "u", s.id);
	assert_int_equal(violations, 1);
	mux_teardown(state);
	stream_release(&s);
	mux_setup(state);
}

#define SERVER_TEST(f) cmocka_unit_test_setup_teardown(f, setup_server, \
    mux_teardown)
#define CLIENT_TEST(f) cmocka_unit_test_setup_teardown(f, mux_setup, \
    mux_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(test_listen),
		SERVER_TEST(test_listen_on_any_port),
		SERVER_TEST(test_bad_listens),
		SERVER_TEST(test_answers_during_a_key_exchange),
		SERVER_TEST(test_open_forwarded),
		CLIENT_TEST(test_subsystem),
		CLIENT_TEST(test_subsystem_refused),
		CLIENT_TEST(test_subsystem_closed_instead),
		CLIENT_TEST(test_session_refused),
		CLIENT_TEST(test_session_ends_meanwhile),
		CLIENT_TEST(test_subsystem_cancelled),
		CLIENT_TEST(test_subsystem_tiny_packets),
		CLIENT_TEST(test_answers_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
