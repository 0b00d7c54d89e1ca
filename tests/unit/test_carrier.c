/* SPDX-License-Identifier: ISC */
/* When a carrier asks for another turn, with a transport that a test plays. */
#include <sys/socket.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "orthrus/transport/transport.h"

#include "../../src/ssh/carrier.h"

static struct event_base *base;
static struct carrier carrier;
static unsigned turns;
static bool holds;			/* the transport, input */
static ssize_t result;			/* of its read(), and errno */
static int error;

static ssize_t
fake_read(struct transport *t, uint8_t *p, size_t n)
{
	(void)t;
	(void)p;
	(void)n;
	errno = error;
	return result;
}

static ssize_t
fake_write(struct transport *t, const uint8_t *p, size_t n)
{
	(void)t;
	(void)p;
	return (ssize_t)n;
}

static bool
fake_holds_input(const struct transport *t)
{
	(void)t;
	return holds;
}

static void
fake_free(struct transport *t)
{
	close(t->fd);
	free(t);
}

static const struct transport_ops fake_ops = {
	.name = "fake", .read = fake_read, .write = fake_write,
	.holds_input = fake_holds_input, .free = fake_free
};

static int far_end;

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	turns++;
}

static int
begin(void **state)
{
	struct transport *t = calloc(1, sizeof(*t));
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	t->ops = &fake_ops;
	t->fd = pair[0];
	far_end = pair[1];
	turns = 0;
	holds = false;
	result = -1;
	error = EAGAIN;
	base = event_base_new();
	carrier_init(&carrier);
	return carrier_attach(&carrier, base, t, 0, on_ready, NULL);
}

static int
finish(void **state)
{
	int copy = carrier.copy;

	(void)state;
	carrier_close(&carrier);
	close(copy);
	close(far_end);
	event_base_free(base);
	return 0;
}

static unsigned
turns_after_watch(void)
{
	turns = 0;
	carrier_shuttle_in(&carrier);
	carrier_watch(&carrier, true, false);
	event_base_loop(base, EVLOOP_NONBLOCK);
	return turns;
}

static void
test_quiet(void **state)
{
	(void)state;
	assert_int_equal(turns_after_watch(), 0);
}

static void
test_holds_input(void **state)
{
	(void)state;
	holds = true;
	assert_int_equal(turns_after_watch(), 1);
}

/* What has gone wrong is seen although the descriptor says nothing more. */
static void
check_end(void)
{
	uint8_t b;

	assert_int_equal(turns_after_watch(), 1);
	assert_int_equal(recv(carrier.copy, &b, 1, MSG_DONTWAIT), 0);
}

static void
test_failed(void **state)
{
	(void)state;
	error = EPROTO;
	check_end();
}

static void
test_ended(void **state)
{
	(void)state;
	result = 0;
	check_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_quiet, begin, finish),
		cmocka_unit_test_setup_teardown(test_holds_input, begin,
		    finish),
		cmocka_unit_test_setup_teardown(test_failed, begin, finish),
		cmocka_unit_test_setup_teardown(test_ended, begin, finish)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
