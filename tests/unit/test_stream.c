/* SPDX-License-Identifier: ISC */
/*
 * Streams between memory endpoints, channels of a far end in memory, and real
 * sockets: who asks is joined with what it awaits, or told why not, and each
 * ends once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>
#include <event2/event.h>

#include "orthrus/base/mem.h"
#include "orthrus/stream/stream.h"
#include "orthrus/transport/dial.h"

#include "../../src/ssh/mux_private.h"
#include "fake_peer.h"
#include "memory_endpoint.h"

#define OPEN 90			/* RFC 4254 section 9 */
#define CONFIRMED 91
#define REFUSED 92
#define DATA 94
#define CLOSE 97
#define WINDOW 65536
#define PEER 70			/* the far end's numbers */
#define LONG_MS 60000		/* longer than any test takes */

static struct event_base *base;
static struct mux *mux;		/* NULL once a test has freed it */
static struct channel *incoming;
static const struct address host = {
	.kind = ADDRESS_TCP, .host = "host", .port = 80
};

/* What became of the one stream that a test has. */
static struct {
	unsigned here, failed, late, ended;
	enum open_failure reason;
	char text[128];		/* "(none)": it was NULL */
	uint64_t out, in;
	bool again;		/* failed() awaits another channel */
} seen;
static struct memory local, far;

/* --- the stream's events ---------------------------------------------- */

static struct endpoint *
on_here(struct stream *st)
{
	(void)st;
	seen.here++;
	return &local.ep;
}

static void
on_failed(struct stream *st, enum open_failure reason, const char *text)
{
	seen.failed++;
	seen.reason = reason;
	snprintf(seen.text, sizeof(seen.text), "%s",
	    text != NULL ? text : "(none)");
	if (seen.again)
		assert_true(stream_open(st, mux_open, mux, &host, LONG_MS));
	else if (st->from != NULL)
		stream_refuse(st, reason, seen.text);
	else
		stream_end(st);
}

static void
on_late(struct stream *st)
{
	seen.late++;
	stream_end(st);
}

static void
on_ended(struct stream *st, uint64_t out, uint64_t in)
{
	assert_true(st->over);
	seen.ended++;
	seen.out = out;
	seen.in = in;
}

static const struct stream_events events = {
	on_here, on_failed, on_late, on_ended
};

/* from: NULL for local. */
static struct stream *
begin(struct channel *from)
{
	struct stream *st = xcalloc(1, sizeof(*st));

	stream_init(st, base, &events, from);
	return st;
}

/* --- the far end ------------------------------------------------------ */

static void
on_direct(void *arg, struct channel *ch, const struct address *to)
{
	(void)arg;
	(void)to;
	incoming = ch;
}

static void
on_violation(const char *what)
{
	print_error("%s\n", what);
	fail();
}

static int
setup(void **state)
{
	static const struct mux_service service = { .direct = on_direct };

	(void)state;
	fake_reset();
	fake.violation = on_violation;
	base = event_base_new();
	mux = fake_mux(base);
	mux_serve(mux, &service, NULL);
	memset(&seen, 0, sizeof(seen));
	incoming = NULL;
	memory_init(&local);
	memory_init(&far);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (mux != NULL)
		mux_free(mux);
	event_base_free(base);
	memory_free(&local);
	memory_free(&far);
	fake_reset();
	return 0;
}

static void
turn_all(void)
{
	int i;

	for (i = 0; i < 200 && event_base_loop(base, EVLOOP_NONBLOCK) == 0; i++)
		continue;
}

/* Until that many have been counted; on a busy machine, too. */
static void
turn_until(const unsigned *count, unsigned n)
{
	time_t end = time(NULL) + 60;

	while (*count < n && time(NULL) < end)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(*count, n);
}

/* The next packet of this type; others before it are of no concern. */
static const struct sent *
await_packet(uint8_t type)
{
	const struct sent *s;

	turn_all();
	while ((s = fake_next()) != NULL && s->type != type)
		continue;
	assert_non_null(s);
	return s;
}

static uint32_t
u32_at(const struct sent *s, size_t offset)
{
	assert_true(offset + 4 <= s->len);
	return (uint32_t)s->p[offset] << 24 | (uint32_t)s->p[offset + 1] << 16 |
	    (uint32_t)s->p[offset + 2] << 8 | s->p[offset + 3];
}

static bool
has_text(const struct sent *s, const char *text)
{
	return memmem(s->p, s->len, text, strlen(text)) != NULL;
}

/* The number of the channel that was opened; direct-tcpip is 12 long. */
static uint32_t
await_open(void)
{
	return u32_at(await_packet(OPEN), 4 + 12);
}

static void
confirm(uint32_t id)
{
	fake_feed(CONFIRMED, "uuuu", id, PEER, WINDOW, 32768);
	turn_all();
}

static struct stream *
begin_from_channel(void)
{
	fake_feed(OPEN, "suuususu", "direct-tcpip", PEER, WINDOW, 32768,
	    "host", 80, "127.0.0.1", 1);
	assert_non_null(incoming);
	return begin(incoming);
}

static void
assert_ended_unjoined(void)
{
	turn_all();
	assert_int_equal(seen.ended, 1);
	assert_int_equal(seen.here, 0);
	assert_int_equal(seen.out + seen.in, 0);
}

/* --- a channel is awaited --------------------------------------------- */

static void
joined_with_a_channel(void **state)
{
	struct stream *st = begin(NULL);
	const struct sent *s;

	(void)state;
	local.in = (const uint8_t *)"hello";
	local.in_len = 5;
	assert_true(stream_open(st, mux_open, mux, &host, LONG_MS));
	confirm(await_open());
	assert_int_equal(seen.here, 1);
	assert_non_null(st->relay);
	assert_false(evtimer_pending(st->timer, NULL));
	memory_step(&local);
	s = await_packet(DATA);
	assert_int_equal(u32_at(s, 0), PEER);
	assert_true(has_text(s, "hello"));
	stream_end(st);
	turn_all();
	assert_int_equal(seen.ended, 1);
	assert_int_equal(seen.in, 5);
	assert_int_equal(seen.out, 0);
	assert_true(local.aborted);
	await_packet(CLOSE);
}

static void
told_why_a_channel_was_refused(void **state)
{
	struct stream *st = begin(NULL);

	(void)state;
	assert_true(stream_open(st, mux_open, mux, &host, LONG_MS));
	fake_feed(REFUSED, "uuss", await_open(), OPEN_PROHIBITED, "not you",
	    "");
	assert_ended_unjoined();
	assert_int_equal(seen.failed, 1);
	assert_int_equal(seen.reason, OPEN_PROHIBITED);
	assert_string_equal(seen.text, "not you");
	assert_int_equal(seen.late, 0);
}

static void
another_attempt_is_joined(void **state)
{
	struct stream *st = begin(NULL);

	(void)state;
	seen.again = true;
	assert_true(stream_open(st, mux_open, mux, &host, LONG_MS));
	fake_feed(REFUSED, "uuss", await_open(), OPEN_CONNECT_FAILED, "no", "");
	confirm(await_open());
	assert_int_equal(seen.failed, 1);
	assert_int_equal(seen.here, 1);
	stream_end(st);
	turn_all();
	assert_int_equal(seen.ended, 1);
}

/* The answer that comes after all is for nobody. */
static void
no_answer_in_time(void **state)
{
	struct stream *st = begin(NULL);
	uint32_t id;

	(void)state;
	assert_true(stream_open(st, mux_open, mux, &host, 20));
	id = await_open();
	turn_until(&seen.failed, 1);
	assert_string_equal(seen.text, "(none)");
	assert_int_equal(seen.reason, OPEN_CONNECT_FAILED);
	assert_ended_unjoined();
	assert_int_equal(seen.late, 0);
	fake_feed(CONFIRMED, "uuuu", id, PEER, WINDOW, 32768);
	assert_int_equal(u32_at(await_packet(CLOSE), 0), PEER);
}

static struct channel *
open_none(struct mux *m, const struct address *at, struct account *payer,
    channel_opened *opened, void *arg)
{
	(void)m;
	(void)at;
	(void)payer;
	(void)opened;
	(void)arg;
	return NULL;
}

static void
too_many_channels(void **state)
{
	struct stream *st = begin(NULL);

	(void)state;
	assert_false(stream_open(st, open_none, mux, &host, 0));
	turn_all();
	assert_int_equal(seen.failed + seen.late + seen.ended, 0);
	stream_end(st);
	assert_ended_unjoined();
}

static void
ended_while_it_awaits(void **state)
{
	struct stream *st = begin(NULL);
	uint32_t id;

	(void)state;
	assert_true(stream_open(st, mux_open, mux, &host, LONG_MS));
	id = await_open();
	stream_end(st);
	stream_end(st);		/* the loop has not freed it yet */
	assert_ended_unjoined();
	fake_feed(CONFIRMED, "uuuu", id, PEER, WINDOW, 32768);
	await_packet(CLOSE);
	assert_int_equal(seen.failed, 0);
}

static void
session_ends_while_it_awaits(void **state)
{
	struct stream *st = begin(NULL);

	(void)state;
	assert_true(stream_open(st, mux_open, mux, &host, LONG_MS));
	turn_all();
	mux_free(mux);
	mux = NULL;
	assert_ended_unjoined();
	assert_int_equal(seen.failed, 1);
	assert_string_not_equal(seen.text, "(none)");
}

static void
waits(void **state)
{
	struct stream *st = begin(NULL);

	(void)state;
	stream_wait(st, 0);
	assert_int_equal(seen.late, 0);
	turn_until(&seen.late, 1);
	assert_ended_unjoined();
}

/* --- a channel asks --------------------------------------------------- */

static void
a_channel_that_asks_is_accepted(void **state)
{
	struct stream *st = begin_from_channel();
	const struct sent *s;

	(void)state;
	far.in = (const uint8_t *)"page";
	far.in_len = 4;
	stream_join(st, &far.ep);
	assert_null(st->from);
	s = await_packet(CONFIRMED);
	assert_int_equal(u32_at(s, 0), PEER);
	memory_step(&far);
	fake_feed(DATA, "us", u32_at(s, 4), "question");
	assert_true(has_text(await_packet(DATA), "page"));
	assert_int_equal(far.out_len, 8);
	assert_memory_equal(far.out, "question", 8);
	assert_int_equal(seen.here, 0);
	stream_end(st);
	turn_all();
	assert_int_equal(seen.ended, 1);
	assert_int_equal(seen.out, 4);
	assert_int_equal(seen.in, 8);
}

static void
a_channel_that_asks_is_refused(void **state)
{
	const struct sent *s;

	(void)state;
	stream_refuse(begin_from_channel(), OPEN_PROHIBITED, "not here");
	s = await_packet(REFUSED);
	assert_int_equal(u32_at(s, 0), PEER);
	assert_int_equal(u32_at(s, 4), OPEN_PROHIBITED);
	assert_true(has_text(s, "not here"));
	assert_ended_unjoined();
}

/* It is never left without an answer. */
static void
a_channel_that_asks_when_all_ends(void **state)
{
	const struct sent *s;

	(void)state;
	stream_end(begin_from_channel());
	s = await_packet(REFUSED);
	assert_int_equal(u32_at(s, 4), OPEN_CONNECT_FAILED);
	assert_ended_unjoined();
}

static void
a_channel_that_asks_goes(void **state)
{
	struct dialer *d = dialer_new(base);
	struct stream *st = begin_from_channel();

	(void)state;
	stream_dial(st, d, &(struct address){ .kind = ADDRESS_UNIX,
	    .path = "/dev/null/nowhere" }, LONG_MS);
	mux_free(mux);
	mux = NULL;
	/* The dial that it gave up fails for nobody. */
	assert_ended_unjoined();
	assert_int_equal(seen.failed, 0);
	dialer_free(d);
}

/* --- a target is dialled ---------------------------------------------- */

static char directory[] = "/tmp/orthrus-stream-XXXXXX";
static struct address target = { .kind = ADDRESS_UNIX };

/* A listening socket at target. */
static int
listen_at_target(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_non_null(mkdtemp(strcpy(directory,
	    "/tmp/orthrus-stream-XXXXXX")));
	snprintf(target.path, sizeof(target.path), "%s/s", directory);
	strcpy(sun.sun_path, target.path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void
remove_target(int fd)
{
	close(fd);
	unlink(target.path);
	rmdir(directory);
}

static void
joined_with_a_target(void **state)
{
	struct dialer *d = dialer_new(base);
	int fd = listen_at_target(), peer;
	time_t end = time(NULL) + 60;
	struct stream *st = begin_from_channel();
	char got[8];

	(void)state;
	stream_dial(st, d, &target, LONG_MS);
	while (st->relay == NULL && time(NULL) < end)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_non_null(st->relay);
	fake_feed(DATA, "us", u32_at(await_packet(CONFIRMED), 4), "bytes");
	turn_all();
	peer = accept(fd, NULL, NULL);
	assert_int_equal(recv(peer, got, sizeof(got), 0), 5);
	assert_memory_equal(got, "bytes", 5);
	close(peer);
	stream_end(st);
	turn_all();
	assert_int_equal(seen.ended, 1);
	assert_int_equal(seen.in, 5);
	dialer_free(d);
	remove_target(fd);
}

static void
told_why_a_target_was_not_reached(void **state)
{
	struct dialer *d = dialer_new(base);
	const struct sent *s;
	int fd = listen_at_target();

	(void)state;
	remove_target(fd);
	stream_dial(begin_from_channel(), d, &target, LONG_MS);
	turn_until(&seen.ended, 1);
	assert_int_equal(seen.reason, OPEN_CONNECT_FAILED);
	assert_string_equal(seen.text, strerror(ENOENT));
	s = await_packet(REFUSED);
	assert_int_equal(u32_at(s, 4), OPEN_CONNECT_FAILED);
	assert_true(has_text(s, strerror(ENOENT)));
	assert_ended_unjoined();
	dialer_free(d);
}

static bool
allow_none(void *arg, const struct address *to,
    const struct sockaddr *resolved)
{
	(void)arg;
	(void)to;
	(void)resolved;
	return false;
}

static void
a_target_that_the_filter_forbids(void **state)
{
	static const struct address loopback = {
		.kind = ADDRESS_TCP, .host = "127.0.0.1", .port = 9
	};
	struct dialer *d = dialer_new(base);

	(void)state;
	dialer_set_filter(d, allow_none, NULL);
	stream_dial(begin_from_channel(), d, &loopback, LONG_MS);
	turn_until(&seen.ended, 1);
	assert_int_equal(u32_at(await_packet(REFUSED), 4), OPEN_PROHIBITED);
	assert_ended_unjoined();
	dialer_free(d);
}

#define STREAM_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STREAM_TEST(joined_with_a_channel),
		STREAM_TEST(told_why_a_channel_was_refused),
		STREAM_TEST(another_attempt_is_joined),
		STREAM_TEST(no_answer_in_time),
		STREAM_TEST(too_many_channels),
		STREAM_TEST(ended_while_it_awaits),
		STREAM_TEST(session_ends_while_it_awaits),
		STREAM_TEST(waits),
		STREAM_TEST(a_channel_that_asks_is_accepted),
		STREAM_TEST(a_channel_that_asks_is_refused),
		STREAM_TEST(a_channel_that_asks_when_all_ends),
		STREAM_TEST(a_channel_that_asks_goes),
		STREAM_TEST(joined_with_a_target),
		STREAM_TEST(told_why_a_target_was_not_reached),
		STREAM_TEST(a_target_that_the_filter_forbids)
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
