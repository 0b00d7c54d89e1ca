/* SPDX-License-Identifier: ISC */
/*
 * A process that is stopped for seconds: its clock of others' silence stands,
 * and deadlines leave the time that they had.
 */
#include <sys/types.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "orthrus/base/loop.h"

#define STOPPED_MS 4000
#define DEADLINE_MS 3000
#define TIMER_MS 3500

/* What a stopped process has seen, told over a pipe. */
struct seen {
	uint64_t began, began_awake;
	uint64_t timer_at, timer_awake;		/* of a timer that is none */
	uint64_t deadline_at, deadline_awake;
	uint64_t forgotten_at;
	bool back;			/* the awake clock went back */
};

static struct event_base *base;
static struct seen seen;
static uint64_t newest;

static void
look(uint64_t *at, uint64_t *awake)
{
	*at = clock_ms();
	*awake = clock_awake_ms();
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	look(&seen.timer_at, &seen.timer_awake);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	look(&seen.deadline_at, &seen.deadline_awake);
	event_base_loopbreak(base);
}

static void
on_forgotten(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	seen.forgotten_at = clock_ms();
}

static void
on_often(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = clock_awake_ms();

	(void)fd;
	(void)what;
	(void)arg;
	seen.back = seen.back || now < newest;
	newest = now;
}

/* The child: tells that it runs, is stopped, and tells what it has seen. */
static void
be_stopped(int out)
{
	static const struct timeval period = { 0, 20000 };
	struct event *timer, *deadline, *often, *forgotten;

	base = loop_new();
	timer = evtimer_new(base, on_timer, NULL);
	deadline = deadline_new(base, on_deadline, NULL);
	forgotten = deadline_new(base, on_forgotten, NULL);
	often = event_new(base, -1, EV_PERSIST, on_often, NULL);
	event_add(often, &period);
	timer_set(timer, TIMER_MS);
	timer_set(deadline, DEADLINE_MS);
	timer_set(forgotten, DEADLINE_MS);
	event_del(forgotten);
	look(&seen.began, &seen.began_awake);
	if (write(out, "r", 1) != 1)
		_exit(1);
	event_base_dispatch(base);
	event_free(timer);
	event_free(deadline);
	event_free(forgotten);
	event_free(often);
	loop_free(base);
	if (write(out, &seen, sizeof(seen)) != sizeof(seen))
		_exit(1);
	_exit(0);
}

static void
test_stopped(void **state)
{
	int pipes[2], status;
	uint64_t resumed;
	pid_t child;
	char ready;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	fflush(NULL);
	child = fork();
	if (child == 0)
		be_stopped(pipes[1]);
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &ready, 1), 1);
	usleep(100000);
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_true(WIFSTOPPED(status));
	usleep(STOPPED_MS * 1000);
	resumed = clock_ms();
	assert_int_equal(kill(child, SIGCONT), 0);
	assert_int_equal(read(pipes[0], &seen, sizeof(seen)), sizeof(seen));
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);

	/* A timer is late, as it always was. */
	assert_true(seen.timer_at >= resumed);
	/* A deadline leaves what was left, and it was nearly all. */
	assert_true(seen.deadline_at - resumed >= DEADLINE_MS - 1000);
	/*
	 * The clock has hardly moved by the standstill, a tick and what one may
	 * be late at most, and stood a while.
	 */
	assert_true(seen.timer_awake - seen.began_awake <=
	    seen.timer_at - seen.began - STOPPED_MS + 2000);
	assert_true(seen.deadline_awake >= seen.timer_awake);
	assert_false(seen.back);
	assert_true(seen.forgotten_at == 0);
}

/* Without a standstill both clocks go at the same pace. */
static void
test_awake(void **state)
{
	uint64_t at, awake, before, before_awake;
	struct event *deadline;

	(void)state;
	base = loop_new();
	deadline = deadline_new(base, on_deadline, NULL);
	look(&before, &before_awake);
	timer_set(deadline, 1500);
	event_base_dispatch(base);
	look(&at, &awake);
	assert_true(awake - before_awake + 2 >= at - before ||
	    at - before > 1900);	/* on a machine that does stand still */
	assert_true(at - before >= 1490);
	event_free(deadline);
	loop_free(base);
	assert_true(clock_awake_ms() - clock_ms() + 5 <= 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_awake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
