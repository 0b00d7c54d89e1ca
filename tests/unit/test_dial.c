/* SPDX-License-Identifier: ISC */
/*
 * Dialing against real listeners on loopback and Unix sockets.  getaddrinfo()
 * is wrapped by the linker, for names that no machine has, and timer_set(), for
 * a head start that is longer than any test.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "descriptors.h"
#include "orthrus/transport/dial.h"

int __real_getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **list);
int __wrap_getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **list);

/* "six.test" is ::1 then 127.0.0.1, "slow.test" takes its time to fail. */
int
__wrap_getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **list)
{
	int r;

	if ((hints->ai_flags & AI_NUMERICHOST) != 0 ||
	    strstr(host, ".test") == NULL)
		return __real_getaddrinfo(host, service, hints, list);
	if (strcmp(host, "slow.test") == 0) {
		usleep(300 * 1000);
		return EAI_AGAIN;
	}
	r = __real_getaddrinfo("::1", service, hints, list);
	if (r == 0)
		r = __real_getaddrinfo("127.0.0.1", service, hints,
		    &(*list)->ai_next);
	return r;
}

void __real_timer_set(struct event *timer, uint64_t ms);
void __wrap_timer_set(struct event *timer, uint64_t ms);

#define HEAD_START_MS 250
static bool long_head_start;

void
__wrap_timer_set(struct event *timer, uint64_t ms)
{
	if (long_head_start && ms == HEAD_START_MS)
		ms = 600 * 1000;
	__real_timer_set(timer, ms);
}

static struct event_base *base;
static struct dialer *dialer;

struct result {
	unsigned calls;
	int fd, error;
};

static void
on_done(void *arg, int fd, int error)
{
	struct result *r = arg;

	r->calls++;
	r->fd = fd;
	r->error = error;
	event_base_loopbreak(base);
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
run_for(long ms)
{
	struct timeval tv = { .tv_sec = ms / 1000,
	    .tv_usec = ms % 1000 * 1000 };

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

static struct result
dial(const struct address *to, uint64_t timeout_ms)
{
	struct result r = { 0, -2, -2 };

	dial_start(dialer, to, timeout_ms, on_done, &r);
	assert_int_equal(r.calls, 0);
	event_base_dispatch(base);
	assert_int_equal(r.calls, 1);
	return r;
}

static struct address
tcp(const char *host, uint16_t port)
{
	struct address a = { .kind = ADDRESS_TCP, .port = port };

	snprintf(a.host, sizeof(a.host), "%s", host);
	return a;
}

static struct address
unix_path(const char *path)
{
	struct address a = { .kind = ADDRESS_UNIX };

	snprintf(a.path, sizeof(a.path), "%s", path);
	return a;
}

static void
expect_connected(struct result r, bool is_tcp)
{
	int flag = 0;
	socklen_t len = sizeof(flag);

	if (r.error != 0)
		fail_msg("%s", dial_strerror(r.error));
	assert_true(r.fd >= 0);
	assert_true((fcntl(r.fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(r.fd, F_GETFD) & FD_CLOEXEC) != 0);
	if (is_tcp) {
		assert_int_equal(getsockopt(r.fd, IPPROTO_TCP, TCP_NODELAY,
		    &flag, &len), 0);
		assert_int_not_equal(flag, 0);
	}
	assert_int_equal(send(r.fd, "x", 1, MSG_NOSIGNAL), 1);
	close(r.fd);
}

static void
expect_failed(struct result r, int error)
{
	assert_int_equal(r.fd, -1);
	assert_int_equal(r.error, error);
}

/* A listener on 127.0.0.1 or ::1; *port 0 lets the kernel choose. */
static int
listener(int family, uint16_t *port, int backlog)
{
	struct sockaddr_storage ss = { .ss_family = (sa_family_t)family };
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	socklen_t len = family == AF_INET ? sizeof(*in) : sizeof(*in6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (family == AF_INET) {
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		in->sin_port = htons(*port);
	} else {
		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons(*port);
	}
	if (bind(fd, (struct sockaddr *)&ss, len) == -1 ||
	    listen(fd, backlog) == -1 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) == -1) {
		close(fd);
		return -1;
	}
	*port = ntohs(family == AF_INET ? in->sin_port : in6->sin6_port);
	return fd;
}

#define FILLERS 4

/* A listener whose queue is full, so that a further SYN gets no answer. */
static int
dead_listener(int family, uint16_t *port, int fillers[FILLERS])
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = listener(family, port, 0), i;

	if (fd == -1)
		return -1;
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	for (i = 0; i < FILLERS; i++) {
		fillers[i] = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fillers[i], (struct sockaddr *)&ss, len);
		usleep(1000);
	}
	return fd;
}

static void
close_all(int fd, int fillers[FILLERS])
{
	int i;

	close(fd);
	for (i = 0; i < FILLERS; i++)
		close(fillers[i]);
}

static int
set_up(void **state)
{
	(void)state;
	base = event_base_new();
	dialer = dialer_new(base);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	dialer_free(dialer);
	event_base_free(base);
	return 0;
}

static void
test_literals(void **state)
{
	uint16_t port = 0;
	int fd = listener(AF_INET, &port, 16);
	struct address to = tcp("127.0.0.1", port);

	(void)state;
	expect_connected(dial(&to, 2000), true);
	close(fd);
	expect_failed(dial(&to, 2000), ECONNREFUSED);
	port = 0;
	fd = listener(AF_INET6, &port, 16);
	if (fd == -1)
		return;		/* no IPv6 in this place */
	to = tcp("::1", port);
	expect_connected(dial(&to, 2000), true);
	close(fd);
	expect_failed(dial(&to, 2000), ECONNREFUSED);
}

/* It may have two addresses, of which only one answers. */
static void
test_localhost(void **state)
{
	uint16_t port = 0;
	int fd = listener(AF_INET, &port, 16);
	struct address to = tcp("localhost", port);

	(void)state;
	expect_connected(dial(&to, 5000), true);
	close(fd);
	expect_failed(dial(&to, 5000), ECONNREFUSED);
}

static void
test_name_not_found(void **state)
{
	/* A label of 64 bytes cannot be asked for: no query goes out. */
	struct address to = tcp("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid", 80);

	(void)state;
	expect_failed(dial(&to, 5000), EADDRNOTAVAIL);
	assert_string_equal(dial_strerror(EADDRNOTAVAIL), "name not found");
	assert_string_equal(dial_strerror(ECONNREFUSED),
	    strerror(ECONNREFUSED));
}

static void
test_timeout(void **state)
{
	uint16_t port = 0;
	int fillers[FILLERS], fd = dead_listener(AF_INET, &port, fillers);
	struct address to = tcp("127.0.0.1", port);
	uint64_t start = now_ms();

	(void)state;
	expect_failed(dial(&to, 300), ETIMEDOUT);
	assert_in_range(now_ms() - start, 290, UINT64_MAX);
	close_all(fd, fillers);
}

/* The first address hangs: the other one gets its turn after 250 ms. */
static void
test_head_start(void **state)
{
	int fillers[FILLERS], dead, alive;
	struct address to;
	uint16_t port = 0;
	uint64_t start;

	(void)state;
	dead = dead_listener(AF_INET6, &port, fillers);
	if (dead == -1)
		skip();		/* no IPv6 in this place */
	alive = listener(AF_INET, &port, 16);
	assert_true(alive != -1);
	to = tcp("six.test", port);
	start = now_ms();
	expect_connected(dial(&to, 5000), true);
	assert_in_range(now_ms() - start, 240, UINT64_MAX);
	close(alive);
	/* Refused by one and silent on the other: refused tells more. */
	expect_failed(dial(&to, 600), ECONNREFUSED);
	close_all(dead, fillers);
}

/* The first address refuses: the other one is tried without a pause. */
static void
test_next_at_once(void **state)
{
	uint16_t port = 0;
	int fd = listener(AF_INET, &port, 16);
	struct address to = tcp("six.test", port);

	(void)state;
	long_head_start = true;
	expect_connected(dial(&to, 5000), true);
	long_head_start = false;
	close(fd);
}

static void
test_unix(void **state)
{
	char dir[] = "/tmp/orthrus-dial.XXXXXX";
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct address to;
	struct result r;
	int fd, clients[8], i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", dir);
	to = unix_path(sun.sun_path);
	expect_failed(dial(&to, 1000), ENOENT);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	expect_failed(dial(&to, 1000), ECONNREFUSED);
	assert_int_equal(listen(fd, 1), 0);
	expect_connected(dial(&to, 1000), false);
	/* A full queue is waited for, and in vain until somebody accepts. */
	for (i = 0; i < 8; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(clients[i], (struct sockaddr *)&sun, sizeof(sun));
	}
	expect_failed(dial(&to, 200), ETIMEDOUT);
	r = (struct result){ 0, -2, -2 };
	dial_start(dialer, &to, 5000, on_done, &r);
	run_for(100);
	assert_int_equal(r.calls, 0);
	for (i = 0; i < 2; i++)
		close(accept(fd, NULL, NULL));
	event_base_dispatch(base);
	assert_int_equal(r.calls, 1);
	expect_connected(r, false);
	for (i = 0; i < 8; i++)
		close(clients[i]);
	close(fd);
	unlink(sun.sun_path);
	rmdir(dir);
}

static void
test_cancel(void **state)
{
	unsigned before = open_descriptors();
	uint16_t port = 0;
	int fillers[FILLERS], fd = dead_listener(AF_INET, &port, fillers);
	struct address literal = tcp("127.0.0.1", port);
	struct address name = tcp("localhost", port);
	struct address gone = unix_path("/nonexistent/socket");
	struct result r = { 0, -2, -2 };
	struct dial *d[4];
	int i;

	(void)state;
	d[0] = dial_start(dialer, &literal, 1000, on_done, &r);
	d[1] = dial_start(dialer, &name, 1000, on_done, &r);
	d[2] = dial_start(dialer, &gone, 1000, on_done, &r);
	for (i = 0; i < 3; i++)
		dial_cancel(d[i]);
	d[0] = dial_start(dialer, &literal, 1000, on_done, &r);
	d[1] = dial_start(dialer, &name, 1000, on_done, &r);
	run_for(50);
	dial_cancel(d[0]);
	dial_cancel(d[1]);
	run_for(50);
	assert_int_equal(r.calls, 0);
	close_all(fd, fillers);
	assert_int_equal(open_descriptors(), before);
}

/* More than the threads, and more than the wake-up socket holds bytes. */
static void
test_many(void **state)
{
	enum { MANY = 1000 };
	static struct result results[MANY];
	uint16_t port = 0;
	int fd = listener(AF_INET, &port, 4096), i;
	struct address to = tcp("localhost", port);
	uint64_t start = now_ms();
	unsigned calls;

	(void)state;
	memset(results, 0, sizeof(results));
	for (i = 0; i < MANY; i++)
		dial_start(dialer, &to, 20000, on_done, &results[i]);
	sleep(1);	/* all answers arrive before the loop looks once */
	do {
		event_base_loop(base, EVLOOP_ONCE);
		for (calls = 0, i = 0; i < MANY; i++)
			calls += results[i].calls;
	} while (calls < MANY && now_ms() - start < 25000);
	assert_int_equal(calls, MANY);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(results[i].calls, 1);
		if (results[i].fd != -1)
			close(results[i].fd);
		else
			assert_int_equal(results[i].error, EMFILE);
	}
	close(fd);
}

static void
test_queue_is_bounded(void **state)
{
	enum { MANY = 1100 };
	static struct result results[MANY];
	struct address to = tcp("slow.test", 1);
	unsigned full = 0;
	int i;

	(void)state;
	memset(results, 0, sizeof(results));
	for (i = 0; i < MANY; i++)
		dial_start(dialer, &to, 20000, on_done, &results[i]);
	for (i = 0; i < MANY; i++)	/* each call breaks the loop */
		event_base_loop(base, EVLOOP_NONBLOCK);
	for (i = 0; i < MANY; i++)
		full += results[i].calls != 0 && results[i].error == EAGAIN;
	assert_in_range(full, MANY - 1024 - 4, MANY - 1024);
	/* The rest is cancelled without a call by dialer_free(). */
}

/* Threads that are busy when the dialer goes free their own work. */
static void
test_free_while_busy(void **state)
{
	struct event_base *other = event_base_new();
	struct dialer *d = dialer_new(other);
	struct address to = tcp("slow.test", 80);
	struct result r = { 0, -2, -2 };
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		dial_start(d, &to, 1000, on_done, &r);
	usleep(50 * 1000);
	dialer_free(d);
	event_base_free(other);
	usleep(500 * 1000);
	assert_int_equal(r.calls, 0);
	dialer_free(NULL);
}

/* --- by another process ------------------------------------------- */

static unsigned reloads, ends;

static void
on_reload(void *arg)
{
	(void)arg;
	reloads++;
	event_base_loopbreak(base);
}

static void
on_ended(void *arg)
{
	(void)arg;
	ends++;
	event_base_loopbreak(base);
}

static bool
only_80(void *arg, const struct address *to, const struct sockaddr *resolved)
{
	(void)arg;
	(void)resolved;
	return to->port != 80;
}

/* The other process is played by the same loop. */
static void
test_elsewhere(void **state)
{
	static const struct dial_service_events events = { on_reload,
	    on_ended };
	unsigned before = open_descriptors();
	struct dial_service *s;
	struct dialer *own = dialer;
	struct address to;
	struct result r, cancelled = { 0, -2, -2 };
	int pair[2], fd, nonsense;
	uint16_t port;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    pair), 0);
	s = dial_service_new(base, own, pair[1], &events, NULL);
	dialer_set_filter(own, only_80, NULL);
	dialer = dialer_new_elsewhere(base, pair[0]);
	fd = listener(AF_INET, &port, 8);
	to = tcp("127.0.0.1", port);
	r = dial(&to, 5000);
	assert_int_equal(r.error, 0);
	assert_true(fcntl(r.fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(r.fd, F_GETFL) & O_NONBLOCK);
	close(r.fd);
	/* One that is cancelled is closed when it comes. */
	dial_cancel(dial_start(dialer, &to, 5000, on_done, &cancelled));
	close(fd);
	r = dial(&to, 5000);
	assert_int_equal(r.error, ECONNREFUSED);
	to = tcp("127.0.0.1", 80);
	assert_int_equal(dial(&to, 5000).error, EACCES);
	to = tcp("nobody.invalid", 81);
	assert_int_equal(dial(&to, 5000).error, EADDRNOTAVAIL);
	to = unix_path("/nowhere");
	assert_int_equal(dial(&to, 5000).error, EAGAIN);
	dialer_reload(dialer);
	event_base_dispatch(base);
	assert_int_equal(reloads, 1);
	assert_int_equal(cancelled.calls, 0);
	/* What is no question ends it, as the end of the other one does. */
	nonsense = dup(pair[0]);
	assert_int_equal(send(nonsense, "nonsense", 8, 0), 8);
	event_base_dispatch(base);
	assert_int_equal(ends, 1);
	close(nonsense);
	dialer_free(dialer);
	dial_service_free(s);
	close(pair[0]);
	close(pair[1]);
	dialer = own;
	dialer_set_filter(own, NULL, NULL);
	assert_int_equal(open_descriptors(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_localhost),
		cmocka_unit_test(test_name_not_found),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_head_start),
		cmocka_unit_test(test_next_at_once),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_free_while_busy),
		cmocka_unit_test(test_queue_is_bounded),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
