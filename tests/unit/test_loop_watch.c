/* SPDX-License-Identifier: ISC */
/*
 * The watch over the loop: what it counts, to whom, and what the log says of
 * processor time.  On a busy machine everything takes longer: so only what must
 * be at least is asserted, and processor time.
 */
#include <sys/mman.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "orthrus/base/loop.h"

#define LONG_US 80000

static struct event_base *base;
static int saved_stderr, capture;

static int
setup(void **state)
{
	(void)state;
	base = event_base_new();
	loop_watch();
	capture = memfd_create("stderr", MFD_CLOEXEC);
	saved_stderr = dup(STDERR_FILENO);
	return base == NULL || dup2(capture, STDERR_FILENO) == -1 ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(capture);
	event_base_free(base);
	return 0;
}

static uint64_t
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Runs for this long by the processor's time. */
static void
work(uint64_t us)
{
	uint64_t end = cpu_us() + us;

	while (cpu_us() < end)
		;
}

static void
on_work(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	loop_doing(LOOP_STREAM);
	work(5000);
	loop_doing(LOOP_LIST);
	work(*(const uint64_t *)arg);
}

static void
on_sleep(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	loop_doing(LOOP_REGISTRY);
	usleep(LONG_US);
}

/* Runs cb once, from the loop, after this time. */
static void
run_once(event_callback_fn cb, const void *arg, suseconds_t after)
{
	struct timeval tv = { 0, after };

	event_base_once(base, -1, EV_TIMEOUT, cb, (void *)(uintptr_t)arg, &tv);
	event_base_dispatch(base);
}

/*
 * Has the loop wait once more, which ends the turn before, and returns what the
 * log has.
 */
static char *
logged(void)
{
	static char text[4096];
	static const uint64_t nothing;
	ssize_t n;

	run_once(on_work, &nothing, 1);
	n = pread(capture, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void
test_long_turn(void **state)
{
	static const uint64_t long_us = LONG_US;
	const struct loop_held *list = loop_held(LOOP_LIST);
	uint64_t turns = list->turns, us = list->us;
	unsigned long long ms = 0, cpu = 0;
	char *line;

	(void)state;
	run_once(on_work, &long_us, 0);
	line = strstr(logged(), "the loop was held");
	assert_int_equal(list->turns, turns + 1);
	assert_true(list->us - us >= LONG_US);
	assert_string_equal(list->by, "list");
	assert_non_null(line);
	assert_int_equal(sscanf(line, "the loop was held for %llu ms (CPU %llu",
	    &ms, &cpu), 2);
	assert_true(cpu >= LONG_US / 1000);
	assert_true(ms >= cpu);
	assert_non_null(strstr(line, " by: list;"));
}

static void
test_other_machine(void **state)
{
	uint64_t turns = loop_held(LOOP_REGISTRY)->turns;
	unsigned long long ms, cpu;
	char *line;

	(void)state;
	usleep(1000000);	/* one line a second */
	run_once(on_sleep, NULL, 0);
	line = strstr(logged(), "info the loop was held");
	assert_int_equal(loop_held(LOOP_REGISTRY)->turns, turns + 1);
	assert_non_null(line);
	assert_int_equal(sscanf(line, "info the loop was held for %llu ms (CPU "
	    "%llu", &ms, &cpu), 2);
	assert_true(ms >= LONG_US / 1000);
	assert_true(cpu < LONG_US / 1000 / 2);
}

static uint64_t
all_held(void)
{
	enum loop_work i;
	uint64_t us = 0;

	for (i = LOOP_OTHER; i < NLOOP_WORKS; i++)
		us += loop_held(i)->us;
	return us;
}

/* The time that the loop waits is nobody's. */
static void
test_waiting(void **state)
{
	static const uint64_t nothing;
	uint64_t before = all_held(), began = clock_us();

	(void)state;
	run_once(on_work, &nothing, 900000);
	logged();
	assert_true(all_held() - before + 890000 <= clock_us() - began);
}

static void
test_word_given_back(void **state)
{
	(void)state;
	loop_doing(LOOP_HTTP);
	assert_int_equal(loop_doing(LOOP_LIST), LOOP_HTTP);
	assert_int_equal(loop_doing(LOOP_OTHER), LOOP_LIST);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_long_turn, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_other_machine, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_word_given_back, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
