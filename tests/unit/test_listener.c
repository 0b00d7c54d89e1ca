/* SPDX-License-Identifier: ISC */
/*
 * Listeners on loopback and in a file: how much one turn of the loop accepts,
 * and what stops it.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/transport/listener.h"

#define A_TURN 16		/* accepted at most */
#define CROWD 100

static char dir[] = "/tmp/orthrus-listener.XXXXXX", path[64];
static struct event_base *base;
static struct listener *l;
static int crowd[2 * CROWD];
static size_t ncrowd;

/* What the accept function has seen, and what it does. */
static struct {
	size_t accepted, stop_at;
	enum { GO_ON, PAUSE, HOLD, FREE } then;
	int flags, descriptor_flags;
} seen;

static void
on_accept(void *arg, int fd)
{
	assert_ptr_equal(arg, &seen);
	seen.flags = fcntl(fd, F_GETFL);
	seen.descriptor_flags = fcntl(fd, F_GETFD);
	close(fd);
	if (++seen.accepted != seen.stop_at)
		return;
	if (seen.then == PAUSE)
		listener_pause(l, 1);
	else if (seen.then == HOLD)
		listener_hold(l, true);
	else if (seen.then == FREE) {
		listener_free(l);
		l = NULL;
	}
}

static void
listen_at(const char *where)
{
	struct address at;
	struct error e;

	assert_int_equal(address_parse(where, true, &at, &e), 0);
	l = listener_new(base, &at, on_accept, &seen, &e);
	assert_non_null(l);
}

/* One more that has connected, to a family's loopback or to the file. */
static void
come(int family)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un file;
	} to = { .any.sa_family = (sa_family_t)family };
	socklen_t len = sizeof(to.file);
	int fd = socket(family, SOCK_STREAM, 0);

	assert_int_not_equal(fd, -1);
	if (family == AF_INET) {
		to.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		to.v4.sin_port = htons(listener_port(l));
		len = sizeof(to.v4);
	} else if (family == AF_INET6) {
		to.v6.sin6_addr = in6addr_loopback;
		to.v6.sin6_port = htons(listener_port(l));
		len = sizeof(to.v6);
	} else
		strcpy(to.file.sun_path, path);
	assert_int_equal(connect(fd, &to.any, len), 0);
	crowd[ncrowd++] = fd;
}

static void
crowd_comes(int family)
{
	size_t i;

	for (i = 0; i < CROWD; i++)
		come(family);
}

/* One poll and what it brings. */
static size_t
turn(void)
{
	size_t before = seen.accepted;

	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	return seen.accepted - before;
}

static int
setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	ncrowd = 0;
	base = event_base_new();
	return base == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	listener_free(l);
	l = NULL;
	while (ncrowd > 0)
		close(crowd[--ncrowd]);
	event_base_free(base);
	return 0;
}

static void
assert_few_in_each_turn(void)
{
	size_t n, turns = 0;

	while ((n = turn()) > 0) {
		assert_in_range(n, 1, A_TURN);
		turns++;
	}
	assert_int_equal(seen.accepted, ncrowd);
	assert_in_range(turns, (ncrowd + A_TURN - 1) / A_TURN, ncrowd);
	assert_true(seen.flags & O_NONBLOCK);
	assert_true(seen.descriptor_flags & FD_CLOEXEC);
}

static void
test_tcp(void **state)
{
	(void)state;
	listen_at("127.0.0.1:0");
	crowd_comes(AF_INET);
	assert_few_in_each_turn();
}

static void
test_file(void **state)
{
	(void)state;
	listen_at(path);
	crowd_comes(AF_UNIX);
	assert_few_in_each_turn();
}

static bool
has_ipv6(void)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6,
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool ok = fd != -1 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;

	close(fd);
	return ok;
}

/* Two sockets have no more of a turn than one. */
static void
test_both_families(void **state)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6,
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	char where[32];
	int fd, port;

	(void)state;
	if (!has_ipv6())
		skip();
	/* A port that is free now, for both. */
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at,
	    &(socklen_t){ sizeof(at) }), 0);
	port = ntohs(at.sin6_port);
	close(fd);
	snprintf(where, sizeof(where), "localhost:%d", port);
	listen_at(where);
	crowd_comes(AF_INET);
	crowd_comes(AF_INET6);
	assert_few_in_each_turn();
}

/* --- what stops it in the middle of a turn ---------------------------- */

static void
stop_at(size_t n, int then)
{
	seen.stop_at = n;
	seen.then = then;
	listen_at("127.0.0.1:0");
	crowd_comes(AF_INET);
	assert_int_equal(turn(), n);
}

static void
test_pause(void **state)
{
	uint64_t end = clock_ms() + 20000;

	(void)state;
	stop_at(5, PAUSE);
	while (seen.accepted < CROWD && clock_ms() < end)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(seen.accepted, CROWD);
}

static void
test_hold(void **state)
{
	(void)state;
	stop_at(5, HOLD);
	assert_int_equal(turn(), 0);
	listener_hold(l, false);
	assert_int_equal(turn(), A_TURN);
}

static void
test_freed_inside(void **state)
{
	(void)state;
	stop_at(5, FREE);
	assert_null(l);
	assert_int_equal(turn(), 0);
}

/* --- no descriptors --------------------------------------------------- */

static int
lowest_free_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

/* It pauses instead of spinning, and goes on when there are some again. */
static void
test_no_descriptors(void **state)
{
	struct rlimit before, none;
	uint64_t end = clock_ms() + 20000;

	(void)state;
	listen_at("127.0.0.1:0");
	come(AF_INET);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)lowest_free_descriptor();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(turn(), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(turn(), 0);		/* it waits for its time */
	while (seen.accepted == 0 && clock_ms() < end)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(seen.accepted, 1);
}

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/socket", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tcp),
		TEST(test_file),
		TEST(test_both_families),
		TEST(test_pause),
		TEST(test_hold),
		TEST(test_freed_inside),
		TEST(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
