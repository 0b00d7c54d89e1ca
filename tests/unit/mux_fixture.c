/* SPDX-License-Identifier: ISC */
/* See mux_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_fixture.h"

#define PATTERN (8 * 1024 * 1024)

struct event_base *base;
struct mux *mux;
unsigned violations, pings;
struct channel *incoming;
struct address incoming_listen;

static uint8_t *pattern;

uint8_t
pattern_at(size_t offset)
{
	return (uint8_t)(offset * 31 + offset / 251 + offset / 65521);
}

const uint8_t *
pattern_from(size_t offset)
{
	size_t i;

	if (pattern == NULL) {
		pattern = malloc(PATTERN);
		assert_non_null(pattern);
		for (i = 0; i < PATTERN; i++)
			pattern[i] = pattern_at(i);
	}
	return pattern + offset;
}

void
assert_pattern(const struct memory *m, size_t n)
{
	assert_int_equal(m->out_len, n);
	if (n > 0)
		assert_memory_equal(m->out, pattern_from(0), n);
}

static void
on_forwarded(void *arg, struct channel *ch, const struct address *listen)
{
	assert_ptr_equal(arg, &mux);
	incoming = ch;
	incoming_listen = *listen;
}

static void
on_violation(const char *what)
{
	assert_non_null(what);
	violations++;
}

int
mux_setup(void **state)
{
	static const struct mux_service service = { .forwarded = on_forwarded };

	(void)state;
	fake_reset();
	incoming = NULL;
	violations = pings = 0;
	base = event_base_new();
	mux = fake_mux(base);
	mux_serve(mux, &service, &mux);
	fake.violation = on_violation;
	return 0;
}

int
mux_teardown(void **state)
{
	(void)state;
	if (mux != NULL)
		mux_free(mux);
	mux = NULL;
	event_base_free(base);
	fake_reset();
	free(pattern);
	pattern = NULL;
	return 0;
}

size_t
open_channels(void)
{
	struct mux_counters c;

	mux_counters(mux, &c);
	return c.open;
}

void
turns(void)
{
	int i;

	/* Turns that are due are timers of 0: each pass runs one. */
	for (i = 0; i < 2000; i++)
		if (event_base_loop(base, EVLOOP_NONBLOCK) != 0)
			return;
	/* A loop that never rests. */
	fail();
}

static void
on_done(void *arg, uint64_t up, uint64_t down)
{
	struct stream *s = arg;

	(void)up;
	(void)down;
	s->relay = NULL;
	s->done++;
}

static void
on_opened(void *arg, enum open_failure reason, const char *text)
{
	struct stream *s = arg;

	s->opened++;
	s->reason = reason;
	snprintf(s->text, sizeof(s->text), "%s", text);
	if (reason != OPEN_OK) {
		s->ch = NULL;
		return;
	}
	s->relay = relay_start(&s->local.ep, channel_endpoint(s->ch), on_done,
	    s);
}

void
stream_start(struct stream *s, uint32_t peer)
{
	struct address to = { .kind = ADDRESS_TCP, .host = "host",
	    .port = 80 };
	const struct sent *open;

	memset(s, 0, sizeof(*s));
	memory_init(&s->local);
	s->peer = peer;
	s->ch = mux_open(mux, &to, NULL, on_opened, s);
	assert_non_null(s->ch);
	open = fake_next();
	assert_non_null(open);
	assert_int_equal(open->type, MSG_CHANNEL_OPEN);
	s->id = sent_u32(open, 4 + strlen("direct-tcpip"));
	s->granted = sent_u32(open, 8 + strlen("direct-tcpip"));
}

void
stream_confirm(struct stream *s, uint32_t window, uint32_t packet)
{
	fake_feed(MSG_CHANNEL_OPEN_CONFIRMATION, "uuuu", s->id, s->peer,
	    window, packet);
}

void
stream_open(struct stream *s, uint32_t peer)
{
	stream_start(s, peer);
	stream_confirm(s, WINDOW, PACKET);
	assert_int_equal(s->opened, 1);
	assert_int_equal(s->reason, OPEN_OK);
}

void
stream_open_subsystem(struct stream *s, uint32_t peer)
{
	const struct sent *open;

	memset(s, 0, sizeof(*s));
	memory_init(&s->local);
	s->peer = peer;
	s->ch = mux_open_subsystem(mux, "test", on_opened, s);
	assert_non_null(s->ch);
	open = fake_next();
	assert_non_null(open);
	assert_int_equal(open->type, MSG_CHANNEL_OPEN);
	s->id = sent_u32(open, 4 + strlen("session"));
	stream_confirm(s, WINDOW, PACKET);
	expect(MSG_CHANNEL_REQUEST, peer);
	fake_feed(MSG_CHANNEL_SUCCESS, "u", s->id);
	assert_int_equal(s->opened, 1);
	assert_int_equal(s->reason, OPEN_OK);
}

void
stream_data(struct stream *s, size_t offset, size_t n)
{
	size_t len;

	for (; n > 0; offset += len, n -= len) {
		len = n < PACKET ? n : PACKET;
		fake_feed(MSG_CHANNEL_DATA, "ud", s->id,
		    pattern_from(offset), len);
	}
}

void
stream_release(struct stream *s)
{
	/* Without a session it still holds what nobody took. */
	if (s->relay != NULL)
		relay_abort(s->relay);
	memory_free(&s->local);
}

uint32_t
sent_u32(const struct sent *s, size_t offset)
{
	assert_true(offset + 4 <= s->len);
	return (uint32_t)s->p[offset] << 24 | (uint32_t)s->p[offset + 1] << 16 |
	    (uint32_t)s->p[offset + 2] << 8 | s->p[offset + 3];
}

const struct sent *
expect(uint8_t type, uint32_t peer)
{
	const struct sent *s = fake_next();

	assert_non_null(s);
	assert_int_equal(s->type, type);
	assert_int_equal(sent_u32(s, 0), peer);
	return s;
}

void
expect_nothing(void)
{
	assert_int_equal(fake_queued(), 0);
}

uint64_t
expect_adjusts(uint32_t peer)
{
	const struct sent *s;
	uint64_t sum = 0;

	while ((s = fake_next()) != NULL) {
		if (s->type == MSG_GLOBAL_REQUEST) {
			pings++;
			continue;
		}
		assert_int_equal(s->type, MSG_CHANNEL_WINDOW_ADJUST);
		assert_int_equal(sent_u32(s, 0), peer);
		sum += sent_u32(s, 4);
	}
	return sum;
}

void
answer_pings(uint64_t us)
{
	for (; pings > 0; expect_adjusts(0)) {
		fake.now += us;
		pings--;
		fake_feed(MSG_REQUEST_FAILURE, "");
	}
}

void
round_trip_is(uint64_t us)
{
	mux_ping(mux, NULL, NULL);
	expect_adjusts(0);
	answer_pings(us);
}
