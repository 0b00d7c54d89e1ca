/* SPDX-License-Identifier: ISC */
/*
 * The channel manager as a server has it, against a client in memory: what it
 * may open, and what it asks for on session channels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_fixture.h"

static struct channel *asked;	/* by direct() or session() */
static struct address asked_for;
static struct {
	unsigned count;
	char type[64];
	uint8_t data[64];
	size_t len;
	bool answer;
	bool runs;		/* with exit status 3 */
	const char *dismiss;	/* with this text, or NULL */
	const char *exit;	/* with this text and exit status 2, or NULL */
	struct relay *relay;	/* begun by the request */
	struct memory local;
} request;
static unsigned gone;

/* --- the service -------------------------------------------------- */

static void
on_direct(void *arg, struct channel *ch, const struct address *to)
{
	assert_ptr_equal(arg, &mux);
	asked = ch;
	asked_for = *to;
}

static void
on_done(void *arg, uint64_t up, uint64_t down)
{
	(void)arg;
	(void)up;
	(void)down;
	request.relay = NULL;
}

static bool
on_request(void *arg, struct channel *ch, const char *type, const uint8_t *p,
    size_t len)
{
	assert_ptr_equal(arg, &request);
	request.count++;
	strcpy(request.type, type);
	assert_true(len <= sizeof(request.data));
	memcpy(request.data, p, len);
	request.len = len;
	if (request.dismiss != NULL)
		channel_dismiss(ch, request.dismiss);
	if (request.exit != NULL)
		channel_exit(ch, 2, request.exit);
	if (!request.answer)
		return false;
	if (request.runs)
		channel_run(ch, 3);
	memory_init(&request.local);
	request.relay = relay_start(&request.local.ep, channel_endpoint(ch),
	    on_done, NULL);
	return true;
}

static void
on_session(void *arg, struct channel *ch)
{
	assert_ptr_equal(arg, &mux);
	asked = ch;
	channel_accept(ch);
	channel_on_request(ch, on_request, &request);
}

static bool
on_listen(void *arg, const struct address *at, bool cancel, uint16_t *port)
{
	(void)arg;
	(void)at;
	(void)cancel;
	(void)port;
	return false;
}

static int
setup(void **state)
{
	static const struct mux_service service = {
		NULL, on_direct, on_session, on_listen, NULL
	};

	mux_setup(state);
	mux_serve(mux, &service, &mux);
	asked = NULL;
	memset(&request, 0, sizeof(request));
	gone = 0;
	return 0;
}

static int
teardown(void **state)
{
	mux_teardown(state);
	if (request.relay != NULL)
		relay_abort(request.relay);
	memory_free(&request.local);
	return 0;
}

/* Its number here, as the confirmation says. */
static uint32_t
open_session(uint32_t peer, uint32_t window)
{
	const struct sent *s;

	fake_feed(MSG_CHANNEL_OPEN, "suuu", "session", peer, window, PACKET);
	s = expect(MSG_CHANNEL_OPEN_CONFIRMATION, peer);
	return sent_u32(s, 4);
}

static void
close_both(uint32_t id, uint32_t peer)
{
	fake_feed(MSG_CHANNEL_CLOSE, "u", id);
	expect(MSG_CHANNEL_CLOSE, peer);
	turns();
}

/* --- opens -------------------------------------------------------- */

static void
test_direct_tcp(void **state)
{
	const struct sent *s;

	(void)state;
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "direct-tcpip", 5, 1000, PACKET,
	    "web-1.orthrus", 9100, "127.0.0.1", 0);
	assert_int_equal(asked_for.kind, ADDRESS_TCP);
	assert_string_equal(asked_for.host, "web-1.orthrus");
	assert_int_equal(asked_for.port, 9100);
	expect_nothing();	/* the answer may come later */
	channel_refuse(asked, OPEN_PROHIBITED, "no");
	s = expect(MSG_CHANNEL_OPEN_FAILURE, 5);
	assert_int_equal(sent_u32(s, 4), OPEN_PROHIBITED);
	turns();
	assert_int_equal(open_channels(), 0);
}

static void
test_direct_unix(void **state)
{
	(void)state;
	fake_feed(MSG_CHANNEL_OPEN, "suuussu",
	    "direct-streamlocal@openssh.com", 5, 1000, PACKET,
	    "/web-1/docker.sock", "", 0);
	assert_int_equal(asked_for.kind, ADDRESS_UNIX);
	assert_string_equal(asked_for.path, "/web-1/docker.sock");
	channel_accept(asked);
	expect(MSG_CHANNEL_OPEN_CONFIRMATION, 5);
	channel_endpoint(asked)->ops->close(channel_endpoint(asked), false);
	expect(MSG_CHANNEL_CLOSE, 5);
}

static void
on_gone(void *arg)
{
	assert_ptr_equal(arg, &gone);
	gone++;
}

/* The client goes before its channel was answered. */
static void
test_gone(void **state)
{
	(void)state;
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "direct-tcpip", 5, 1000, PACKET,
	    "h", 80, "", 0);
	channel_on_gone(asked, on_gone, &gone);
	mux_free(mux);
	mux = NULL;
	assert_int_equal(gone, 1);
}

static void
refused(uint32_t peer, enum open_failure reason)
{
	const struct sent *s = expect(MSG_CHANNEL_OPEN_FAILURE, peer);

	assert_int_equal(sent_u32(s, 4), reason);
	assert_null(asked);
	assert_int_equal(violations, 0);
	assert_int_equal(open_channels(), 0);
}

static void
test_never_served(void **state)
{
	(void)state;
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", 1, 1000,
	    PACKET, "h", 80, "", 0);
	refused(1, OPEN_UNKNOWN_TYPE);
	fake_feed(MSG_CHANNEL_OPEN, "suuuss",
	    "forwarded-streamlocal@openssh.com", 2, 1000, PACKET, "/x", "");
	refused(2, OPEN_UNKNOWN_TYPE);
	fake_feed(MSG_CHANNEL_OPEN, "suuusu", "x11", 3, 1000, PACKET, "", 0);
	refused(3, OPEN_UNKNOWN_TYPE);
	fake_feed(MSG_CHANNEL_OPEN, "suuu", "session", 4, 1000, 10);
	refused(4, OPEN_PROHIBITED);
	fake_feed(MSG_CHANNEL_OPEN, "suuu", "direct-tcpip", 5, 1000, PACKET);
	refused(5, OPEN_PROHIBITED);
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "direct-tcpip", 6, 1000, PACKET,
	    "h", 0, "", 0);
	refused(6, OPEN_PROHIBITED);
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "direct-tcpip", 7, 1000, PACKET,
	    "h", 65536, "", 0);
	refused(7, OPEN_PROHIBITED);
	fake_feed(MSG_CHANNEL_OPEN, "suuudusu", "direct-tcpip", 8, 1000, PACKET,
	    "a\0b", (size_t)3, 80, "", 0);
	refused(8, OPEN_PROHIBITED);
	fake_feed(MSG_CHANNEL_OPEN, "suu", "session", 9, 1000);
	assert_int_equal(violations, 1);
}

/* Ten at a time, as with sshd; each makes room when it has ended. */
static void
test_sessions(void **state)
{
	const struct sent *s;
	uint32_t ids[10], i;

	(void)state;
	for (i = 0; i < 10; i++)
		ids[i] = open_session(i, WINDOW);
	fake_feed(MSG_CHANNEL_OPEN, "suuu", "session", 10, WINDOW, PACKET);
	s = expect(MSG_CHANNEL_OPEN_FAILURE, 10);
	assert_int_equal(sent_u32(s, 4), OPEN_RESOURCE_SHORTAGE);
	close_both(ids[3], 3);
	assert_int_equal(open_channels(), 9);
	open_session(11, WINDOW);
	expect_nothing();
	assert_int_equal(violations, 0);
}

/* --- requests on session channels --------------------------------- */

static void
test_request_refused(void **state)
{
	uint32_t id = open_session(7, WINDOW);

	(void)state;
	fake_feed(MSG_CHANNEL_REQUEST, "usbs", id, "env", 1, "LANG");
	assert_int_equal(request.count, 1);
	assert_string_equal(request.type, "env");
	assert_int_equal(request.len, 8);
	assert_memory_equal(request.data, "\0\0\0\4LANG", 8);
	expect(MSG_CHANNEL_FAILURE, 7);
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "env", 0);
	assert_int_equal(request.count, 2);
	expect_nothing();
	close_both(id, 7);
	assert_int_equal(open_channels(), 0);
}

/* A type of any length gets its answer. */
static void
test_long_type(void **state)
{
	char type[200];
	uint32_t id = open_session(7, WINDOW);

	(void)state;
	memset(type, 't', sizeof(type) - 1);
	type[sizeof(type) - 1] = '\0';
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, type, 1);
	assert_string_equal(request.type, "");
	expect(MSG_CHANNEL_FAILURE, 7);
	fake_feed(MSG_CHANNEL_REQUEST, "us", id, "env");	/* cut short */
	expect_nothing();
	assert_int_equal(violations, 0);
}

static void
test_request_granted_once(void **state)
{
	uint32_t id = open_session(7, WINDOW);

	(void)state;
	request.answer = true;
	fake_feed(MSG_CHANNEL_REQUEST, "usbs", id, "subsystem", 1, "leash");
	expect(MSG_CHANNEL_SUCCESS, 7);
	fake_feed(MSG_CHANNEL_DATA, "us", id, "hello");
	assert_int_equal(request.local.out_len, 5);
	/* What is there is not replaced, nor dismissed. */
	request.dismiss = "no";
	fake_feed(MSG_CHANNEL_REQUEST, "usbs", id, "exec", 1, "id");
	expect(MSG_CHANNEL_FAILURE, 7);
	assert_int_equal(request.count, 1);
	fake_feed(MSG_CHANNEL_REQUEST, "usbs", id, "subsystem", 0, "leash");
	assert_int_equal(request.count, 1);
	fake_feed(MSG_CHANNEL_EOF, "u", id);
	turns();
	request.local.in_end = true;
	memory_step(&request.local);
	expect(MSG_CHANNEL_EOF, 7);
	expect(MSG_CHANNEL_CLOSE, 7);
	fake_feed(MSG_CHANNEL_REQUEST, "usbs", id, "subsystem", 1, "leash");
	assert_int_equal(request.count, 1);
	expect_nothing();
	fake_feed(MSG_CHANNEL_CLOSE, "u", id);
	turns();
	assert_int_equal(open_channels(), 0);
	assert_int_equal(violations, 0);
}

static void
test_request_on_a_stream(void **state)
{
	(void)state;
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "direct-tcpip", 7, 1000, PACKET,
	    "h", 80, "", 0);
	channel_accept(asked);
	expect(MSG_CHANNEL_OPEN_CONFIRMATION, 7);
	fake_feed(MSG_CHANNEL_REQUEST, "usb", 0, "exec", 1);
	expect(MSG_CHANNEL_FAILURE, 7);
	assert_int_equal(request.count, 0);
	channel_endpoint(asked)->ops->close(channel_endpoint(asked), false);
}

/* --- what runs and ends (RFC 4254 section 6.10) --------------------- */

static void
expect_exit(uint32_t peer, uint8_t status)
{
	const struct sent *s = expect(MSG_CHANNEL_REQUEST, peer);

	assert_memory_equal(s->p + 4, "\0\0\0\013exit-status\0\0\0\0", 19);
	assert_int_equal(s->p[23], status);
}

static uint32_t
open_run(uint32_t peer)
{
	uint32_t id = open_session(peer, WINDOW);

	request.answer = request.runs = true;
	fake_feed(MSG_CHANNEL_REQUEST, "usbs", id, "exec", 1, "docker");
	expect(MSG_CHANNEL_SUCCESS, peer);
	expect_nothing();
	return id;
}

/* Its end is told before EOF; the client's end closes it. */
static void
test_run(void **state)
{
	uint32_t id = open_run(7);
	struct endpoint *ep = channel_endpoint(asked);

	(void)state;
	fake_feed(MSG_CHANNEL_DATA, "us", id, "hello");
	turns();
	assert_int_equal(request.local.out_len, 5);
	fake_feed(MSG_CHANNEL_EOF, "u", id);
	turns();
	/* It has not gone: that would close the channel. */
	assert_int_equal(ep->ops->reads(ep), 1);
	request.local.in_end = true;
	memory_step(&request.local);
	expect_exit(7, 3);
	expect(MSG_CHANNEL_EOF, 7);
	expect(MSG_CHANNEL_CLOSE, 7);
	expect_nothing();
	fake_feed(MSG_CHANNEL_CLOSE, "u", id);
	turns();
	assert_int_equal(open_channels(), 0);
	assert_int_equal(violations, 0);
}

static void
test_run_cut_off(void **state)
{
	uint32_t id = open_run(7);

	(void)state;
	relay_abort(request.relay);
	expect_exit(7, 1);
	expect(MSG_CHANNEL_CLOSE, 7);
	expect_nothing();
	fake_feed(MSG_CHANNEL_CLOSE, "u", id);
	turns();
	assert_int_equal(open_channels(), 0);
}

/* Who has closed the channel hears of no exit status. */
static void
test_run_left(void **state)
{
	uint32_t id = open_run(7);

	(void)state;
	fake_feed(MSG_CHANNEL_CLOSE, "u", id);
	turns();
	if (request.relay != NULL)
		relay_abort(request.relay);
	expect(MSG_CHANNEL_CLOSE, 7);
	expect_nothing();
	assert_int_equal(open_channels(), 0);
}

/* What runs is a stream, and takes no place of those that have not asked. */
static void
test_runs_beside_sessions(void **state)
{
	uint32_t i;

	(void)state;
	open_run(100);
	request.answer = false;
	for (i = 0; i < 10; i++)
		open_session(i, WINDOW);
	fake_feed(MSG_CHANNEL_OPEN, "suuu", "session", 10, WINDOW, PACKET);
	expect(MSG_CHANNEL_OPEN_FAILURE, 10);
	relay_abort(request.relay);
	expect_exit(100, 1);
	expect(MSG_CHANNEL_CLOSE, 100);
}

static void
expect_end(uint32_t peer)
{
	expect_exit(peer, 2);
	expect(MSG_CHANNEL_EOF, peer);
	expect(MSG_CHANNEL_CLOSE, peer);
}

/* Not before the client has sent something, which it could not else. */
static void
test_exit(void **state)
{
	const struct sent *s;
	uint32_t id = open_session(7, WINDOW);

	(void)state;
	request.exit = "not allowed\n";
	request.answer = false;
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "exec", 1);
	expect(MSG_CHANNEL_SUCCESS, 7);
	s = expect(MSG_CHANNEL_EXTENDED_DATA, 7);
	assert_memory_equal(s->p + 12, "not allowed\n", 12);
	expect_nothing();
	fake_feed(MSG_CHANNEL_DATA, "us", id, "hello");
	expect_end(7);
	fake_feed(MSG_CHANNEL_DATA, "us", id, "more");
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "exec", 1);
	fake_feed(MSG_CHANNEL_EOF, "u", id);
	expect_nothing();
	fake_feed(MSG_CHANNEL_CLOSE, "u", id);
	turns();
	assert_int_equal(open_channels(), 0);
	assert_int_equal(violations, 0);
}

/* Without a window and without a wish for an answer. */
static void
test_exit_at_the_end(void **state)
{
	uint32_t id = open_session(8, 0);

	(void)state;
	request.exit = "not allowed\n";
	request.answer = false;
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "exec", 0);
	expect_nothing();
	fake_feed(MSG_CHANNEL_EOF, "u", id);
	expect_end(8);
	close_both(open_session(9, 0), 9);
}

static void
test_exit_of_the_silent(void **state)
{
	uint32_t id = open_session(7, 0);

	(void)state;
	request.exit = "not allowed\n";
	request.answer = false;
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "exec", 0);
	while (fake_queued() == 0)
		event_base_loop(base, EVLOOP_ONCE);
	expect_end(7);
	id = open_session(8, 0);
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "exec", 0);
	close_both(id, 8);
	assert_int_equal(violations, 0);
}

/* --- dismissals --------------------------------------------------- */

/* The refusal comes after a while, since clients do not read it else. */
static void
wait_for_dismissal(void)
{
	while (fake_queued() == 0)
		event_base_loop(base, EVLOOP_ONCE);
}

static void
expect_dismissal(uint32_t peer)
{
	const struct sent *s = expect(MSG_CHANNEL_REQUEST, peer);

	assert_memory_equal(s->p + 4, "\0\0\0\013exit-status\0\0\0\0\1", 20);
	expect(MSG_CHANNEL_CLOSE, peer);
}

static void
test_dismissed(void **state)
{
	const struct sent *s;
	uint32_t id = open_session(7, WINDOW);

	(void)state;
	request.dismiss = "no shell here\r\n";
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "shell", 1);
	s = expect(MSG_CHANNEL_EXTENDED_DATA, 7);
	assert_int_equal(sent_u32(s, 4), 1);
	assert_memory_equal(s->p + 12, "no shell here\r\n", 15);
	expect_nothing();
	wait_for_dismissal();
	expect(MSG_CHANNEL_FAILURE, 7);
	expect_dismissal(7);
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "shell", 1);
	expect_nothing();
	fake_feed(MSG_CHANNEL_CLOSE, "u", id);
	turns();
	assert_int_equal(open_channels(), 0);
}

static void
test_dismissed_without_window(void **state)
{
	uint32_t id = open_session(7, 0);

	(void)state;
	request.dismiss = "no shell here\r\n";
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "shell", 0);
	wait_for_dismissal();
	expect_dismissal(7);
}

/* Whatever comes next is not for what is dismissed. */
static void
test_dismissed_and_asked_again(void **state)
{
	uint32_t id = open_session(7, WINDOW);

	(void)state;
	request.dismiss = "no";
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "shell", 1);
	expect(MSG_CHANNEL_EXTENDED_DATA, 7);
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "exec", 1);
	assert_int_equal(request.count, 1);
	expect(MSG_CHANNEL_FAILURE, 7);
	expect_dismissal(7);
}

/* The other side, or all of the session, ends before it is due. */
static void
test_dismissed_and_closed(void **state)
{
	uint32_t id = open_session(7, WINDOW);

	(void)state;
	request.dismiss = "no";
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "shell", 1);
	expect(MSG_CHANNEL_EXTENDED_DATA, 7);
	close_both(id, 7);
	assert_int_equal(open_channels(), 0);
	id = open_session(8, WINDOW);
	fake_feed(MSG_CHANNEL_REQUEST, "usb", id, "shell", 1);
	expect(MSG_CHANNEL_EXTENDED_DATA, 8);
	mux_free(mux);
	mux = NULL;
	event_base_loop(base, 0);	/* until no event is left */
	expect_nothing();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_direct_tcp, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_direct_unix, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_served, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_sessions, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_request_refused, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_long_type, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_request_granted_once,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_on_a_stream,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_run_cut_off, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_run_left, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_runs_beside_sessions,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_exit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exit_at_the_end, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_exit_of_the_silent, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_dismissed, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_dismissed_without_window,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_dismissed_and_asked_again,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_dismissed_and_closed,
		    setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
