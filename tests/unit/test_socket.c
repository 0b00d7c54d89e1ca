/* SPDX-License-Identifier: ISC */
/* Sockets as endpoints: both ways through real descriptors. */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "descriptors.h"
#include "memory_endpoint.h"
#include "orthrus/relay/socket.h"

#define BIG (6 * 1024 * 1024 + 333)

static uint8_t *pattern;
static struct event_base *base;
static unsigned dones, descriptors;
static struct memory far;

static void
on_done(void *arg, uint64_t up, uint64_t down)
{
	(void)arg;
	(void)up;
	(void)down;
	dones++;
}

static int
setup(void **state)
{
	size_t i;

	(void)state;
	pattern = malloc(BIG);
	assert_non_null(pattern);
	for (i = 0; i < BIG; i++)
		pattern[i] = (uint8_t)(i * 31 + i / 251 + i / 65521);
	descriptors = open_descriptors();
	base = event_base_new();
	dones = 0;
	memory_init(&far);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	memory_free(&far);
	free(pattern);
	assert_int_equal(open_descriptors(), descriptors);
	return 0;
}

static void
nonblocking(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

static void
pair_unix(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
}

static void
pair_tcp(int fd[2])
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int l = socket(AF_INET, SOCK_STREAM, 0), small = 16384;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(l, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&sin, &len), 0);
	fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	/* Little fits on its way: the rest waits at the sender. */
	setsockopt(fd[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(connect(fd[1], (struct sockaddr *)&sin, len), 0);
	fd[0] = accept(l, NULL, NULL);
	assert_true(fd[0] >= 0);
	close(l);
	nonblocking(fd[0]);
	nonblocking(fd[1]);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
spin(void)
{
	int i;

	for (i = 0; i < 50; i++) {
		while (memory_step(&far))
			event_base_loop(base, EVLOOP_NONBLOCK);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
}

/* Reads to the end or an error (its errno), while the loop runs. */
static int
read_all(int fd, uint8_t *to, size_t size, size_t *got, size_t piece)
{
	int64_t until = now_ms() + 10000;
	ssize_t n;

	*got = 0;
	while (now_ms() < until) {
		spin();
		n = read(fd, to + *got, piece < size - *got ? piece :
		    size - *got);
		if (n == 0)
			return 0;
		if (n > 0)
			*got += (size_t)n;
		else if (errno != EAGAIN)
			return errno;
	}
	return ETIME;
}

static void
write_all(int fd, const uint8_t *p, size_t n)
{
	int64_t until = now_ms() + 10000;
	ssize_t w;

	while (n > 0 && now_ms() < until) {
		w = send(fd, p, n, MSG_NOSIGNAL);
		if (w > 0) {
			p += w;
			n -= (size_t)w;
		} else
			assert_int_equal(errno, EAGAIN);
		spin();
	}
	assert_int_equal(n, 0);
}

static struct relay *
join(int fd, const uint8_t *early, size_t n)
{
	return relay_start(socket_endpoint_new(base, fd, early, n), &far.ep,
	    on_done, NULL);
}

/* --- input ------------------------------------------------------------ */

static void
input(int fd[2])
{
	join(fd[0], (const uint8_t *)"early", 5);
	spin();
	assert_int_equal(far.out_len, 5);	/* needs no event of fd */
	write_all(fd[1], pattern, BIG);
	shutdown(fd[1], SHUT_WR);
	spin();
	assert_int_equal(far.out_len, BIG + 5);
	assert_memory_equal(far.out, "early", 5);
	assert_memory_equal(far.out + 5, pattern, BIG);
	assert_int_equal(far.finished, 1);
	assert_int_equal(dones, 0);
	far.in_end = true;
	spin();
	assert_int_equal(dones, 1);
	assert_false(far.aborted);
	close(fd[1]);
}

static void
test_input_unix(void **state)
{
	int fd[2];

	(void)state;
	pair_unix(fd);
	input(fd);
}

static void
test_input_tcp(void **state)
{
	int fd[2];

	(void)state;
	pair_tcp(fd);
	input(fd);
}

/* What the other side does not take stays, and nothing more is read. */
static void
test_back_pressure(void **state)
{
	size_t sent = 0, i;
	ssize_t n;
	int fd[2];

	(void)state;
	pair_unix(fd);
	far.room = 1000;
	join(fd[0], NULL, 0);
	for (i = 0; i < 1000 && sent < BIG; i++) {
		n = send(fd[1], pattern + sent, BIG - sent, MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		spin();
	}
	assert_int_equal(far.out_len, 1000);
	assert_in_range(sent, 1000, 2 * 1024 * 1024);
	/* The end behind it is not lost either. */
	shutdown(fd[1], SHUT_WR);
	spin();
	assert_int_equal(far.finished, 0);
	while (far.out_len < sent) {
		far.room = 77777;
		spin();
	}
	assert_int_equal(far.out_len, sent);
	assert_memory_equal(far.out, pattern, sent);
	far.room = SIZE_MAX;
	spin();
	assert_int_equal(far.finished, 1);
	far.in_end = true;
	spin();
	assert_int_equal(dones, 1);
	close(fd[1]);
}

static void
test_early_and_back_pressure(void **state)
{
	int fd[2];

	(void)state;
	pair_unix(fd);
	far.room = 0;
	join(fd[0], pattern, 500);
	spin();
	write_all(fd[1], pattern + 500, 1000);
	close(fd[1]);
	far.room = 100;
	spin();
	assert_int_equal(far.out_len, 100);
	far.room = SIZE_MAX;
	spin();
	assert_int_equal(far.out_len, 1500);
	assert_memory_equal(far.out, pattern, 1500);
	far.in_end = true;
	spin();
	assert_int_equal(dones, 1);
}

static void
test_reset_by_the_peer(void **state)
{
	static const struct linger reset = { 1, 0 };
	int fd[2];

	(void)state;
	pair_tcp(fd);
	join(fd[0], NULL, 0);
	write_all(fd[1], pattern, 1000);
	setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd[1]);
	spin();
	assert_int_equal(dones, 1);
	assert_int_equal(far.out_len, 1000);
	assert_int_equal(far.finished, 0);
	assert_true(far.aborted);
}

/* --- output ----------------------------------------------------------- */

static void
output(int fd[2])
{
	uint8_t *got = malloc(BIG + 1);
	size_t n;

	assert_non_null(got);
	join(fd[0], NULL, 0);
	far.in = pattern;
	far.in_len = BIG;
	far.in_end = true;
	/* The other half is open: the end alone gets through. */
	assert_int_equal(read_all(fd[1], got, BIG + 1, &n, 100000), 0);
	assert_int_equal(n, BIG);
	assert_memory_equal(got, pattern, BIG);
	assert_int_equal(dones, 0);
	write_all(fd[1], pattern, 100);
	close(fd[1]);
	spin();
	assert_int_equal(far.out_len, 100);
	assert_int_equal(far.finished, 1);
	assert_int_equal(dones, 1);
	free(got);
}

static void
test_output_unix(void **state)
{
	int fd[2];

	(void)state;
	pair_unix(fd);
	output(fd);
}

static void
test_output_tcp(void **state)
{
	int fd[2];

	(void)state;
	pair_tcp(fd);
	output(fd);
}

static void
test_peer_has_gone(void **state)
{
	int fd[2];

	(void)state;
	pair_unix(fd);
	far.room = 0;		/* its end is not seen yet */
	join(fd[0], pattern, 10);
	spin();
	close(fd[1]);
	far.in = pattern;
	far.in_len = 1000;
	spin();
	assert_int_equal(dones, 0);
	far.room = SIZE_MAX;
	spin();
	assert_int_equal(far.out_len, 10);
	assert_int_equal(dones, 1);
}

/* --- closing ---------------------------------------------------------- */

static void
test_abort_is_a_reset(void **state)
{
	uint8_t got[10];
	struct relay *r;
	size_t n;
	int fd[2];

	(void)state;
	pair_tcp(fd);
	r = join(fd[0], NULL, 0);
	spin();
	relay_abort(r);
	assert_int_equal(dones, 1);
	assert_int_equal(read_all(fd[1], got, 10, &n, 10), ECONNRESET);
	close(fd[1]);
}

/* The far side hangs up in order, with what the client said still unread. */
static void
hangup_with_unread(int fd[2])
{
	uint8_t got[1000];
	size_t n;

	far.room = 0;
	join(fd[0], NULL, 0);
	write_all(fd[1], pattern, 1000);
	spin();
	write_all(fd[1], pattern, 1000);
	far.in = pattern;
	far.in_len = 500;
	far.in_end = true;
	relay_hangup(&far.ep);
	assert_int_equal(dones, 1);
	assert_int_equal(read_all(fd[1], got, sizeof(got), &n, 100), 0);
	assert_int_equal(n, 500);
	assert_memory_equal(got, pattern, 500);
	close(fd[1]);
	while (socket_endpoints_linger())	/* for a moment */
		spin();
}

static void
test_hangup_with_unread_unix(void **state)
{
	int fd[2];

	(void)state;
	pair_unix(fd);
	hangup_with_unread(fd);
}

static void
test_hangup_with_unread_tcp(void **state)
{
	int fd[2];

	(void)state;
	pair_tcp(fd);
	hangup_with_unread(fd);
}

/*
 * The far side is over while the client still sends and has not taken all:
 * it gets every byte that was accepted for it, then the end.
 */
static void
slow_reader(bool orderly)
{
	uint8_t *got = malloc(BIG + 1);
	size_t n, accepted;
	int fd[2], rc;

	assert_non_null(got);
	pair_tcp(fd);
	join(fd[0], NULL, 0);
	far.in = pattern;
	far.in_len = BIG;
	spin();			/* the kernel is full now */
	accepted = BIG - far.in_len;
	assert_in_range(accepted, 10000, BIG - 1);
	far.in_len = 0;
	far.in_end = orderly;
	if (!orderly)
		far.in_errno = ECONNRESET;
	far.out_errno = EPIPE;
	assert_true(send(fd[1], pattern, 5000, MSG_NOSIGNAL) > 0);
	if (far.ep.relay != NULL)
		relay_hangup(&far.ep);
	spin();
	send(fd[1], pattern, 5000, MSG_NOSIGNAL);
	rc = read_all(fd[1], got, BIG + 1, &n, 3000);
	assert_int_equal(n, accepted);
	assert_memory_equal(got, pattern, n);
	if (orderly)
		assert_int_equal(rc, 0);
	else
		assert_int_equal(rc, ECONNRESET);
	assert_int_equal(dones, 1);
	close(fd[1]);
	free(got);
	/* What lingers notices within a moment. */
	event_base_loopexit(base, &(struct timeval){ 0, 400000 });
	event_base_dispatch(base);
}

static void
test_slow_reader_gets_all(void **state)
{
	(void)state;
	slow_reader(true);
}

static void
test_slow_reader_then_reset(void **state)
{
	(void)state;
	slow_reader(false);
}

/* One end of a joined pair of sockets, as a program that uses it. */
struct user {
	int fd;
	uint8_t *got;
	size_t sent, read;
	bool ended;
};

static void
user_step(struct user *u)
{
	ssize_t n;

	if (u->sent < BIG) {
		n = send(u->fd, pattern + u->sent, BIG - u->sent,
		    MSG_NOSIGNAL);
		if (n > 0)
			u->sent += (size_t)n;
		if (u->sent == BIG)
			shutdown(u->fd, SHUT_WR);
	}
	n = read(u->fd, u->got + u->read, BIG + 1 - u->read);
	if (n > 0)
		u->read += (size_t)n;
	u->ended = n == 0;
}

/* Two sockets joined, both ways at once, with partial writes all the time. */
static void
test_two_sockets(void **state)
{
	struct user u[2] = { { 0 }, { 0 } };
	int64_t until = now_ms() + 20000;
	int a[2], b[2], i;

	(void)state;
	pair_tcp(a);
	pair_unix(b);
	u[0].fd = a[1];
	u[1].fd = b[1];
	u[0].got = malloc(BIG + 1);
	u[1].got = malloc(BIG + 1);
	relay_start(socket_endpoint_new(base, a[0], NULL, 0),
	    socket_endpoint_new(base, b[0], NULL, 0), on_done, NULL);
	while (!(u[0].ended && u[1].ended) && now_ms() < until) {
		user_step(&u[0]);
		user_step(&u[1]);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	for (i = 0; i < 2; i++) {
		assert_true(u[i].ended);
		assert_int_equal(u[i].read, BIG);
		assert_memory_equal(u[i].got, pattern, BIG);
		close(u[i].fd);
		free(u[i].got);
	}
	assert_int_equal(dones, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_input_unix),
		TEST(test_input_tcp),
		TEST(test_back_pressure),
		TEST(test_early_and_back_pressure),
		TEST(test_reset_by_the_peer),
		TEST(test_output_unix),
		TEST(test_output_tcp),
		TEST(test_peer_has_gone),
		TEST(test_abort_is_a_reset),
		TEST(test_hangup_with_unread_unix),
		TEST(test_hangup_with_unread_tcp),
		TEST(test_slow_reader_gets_all),
		TEST(test_slow_reader_then_reset),
		TEST(test_two_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
