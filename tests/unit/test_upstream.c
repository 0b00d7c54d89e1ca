/* SPDX-License-Identifier: ISC */
/*
 * A connection to a server behind, which is in memory here: requests, answers
 * that wait, ends in order and others, and questions on top of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "memory_endpoint.h"
#include "orthrus/http/get.h"
#include "orthrus/http/upstream.h"

static struct event_base *base;
static struct memory far;
static struct http_upstream *up;
static struct endpoint *asked;
static void (*tell)(struct endpoint *ep, const char *why);
static unsigned cancels, losses, answers;
static size_t room;
static char got[256];
static size_t got_len;
static const char *why_lost, *why_none;
static bool frees;
static int status;

/* --- a way that the test decides on ------------------------------- */

static void *
way_connect(void *arg, struct endpoint *ep,
    void (*failed)(struct endpoint *ep, const char *why))
{
	(void)arg;
	asked = ep;
	tell = failed;
	return &cancels;
}

static void
way_cancel(void *handle)
{
	assert_ptr_equal(handle, &cancels);
	cancels++;
}

static const struct http_way way = { way_connect, way_cancel, NULL };

static size_t
on_room(void *arg)
{
	(void)arg;
	return room;
}

static void
on_data(void *arg, const uint8_t *p, size_t n)
{
	(void)arg;
	assert_true(n <= room);
	memcpy(got + got_len, p, n);
	got_len += n;
	if (room != SIZE_MAX)
		room -= n;
	if (frees) {
		http_upstream_free(up);
		up = NULL;
	}
}

static void
on_lost(void *arg, const char *why)
{
	(void)arg;
	losses++;
	why_lost = why;
}

static void
settle(void)
{
	int i;

	for (i = 0; i < 20; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (far.ep.relay != NULL)
			memory_step(&far);
	}
}

static void
join(void)
{
	relay_start(&far.ep, asked, NULL, NULL);
	settle();
}

static void
say(const char *text)
{
	far.in = (const uint8_t *)text;
	far.in_len = strlen(text);
	settle();
}

static int
setup(void **state)
{
	static const struct http_upstream_events events = { on_room, on_data,
	    on_lost };

	(void)state;
	base = event_base_new();
	memory_init(&far);
	cancels = losses = answers = 0;
	room = SIZE_MAX;
	got_len = 0;
	why_lost = why_none = NULL;
	frees = false;
	status = -1;
	up = http_upstream_new(base, &way, &events, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	http_upstream_free(up);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	memory_free(&far);
	return 0;
}

/* --- tests -------------------------------------------------------- */

static void
test_request_and_answer(void **state)
{
	(void)state;
	http_upstream_send(up, "GET", 3);	/* before it is there */
	join();
	assert_int_equal(far.out_len, 3);
	assert_false(http_upstream_is_quiet(up));
	say("answer");
	assert_int_equal(got_len, 6);
	http_upstream_rest(up);
	assert_true(http_upstream_is_quiet(up));
	http_upstream_send(up, "again", 5);
	settle();
	assert_int_equal(far.out_len, 8);
	assert_int_equal(losses, 0);
}

static void
test_waits_for_room(void **state)
{
	(void)state;
	http_upstream_send(up, "GET", 3);
	join();
	room = 4;
	say("abcdefgh");
	assert_int_equal(got_len, 4);
	room = 2;
	http_upstream_resume(up);
	assert_int_equal(got_len, 6);
	room = 100;
	http_upstream_resume(up);
	assert_memory_equal(got, "abcdefgh", 8);
}

static void
test_ends(void **state)
{
	(void)state;
	http_upstream_send(up, "GET", 3);
	join();
	far.in_end = true;
	settle();
	assert_int_equal(losses, 1);
	assert_string_equal(why_lost, "it closed the connection");
	assert_false(http_upstream_is_quiet(up));
}

static void
test_ends_at_rest(void **state)
{
	(void)state;
	join();
	far.in_end = true;
	/* It is seen at once by whoever asks. */
	assert_false(http_upstream_is_quiet(up));
	settle();
	assert_int_equal(losses, 1);
	assert_null(why_lost);
}

static void
test_speaks_unasked(void **state)
{
	(void)state;
	join();
	say("x");
	assert_int_equal(losses, 1);
	assert_non_null(why_lost);
	assert_int_equal(got_len, 0);
}

static void
test_cannot_be_reached(void **state)
{
	(void)state;
	tell(asked, "no");
	assert_int_equal(losses, 0);
	settle();
	assert_int_equal(losses, 1);
	assert_string_equal(why_lost, "no");
	http_upstream_free(up);
	up = NULL;
	assert_int_equal(cancels, 0);
}

static void
test_freed(void **state)
{
	(void)state;
	http_upstream_send(up, "GET", 3);
	join();
	frees = true;
	say("answer");
	assert_null(up);
	assert_int_equal(far.closed, 1);
	assert_int_equal(losses, 0);
}

static void
test_freed_before(void **state)
{
	(void)state;
	http_upstream_free(up);
	up = NULL;
	assert_int_equal(cancels, 1);
}

static void
on_got(void *arg, int code, const uint8_t *p, size_t n, const char *why)
{
	(void)arg;
	answers++;
	status = code;
	why_none = why;
	if (n > 0)
		memcpy(got, p, n);
	got_len = n;
}

static void
question(const char *request, size_t max, const char *answer)
{
	http_get_start(base, &way, request, max, 10, on_got, NULL);
	join();
	say(answer);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(answers, 1);
}

static void
test_question(void **state)
{
	(void)state;
	question("GET / HTTP/1.1\r\n\r\n", 5, "HTTP/1.1 200 OK\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
	assert_int_equal(status, 200);
	assert_memory_equal(got, "hello", 5);
	assert_null(why_none);
}

static void
test_question_without_body(void **state)
{
	(void)state;
	question("HEAD / HTTP/1.1\r\n\r\n", 0, "HTTP/1.1 200 OK\r\n"
	    "Content-Length: 5\r\n\r\n");
	assert_int_equal(status, 200);
}

static void
test_question_too_long(void **state)
{
	(void)state;
	question("GET / HTTP/1.1\r\n\r\n", 4, "HTTP/1.1 200 OK\r\n"
	    "Content-Length: 5\r\n\r\nhello");
	assert_int_equal(status, 0);
	assert_non_null(why_none);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_request_and_answer), TEST(test_waits_for_room),
		TEST(test_ends), TEST(test_ends_at_rest),
		TEST(test_speaks_unasked), TEST(test_cannot_be_reached),
		TEST(test_freed), TEST(test_freed_before),
		TEST(test_question), TEST(test_question_without_body),
		TEST(test_question_too_long)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
