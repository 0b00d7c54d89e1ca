/* SPDX-License-Identifier: ISC */
/* See mux_acts.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "mux_acts.h"

#define ASKED_MAX 64
#define PLAYED_MAX 1024		/* bytes: more of it finds nothing new */
#define PACKETS_MAX 64		/* of what a local end gives at once */
#define QUIET_ROUNDS 3		/* after which nothing will move */

struct mux *mux;
struct stream *opening;

static struct event_base *base;
static unsigned asked, answers;
static const uint8_t *input;
static size_t left;

/* --- the input -------------------------------------------------------- */

uint8_t
next_byte(void)
{
	if (left == 0)
		return 0;
	left--;
	return *input++;
}

struct stream *
next_stream(void)
{
	return &law.streams[(uint8_t)(next_byte() - '0') % STREAMS];
}

uint32_t
next_amount(void)
{
	return 1U << ((uint8_t)(next_byte() - 'a') % 32);
}

/* --- what the mux and relays call --------------------------------------- */

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
on_gone(void *arg)
{
	struct stream *s = arg;

	s->held = false;
	s->ch = NULL;
}

static void
on_opened(void *arg, enum open_failure reason, const char *text)
{
	struct stream *s = arg;

	CHECK(!s->answered && text != NULL);
	s->answered = true;
	if (reason == OPEN_OK)
		stream_relay(s);
	else
		s->held = false;
}

void
on_answer(void *arg, enum mux_answer answer, uint16_t port)
{
	(void)arg;
	(void)answer;
	(void)port;
	answers++;
}

/* --- streams ---------------------------------------------------------- */

void
stream_relay(struct stream *s)
{
	memory_init(&s->local);
	s->held = true;
	s->relay = relay_start(&s->local.ep, channel_endpoint(s->ch), on_done,
	    s);
}

void
stream_hold(struct stream *s, struct channel *ch)
{
	s->ch = ch;
	s->held = true;
	channel_on_gone(ch, on_gone, s);
}

static struct stream *
free_stream(void)
{
	size_t i;

	for (i = 0; i < STREAMS; i++)
		if (law.streams[i].life == FREE && !law.streams[i].held) {
			law_release(&law.streams[i]);
			if (i == law.used)
				law.used++;
			return &law.streams[i];
		}
	return NULL;
}

struct stream *
act_incoming(void)
{
	struct stream *s = free_stream();

	if (s == NULL)
		return NULL;
	s->life = INCOMING;
	s->peer = law.next_peer++;
	return s;
}

void
act_open(mux_opens *opens, const struct address *to, size_t at)
{
	struct stream *s = free_stream();
	const struct sent *p;

	if (s == NULL)
		return;
	fake.watch = NULL;
	s->ch = opens(mux, to, NULL, on_opened, s);
	fake.watch = law_check;
	if (s->ch == NULL) {
		CHECK(law.violations > 0);
		return;
	}
	if ((p = fake_next()) == NULL)
		abort();
	law_number(s, law_u32(p, at));
	s->granted = law_u32(p, at + 4);
	s->life = ASKED;
	s->held = true;
}

/* --- the far end's acts, of a stream ------------------------------------ */

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
act_fail(struct stream *s)
{
	if (s->life != ASKED)
		return;
	s->life = FREE;
	fake_feed(MSG_CHANNEL_OPEN_FAILURE, "uuss", s->id, 2, "no", "");
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
	fake_feed(MSG_CHANNEL_DATA, "ud", s->id, law_payload + s->fed % PERIOD,
	    (size_t)n);
	s->fed += n;
}

static void
feed_once(struct stream *s, uint8_t type, bool *once)
{
	if (s->life != OPEN || s->fed_close || *once)
		return;
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
act_peer(uint8_t what, struct stream *s)
{
	uint32_t window;

	switch (what) {
	case 'c':
		window = next_amount();
		act_confirm(s, window, next_amount());
		break;
	case 'f':
		act_fail(s);
		break;
	case 'd':
		act_data(s, next_amount());
		break;
	case 'e':
		feed_once(s, MSG_CHANNEL_EOF, &s->fed_eof);
		break;
	case 'k':
		feed_once(s, MSG_CHANNEL_CLOSE, &s->fed_close);
		break;
	case 'w':
		act_adjust(s, next_amount());
		break;
	}
}

/* --- our acts, of a stream ---------------------------------------------- */

static void
act_answer(struct stream *s, bool yes)
{
	if (s->life != INCOMING || !s->held || s->answered)
		return;
	s->answered = true;
	if (yes) {
		channel_accept(s->ch);
		stream_relay(s);
	} else {
		s->held = false;
		channel_refuse(s->ch, OPEN_CONNECT_FAILED, "no");
	}
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

/* A peer that takes a byte a packet is given few, or it takes all the time. */
static void
act_give(struct stream *s, size_t n)
{
	if (n > SIZE_LARGEST)
		n = SIZE_LARGEST;
	if (n > s->packet * PACKETS_MAX)
		n = s->packet * PACKETS_MAX;
	if (n == 0 || s->local.in_end || s->local.in_len > 0)
		return;
	s->local.in = law_payload + s->given % PERIOD;
	s->local.in_len = n;
	s->given += s->local.in_len;
}

static void
act_local(uint8_t what, struct stream *s)
{
	if (s->relay == NULL)
		return;
	switch (what) {
	case 'g':
		act_give(s, next_amount());
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
		s->local.room = next_amount();
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

/* --- acts of the session ------------------------------------------------ */

bool
may_ask(void)
{
	if (asked - answers >= ASKED_MAX || law.violations > 0)
		return false;
	asked++;
	return true;
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
act_raw(void)
{
	uint8_t type = next_byte(), b[256];
	size_t n = next_byte(), i;

	for (i = 0; i < n; i++)
		b[i] = next_byte();
	law.lawless = true;
	fake_feed_raw(type, b, n);
}

static void
turn(void)
{
	mux_turn(mux);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
stall(bool on)
{
	fake.stalled = on;
	if (!on)
		fake_drain(SIZE_MAX);
}

static void
rekey(bool on)
{
	fake.rekeying = on;
	if (!on)
		fake_feed_raw(MSG_NEWKEYS, NULL, 0);
}

static void
act_session(uint8_t what)
{
	switch (what) {
	case 'p':
		if (may_ask())
			mux_ping(mux, on_answer, NULL);
		break;
	case 'y':
	case 'n':
		act_reply(what == 'y');
		break;
	case 't':
		turn();
		break;
	case 'z':
	case 'u':
		stall(what == 'z');
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
act(const struct acts *acts, uint8_t what)
{
	if (acts->act(what))
		return;
	if (strchr("cfdekw", what) != NULL)
		act_peer(what, next_stream());
	else if (strchr("gEXYmsA", what) != NULL)
		act_local(what, next_stream());
	else if (what == 'a' || what == 'r')
		act_answer(next_stream(), what == 'a');
	else if (what == 'x')
		act_cancel(next_stream());
	else
		act_session(what);
}

/* --- from the beginning to the end --------------------------------------- */

static void
begin(const struct acts *acts)
{
	fake_reset();
	law_reset();
	law.server = acts->server;
	asked = answers = 0;
	if (base == NULL)
		base = event_base_new();	/* one for all inputs */
	mux = fake_mux(base);
	mux_serve(mux, &acts->service, NULL);
	fake.violation = on_violation;
	fake.watch = law_check;
}

/* With room everywhere, all that was fed in good order comes through. */
static void
settle(void)
{
	struct stream *s;
	unsigned round, quiet = 0;

	stall(false);
	rekey(false);
	for (round = 0; round < 40 && quiet < QUIET_ROUNDS; round++) {
		law.moved = false;
		for (s = law.streams; s < law.streams + law.used; s++) {
			if (s->relay == NULL)
				continue;
			s->local.room = SIZE_MAX;
			law.moved |= memory_step(&s->local);
		}
		turn();
		law_tidy();
		quiet = law.moved ? 0 : quiet + 1;
	}
	for (s = law.streams; s < law.streams + law.used; s++)
		CHECK(law.lawless || !s->held || s->lost || s->relay == NULL ||
		    s->taken == s->fed);
}

static void
finish(void)
{
	struct stream *s;

	mux_free(mux);
	CHECK(answers == asked || law.lawless);
	for (s = law.streams; s < law.streams + law.used; s++) {
		if (s->relay != NULL)
			relay_abort(s->relay);
		CHECK(!s->held);
		law_release(s);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	fake_reset();
}

void
acts_play(const struct acts *acts, const uint8_t *data, size_t size)
{
	if (size > PLAYED_MAX)
		return;
	begin(acts);
	input = data;
	left = size;
	while (left > 0) {
		act(acts, next_byte());
		law_tidy();
	}
	settle();
	finish();
}
