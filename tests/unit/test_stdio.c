/* SPDX-License-Identifier: ISC */
/*
 * Standard input and output as an endpoint: whatever they are, nothing blocks,
 * nothing is lost, and what goes wrong is told.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"
#include "orthrus/relay/stdio.h"

#define BULK (3 << 20)

static struct event_base *base;
static struct stdio *ends;
static struct relay *joined;
static int far_end;		/* what standard input and output are joined with */
static bool whole;
static uint8_t bulk[BULK], got[BULK + 1];

static void
on_done(void *arg, uint64_t a_to_b, uint64_t b_to_a)
{
	(void)arg;
	(void)a_to_b;
	(void)b_to_a;
	whole = relay_was_whole(joined);
	joined = NULL;
}

static void
join(int in, int out)
{
	int pair[2];

	base = loop_new_for_files();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    pair), 0);
	far_end = pair[0];
	ends = stdio_new(base, in, out);
	joined = relay_start(socket_endpoint_new(base, pair[1], NULL, 0),
	    stdio_endpoint(ends), on_done, NULL);
}

static void
leave(void)
{
	if (joined != NULL)
		relay_abort(joined);
	event_base_loop(base, EVLOOP_NONBLOCK);
	stdio_free(ends);
	socket_endpoints_end();
	event_base_loop(base, EVLOOP_NONBLOCK);
	loop_free(base);
	if (far_end != -1)
		close(far_end);
}

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Everything up to the end of fd, while the loop runs. */
static size_t
collect(int fd, size_t max)
{
	size_t n = 0;
	ssize_t r;
	int idle;

	for (idle = 0; idle < 20000; ) {
		turn();
		r = read(fd, got + n, max - n);
		if (r == 0)
			return n;
		if (r > 0) {
			n += (size_t)r;
			idle = 0;
		} else {
			idle++;
			usleep(500);
		}
	}
	fail_msg("no end after %zu bytes", n);
	return n;
}

static int
file_with(const void *p, size_t n)
{
	char path[] = "/tmp/orthrus-stdio.XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	assert_int_equal(write(fd, p, n), n);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static int
null_device(void)
{
	return open("/dev/null", O_RDWR);
}

/* epoll(7) refuses both of these. */
static void
test_file_in(void **state)
{
	(void)state;
	join(file_with(bulk, BULK), null_device());
	assert_int_equal(collect(far_end, BULK + 1), BULK);
	assert_memory_equal(got, bulk, BULK);
	shutdown(far_end, SHUT_WR);
	while (joined != NULL)
		turn();
	assert_true(whole);
	assert_false(stdio_holds_input(ends));
	leave();
}

static void
test_null_in_file_out(void **state)
{
	int out = file_with("", 0), copy = dup(out);
	size_t sent = 0;
	ssize_t n;

	(void)state;
	join(null_device(), out);
	assert_int_equal(collect(far_end, 1), 0);	/* our end of file */
	while (sent < BULK) {
		n = send(far_end, bulk + sent, BULK - sent, 0);
		sent += n > 0 ? (size_t)n : 0;
		turn();
	}
	shutdown(far_end, SHUT_WR);
	while (joined != NULL)
		turn();
	assert_true(whole);
	lseek(copy, 0, SEEK_SET);
	assert_int_equal(read(copy, got, BULK + 1), BULK);
	assert_memory_equal(got, bulk, BULK);
	close(copy);
	leave();
}

/* Blocking ones that nobody reads or writes: the loop goes on all the same. */
static void
test_slow_pipes(void **state)
{
	const char *which;
	int in[2], out[2], i;
	size_t sent = 0;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	join(in[0], out[1]);
	alarm(60);		/* it would hang */
	for (i = 0; i < 200; i++) {
		n = send(far_end, bulk + sent, BULK - sent, 0);
		sent += n > 0 ? (size_t)n : 0;
		turn();
	}
	assert_true(sent > 64 * 1024 && sent < BULK);
	assert_int_equal(write(in[1], "hello", 5), 5);
	for (i = 0; recv(far_end, got, 5, MSG_DONTWAIT) != 5; i++)
		turn();
	assert_memory_equal(got, "hello", 5);
	alarm(0);
	/* None of it is lost when the reader comes. */
	shutdown(far_end, SHUT_WR);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	assert_int_equal(collect(out[0], BULK + 1), sent);
	assert_memory_equal(got, bulk, sent);
	assert_int_equal(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(stdio_error(ends, &which), 0);
	close(in[1]);
	while (joined != NULL)
		turn();
	assert_true(whole);
	close(out[0]);
	leave();
}

/* Whoever reads our output leaves, while input would go on for ever. */
static void
test_reader_leaves(void **state)
{
	const char *which;
	int in[2], out[2];

	(void)state;
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	join(in[0], out[1]);
	close(out[0]);
	assert_int_equal(send(far_end, "hello", 5, 0), 5);
	while (joined != NULL)
		turn();
	assert_false(whole);
	assert_int_equal(stdio_error(ends, &which), EPIPE);
	assert_string_equal(which, "standard output");
	close(in[1]);
	leave();
}

static void
test_bad_input(void **state)
{
	const char *which;

	(void)state;
	join(open("/", O_RDONLY | O_DIRECTORY), null_device());
	while (joined != NULL)
		turn();
	assert_int_equal(stdio_error(ends, &which), EISDIR);
	assert_string_equal(which, "standard input");
	leave();
}

/* One socket for both, as rsync(1) gives its remote shell. */
static void
test_one_socket(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	join(pair[0], dup(pair[0]));
	assert_int_equal(send(far_end, "there", 5, 0), 5);
	shutdown(far_end, SHUT_WR);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	assert_int_equal(collect(pair[1], BULK), 5);
	/* That way has ended, the other has not. */
	assert_int_equal(send(pair[1], "and back", 8, 0), 8);
	shutdown(pair[1], SHUT_WR);
	assert_int_equal(collect(far_end, BULK), 8);
	while (joined != NULL)
		turn();
	assert_true(whole);
	close(pair[1]);
	leave();
}

/* The far end goes while our input says nothing. */
static void
test_end_of_input(void **state)
{
	int in[2];

	(void)state;
	assert_int_equal(pipe(in), 0);
	join(in[0], null_device());
	shutdown(far_end, SHUT_WR);
	turn();
	turn();
	assert_non_null(joined);
	stdio_end_input(ends);
	while (joined != NULL)
		turn();
	assert_true(whole);
	close(in[1]);
	leave();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_in),
		cmocka_unit_test(test_null_in_file_out),
		cmocka_unit_test(test_slow_pipes),
		cmocka_unit_test(test_reader_leaves),
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_one_socket),
		cmocka_unit_test(test_end_of_input),
	};
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < BULK; i++)
		bulk[i] = (uint8_t)(i * 2654435761U >> 13);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
