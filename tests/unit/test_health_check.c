/* SPDX-License-Identifier: ISC */
/*
 * Whether a server is there: what it may say before its identification, and
 * what is no answer.  The servers are the test's own, on loopback.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "descriptors.h"
#include "orthrus/transport/dial.h"

#include "../../src/ssh/health_check.h"

#define PATIENCE_S 60
#define OURS "SSH-2.0-orthrus_"

void __real_timer_set(struct event *timer, uint64_t ms);
void __wrap_timer_set(struct event *timer, uint64_t ms);

static struct event_base *base;
static struct dialer *dialer;
static struct event *listening;
static struct server server;
static const struct transport_config config = { .step_ms = 5000 };

/* What the server does with the one who comes, and what he has said. */
static struct {
	int fd;			/* of the listener */
	int peer;		/* -1: none yet */
	const char *says;
	size_t len;
	bool closes;
	char heard[128];
} there;

static struct {
	unsigned called;
	int64_t rtt_ms;
	struct error why;
} told;

static bool hurry;		/* nobody is waited for */

void
__wrap_timer_set(struct event *timer, uint64_t ms)
{
	__real_timer_set(timer, hurry && ms == HANDSHAKE_MS ? 10 : ms);
}

static void
on_come(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	there.peer = accept((int)fd, NULL, NULL);
	assert_int_not_equal(there.peer, -1);
	assert_int_equal(send(there.peer, there.says, there.len, 0),
	    there.len);
	if (there.closes)
		shutdown(there.peer, SHUT_WR);
}

static int
setup(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(in);

	(void)state;
	memset(&there, 0, sizeof(there));
	memset(&told, 0, sizeof(told));
	memset(&server, 0, sizeof(server));
	there.peer = -1;
	hurry = false;
	base = event_base_new();
	dialer = dialer_new(base);
	there.fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(there.fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(there.fd, 5), 0);
	assert_int_equal(getsockname(there.fd, (struct sockaddr *)&in, &len),
	    0);
	listening = event_new(base, there.fd, EV_READ | EV_PERSIST, on_come,
	    NULL);
	event_add(listening, NULL);
	strcpy(server.host, "127.0.0.1");
	server.port = ntohs(in.sin_port);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	event_free(listening);
	close(there.fd);
	if (there.peer != -1)
		close(there.peer);
	dialer_free(dialer);
	event_base_free(base);
	return 0;
}

static void
on_checked(void *arg, int64_t rtt_ms, const struct error *why)
{
	assert_ptr_equal(arg, &told);
	told.called++;
	told.rtt_ms = rtt_ms;
	told.why = *why;
}

static struct health_check *
check(void)
{
	struct health_check *c = health_check_start(base, dialer, &server,
	    &config, on_checked, &told);

	assert_int_equal(told.called, 0);
	return c;
}

static void
run_until_told(void)
{
	time_t end = time(NULL) + PATIENCE_S;

	while (told.called == 0) {
		assert_true(time(NULL) < end);
		event_base_loop(base, EVLOOP_ONCE);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(told.called, 1);
}

static void
server_says(const char *words, size_t len, bool closes)
{
	there.says = words;
	there.len = len;
	there.closes = closes;
	check();
	run_until_told();
}

/* --- each test ---------------------------------------------------- */

static void
test_answers(void **state)
{
	static const char *const cases[] = {
		"SSH-2.0-x\r\n\n",
		"SSH-1.99-OpenSSH_3\nK",
		"Welcome\r\nSS\r\n\r\nxSSH-2\r\nSSH-2.0-x y z\r\nKEXINIT"
	};
	unsigned n = open_descriptors();
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(state);
		server_says(cases[i], strlen(cases[i]), false);
		if (told.rtt_ms < 0)
			fail_msg("%s: %s", cases[i], told.why.text);
		/* We have said who we are, and nothing else. */
		assert_true(recv(there.peer, there.heard,
		    sizeof(there.heard) - 1, 0) > 0);
		assert_memory_equal(there.heard, OURS, strlen(OURS));
		assert_string_equal(strchr(there.heard, '\r'), "\r\n");
		assert_int_equal(recv(there.peer, there.heard, 1, 0), 0);
		teardown(state);
	}
	assert_int_equal(open_descriptors(), n);
}

static void
expect_no_answer(void **state, const char *words, size_t len,
    const char *expected)
{
	setup(state);
	server_says(words, len, true);
	assert_int_equal(told.rtt_ms, -1);
	assert_int_equal(told.why.code, EX_UNAVAILABLE);
	if (strstr(told.why.text, expected) == NULL)
		fail_msg("%s instead of %s", told.why.text, expected);
	teardown(state);
}

static void
test_no_answers(void **state)
{
	static char much[8192];
	static const char *const closed[] = {
		"", "SSH-", "SSH-2.0-x", "SSH-2.0-x\r\n", "xSSH-2.0-x\r\nK",
		"Not now: too many logins from your address have failed\r\n",
		"HTTP/1.1 400 Bad Request\r\n\r\n"
	};
	unsigned n = open_descriptors();
	size_t i;

	for (i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
		expect_no_answer(state, closed[i], strlen(closed[i]),
		    "no SSH server answers there (connection closed)");
	memset(much, 'x', sizeof(much));
	expect_no_answer(state, much, sizeof(much), "something else does");
	memset(much, '\n', sizeof(much));
	expect_no_answer(state, much, sizeof(much), "something else does");
	assert_int_equal(open_descriptors(), n);
}

static void
test_nobody_listens(void **state)
{
	unsigned n = open_descriptors();

	setup(state);
	close(there.fd);
	event_del(listening);
	there.fd = dup(0);
	check();
	run_until_told();
	assert_int_equal(told.rtt_ms, -1);
	assert_non_null(strstr(told.why.text, "cannot connect"));
	teardown(state);
	assert_int_equal(open_descriptors(), n);
}

static void
test_silence(void **state)
{
	setup(state);
	hurry = true;
	server_says("", 0, false);
	assert_int_equal(told.rtt_ms, -1);
	assert_non_null(strstr(told.why.text, "the server's identification "
	    "did not come"));
	teardown(state);
}

static void
test_cancelled(void **state)
{
	unsigned n = open_descriptors();
	struct health_check *c;

	health_check_cancel(NULL);
	setup(state);
	health_check_cancel(check());		/* while it is dialled */
	teardown(state);
	setup(state);
	there.says = "";
	c = check();
	while (there.peer == -1)
		event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_NONBLOCK);
	health_check_cancel(c);			/* while it waits */
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(told.called, 0);
	teardown(state);
	assert_int_equal(open_descriptors(), n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_answers),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
