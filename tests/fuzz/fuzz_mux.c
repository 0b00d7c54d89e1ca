/* SPDX-License-Identifier: ISC */
/*
 * The channel manager against a far end that does what the input says: one
 * letter for an act, one for the stream, one for a size (2 to the power of
 * its place in the alphabet); see act().  What is lawful is never called a
 * violation and loses no byte, and what is sent is lawful.  After an 'R', a
 * packet of any bytes, only this is left: no crash, and silence after a
 * violation.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "mux_law.h"

#define ASKED_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mux *mux;
static struct event_base *base;
static unsigned asked, answers;
static struct channel *offered;
static const uint8_t *input;
static size_t left;

/* --- what the mux calls ----------------------------------------------- */

static void
on_forwarded(void *arg, struct channel *ch, const struct address *listen)
{
	(void)arg;
	CHECK(listen->kind != ADDRESS_NONE);
	offered = ch;
}

static void
on_violation(const char *what)
{
	CHECK(what != NULL && law.lawless);
	CHECK(law.violations++ == 0);
}

static void
on_done(void *arg, uint64_t up, uint64_t down)
{
	struct stream *s = arg;

	(void)up;
	(void)down;
	s->relay = NULL;
	s->held = false;
}

static void
start_relay(struct stream *s)
{
	memory_init(&s->local);
	s->relay = relay_start(&s->local.ep, channel_endpoint(s->ch), on_done,
	    s);
}

static void
on_opened(void *arg, enum open_failure reason, const char *text)
{
	struct stream *s = arg;

	CHECK(!s->answered && text != NULL);
	s->answered = true;
	if (reason == OPEN_OK)
		start_relay(s);
	else
		s->held = false;
}

static void
on_gone(void *arg)
{
	struct stream *s = arg;

	s->held = false;
	s->ch = NULL;
}

static void
on_answer(void *arg, enum mux_answer answer, uint16_t port)
{
	(void)arg;
	(void)answer;
	(void)port;
	answers++;
}

/* --- the acts --------------------------------------------------------- */

static uint8_t
next(void)
{
	if (left == 0)
		return 0;
	left--;
	return *input++;
}

static struct stream *
stream(void)
{
	return &law.streams[(uint8_t)(next() - '0') % STREAMS];
}

static uint32_t
amount(void)
{
	return 1U << ((uint8_t)(next() - 'a') % 32);
}

static void
turn(void)
{
	mux_turn(mux);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static struct stream *
free_stream(void)
{
	size_t i;

	for (i = 0; i < STREAMS; i++)
		if (law.streams[i].life == FREE && !law.streams[i].held) {
			law_release(&law.streams[i]);
			return &law.streams[i];
		}
	return NULL;
}

static void
act_open(void)
{
	static const struct address to = { .kind = ADDRESS_TCP, .host = "h",
	    .port = 1 };
	struct stream *s = free_stream();
	const struct sent *p;

	if (s == NULL)
		return;
	fake.watch = NULL;
	s->ch = mux_open(mux, &to, on_opened, s);
	fake.watch = law_check;
	if (s->ch == NULL) {
		CHECK(law.violations > 0);
		return;
	}
	if ((p = fake_next()) == NULL)
		abort();
	law_number(s, law_u32(p, 16));
	s->granted = law_u32(p, 20);
	s->life = ASKED;
	s->held = true;
}

static void
act_incoming(void)
{
	struct stream *s = free_stream();

	if (s == NULL)
		return;
	s->life = INCOMING;
	s->peer = law.next_peer++;
	s->window = amount();
	s->packet = PACKET;
	offered = NULL;
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", s->peer,
	    (uint32_t)s->window, PACKET, "localhost", 80, "", 0);
	if (offered == NULL)
		return;
	s->ch = offered;
	s->held = true;
	channel_on_gone(s->ch, on_gone, s);
}

static void
act_confirm(struct stream *s, uint32_t window, uint32_t packet)
{
	if (s->life != ASKED)
		return;
	s->life = OPEN;
	s->peer = law.next_peer++;
	s->window = window;
	s->packet = packet;
	fake_feed(MSG_CHANNEL_OPEN_CONFIRMATION, "uuuu", s->id, s->peer,
	    window, packet);
}

static void
act_data(struct stream *s, uint64_t n)
{
	if (s->life != OPEN || s->fed_eof || s->fed_close)
		return;
	if (n > s->granted)
		n = s->granted;
	if (n > PACKET)
		n = PACKET;
	s->granted -= n;
	fake_feed(MSG_CHANNEL_DATA, "ud", s->id, law.pattern + s->fed % PERIOD,
	    (size_t)n);
	s->fed += n;
}

static void
act_answer(struct stream *s, bool yes)
{
	if (s->life != INCOMING || !s->held || s->answered)
		return;
	s->answered = true;
	if (yes) {
		channel_accept(s->ch);
		start_relay(s);
	} else {
		s->held = false;
		channel_refuse(s->ch, OPEN_CONNECT_FAILED, "no");
	}
}

static void
act_give(struct stream *s, size_t n)
{
	if (s->relay == NULL || s->local.in_end || s->local.in_len > 0)
		return;
	s->local.in = law.pattern + s->given % PERIOD;
	s->local.in_len = n < SIZE_LARGEST ? n : SIZE_LARGEST;
	s->given += s->local.in_len;
}

static void
act_raw(void)
{
	uint8_t type = next(), b[256];
	size_t n = next(), i;

	for (i = 0; i < n; i++)
		b[i] = next();
	law.lawless = true;
	fake_feed_raw(type, b, n);
}

static void
feed_to(struct stream *s, uint8_t type, bool *once)
{
	if (s->life != OPEN || s->fed_close || (once != NULL && *once))
		return;
	if (once != NULL)
		*once = true;
	fake_feed(type, "u", s->id);
}

static void
act_adjust(struct stream *s, uint32_t n)
{
	if (s->life != OPEN || s->fed_close || s->window + n > UINT32_MAX)
		return;
	s->window += n;
	fake_feed(MSG_CHANNEL_WINDOW_ADJUST, "uu", s->id, n);
}

static void
act_cancel(struct stream *s)
{
	if (s->life != ASKED || !s->held || s->answered)
		return;
	s->held = false;
	s->answered = true;
	channel_cancel(s->ch);
}

static void
act_fail(struct stream *s)
{
	if (s->life != ASKED)
		return;
	s->life = FREE;
	fake_feed(MSG_CHANNEL_OPEN_FAILURE, "uuss", s->id, 2, "no", "");
}

static void
act_ask(uint8_t what)
{
	static const struct address at = { .kind = ADDRESS_TCP,
	    .host = "localhost" };

	if (asked - answers >= ASKED_MAX || law.violations > 0)
		return;
	asked++;
	if (what == 'l')
		mux_listen(mux, &at, on_answer, NULL);
	else
		mux_ping(mux, on_answer, NULL);
}

static void
act_reply(bool yes)
{
	if (asked == answers)
		return;
	fake_feed(yes ? MSG_REQUEST_SUCCESS : MSG_REQUEST_FAILURE,
	    yes ? "u" : "", 8080);
}

static void
act_their_request(struct stream *s)
{
	law.their_requests++;
	if (s == NULL)
		fake_feed(MSG_GLOBAL_REQUEST, "sb", "x", 1);
	else if (s->life == OPEN && !s->fed_close && !s->sent_close)
		fake_feed(MSG_CHANNEL_REQUEST, "usb", s->id, "x", 1);
	else
		law.their_requests--;
}

static void
act_local(uint8_t what, struct stream *s)
{
	if (s->relay == NULL)
		return;
	switch (what) {
	case 'g':
		act_give(s, amount());
		break;
	case 'E':
		s->local.in_end = true;
		break;
	case 'X':
		s->local.in_errno = ECONNRESET;
		s->lost = true;
		break;
	case 'Y':
		s->local.out_errno = EPIPE;
		s->lost = true;
		break;
	case 'm':
		s->local.room = amount();
		break;
	case 's':
		memory_step(&s->local);
		break;
	case 'A':
		s->lost = true;
		relay_abort(s->relay);
		break;
	}
}

static void
rekey(bool on)
{
	fake.rekeying = on;
	if (!on)
		fake_feed_raw(MSG_NEWKEYS, NULL, 0);
}

static void
act_peer(uint8_t what, struct stream *s)
{
	uint32_t window;

	switch (what) {
	case 'c':
		window = amount();
		act_confirm(s, window, amount());
		break;
	case 'f':
		act_fail(s);
		break;
	case 'd':
		act_data(s, amount());
		break;
	case 'e':
		feed_to(s, MSG_CHANNEL_EOF, &s->fed_eof);
		break;
	case 'k':
		feed_to(s, MSG_CHANNEL_CLOSE, &s->fed_close);
		break;
	case 'w':
		act_adjust(s, amount());
		break;
	case 'q':
		act_their_request(s);
		break;
	}
}

static void
act_session(uint8_t what)
{
	switch (what) {
	case 'o':
		act_open();
		break;
	case 'i':
		act_incoming();
		break;
	case 'l':
	case 'p':
		act_ask(what);
		break;
	case 'y':
	case 'n':
		act_reply(what == 'y');
		break;
	case 'G':
		act_their_request(NULL);
		break;
	case 't':
		turn();
		break;
	case 'z':
		fake.stalled = true;
		break;
	case 'u':
		fake.stalled = false;
		fake_drain(SIZE_MAX);
		break;
	case 'K':
	case 'N':
		rekey(what == 'K');
		break;
	case 'R':
		act_raw();
		break;
	}
}

static void
act(uint8_t what)
{
	if (strchr("cfdekwq", what) != NULL)
		act_peer(what, stream());
	else if (strchr("gEXYmsA", what) != NULL)
		act_local(what, stream());
	else if (what == 'a' || what == 'r')
		act_answer(stream(), what == 'a');
	else if (what == 'x')
		act_cancel(stream());
	else
		act_session(what);
	law_tidy();
}

/* With room everywhere, all that was fed in good order comes through. */
static void
settle(void)
{
	struct stream *s;
	unsigned round;
	size_t i;

	fake.stalled = false;
	fake_drain(SIZE_MAX);
	rekey(false);
	for (round = 0; round < 40; round++) {
		for (i = 0; i < STREAMS; i++) {
			s = &law.streams[i];
			if (s->relay == NULL)
				continue;
			s->local.room = SIZE_MAX;
			memory_step(&s->local);
		}
		turn();
		law_tidy();
	}
	for (i = 0; i < STREAMS && !law.lawless; i++)
		CHECK(!law.streams[i].held || law.streams[i].lost ||
		    law.streams[i].relay == NULL ||
		    law.streams[i].taken == law.streams[i].fed);
}

static void
finish(void)
{
	struct stream *s;
	size_t i;

	fake.watch = law_check;
	mux_free(mux);
	CHECK(answers == asked || law.lawless);
	for (i = 0; i < STREAMS; i++) {
		s = &law.streams[i];
		if (s->relay != NULL)
			relay_abort(s->relay);
		CHECK(!s->held);
		law_release(s);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	fake_reset();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mux_service service = { .forwarded = on_forwarded };

	fake_reset();
	law_reset();
	asked = answers = 0;
	input = data;
	left = size;
	base = event_base_new();
	mux = fake_mux(base);
	mux_serve(mux, &service, NULL);
	fake.violation = on_violation;
	fake.watch = law_check;
	while (left > 0)
		act(next());
	settle();
	finish();
	return 0;
}
