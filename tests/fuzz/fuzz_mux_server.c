/* SPDX-License-Identifier: ISC */
/*
 * As fuzz_mux.c, for a server: the far end is a client that opens channels of
 * all kinds, asks on session channels and asks for listeners, while we grant,
 * refuse and dismiss as the input says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "mux_law.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mux *mux;
static struct event_base *base;
static unsigned asked, answers;
static struct stream *opening;	/* whose CHANNEL_OPEN is fed */
static const uint8_t *input;
static size_t left;

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

/* --- what the mux calls ----------------------------------------------- */

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
	s->held = true;
	s->relay = relay_start(&s->local.ep, channel_endpoint(s->ch), on_done,
	    s);
}

static void
on_gone(void *arg)
{
	struct stream *s = arg;

	s->held = false;
	s->ch = NULL;
}

/* Of a channel that nobody fed in good order: refused, or we lose count. */
static void
on_direct(void *arg, struct channel *ch, const struct address *to)
{
	(void)arg;
	CHECK(to->kind == ADDRESS_TCP ? to->port > 0 : to->path[0] != '\0' ||
	    law.lawless);
	if (opening == NULL) {
		channel_refuse(ch, OPEN_PROHIBITED, "no");
		return;
	}
	opening->ch = ch;
	opening->held = true;
	channel_on_gone(ch, on_gone, opening);
}

/* "y" grants, "Y" with an exit status, "X" ends at once, "D" dismisses. */
static bool
on_request(void *arg, struct channel *ch, const char *type, const uint8_t *p,
    size_t len)
{
	struct stream *s = arg;
	uint8_t what = next();

	CHECK(type != NULL && p != NULL && len < 70000);
	CHECK(s->relay == NULL);
	if (what == 'D')
		channel_dismiss(ch, "charon: not here\r\n");
	if (what == 'X')
		channel_exit(ch, 1, "charon: not allowed\n");
	if (what == 'Y') {
		channel_run(ch, 1);
		channel_say(ch, "charon: away\n");
	}
	if (what != 'y' && what != 'Y')
		return what == 'X';
	s->ch = ch;
	start_relay(s);
	return true;
}

static void
on_session(void *arg, struct channel *ch)
{
	(void)arg;
	if (opening == NULL) {
		channel_refuse(ch, OPEN_PROHIBITED, "no");
		return;
	}
	channel_accept(ch);
	channel_on_request(ch, on_request, opening);
}

static bool
on_listen(void *arg, const struct address *at, bool cancel, uint16_t *port)
{
	(void)arg;
	CHECK(at->kind == ADDRESS_TCP || at->kind == ADDRESS_UNIX);
	if (*port == 0 && !cancel)
		*port = 49152;
	return next() == 'y';
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
on_answer(void *arg, enum mux_answer answer, uint16_t port)
{
	(void)arg;
	(void)answer;
	(void)port;
	answers++;
}

/* --- the client's acts -------------------------------------------- */

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
	struct stream *s = free_stream();
	uint8_t kind = next();

	if (s == NULL)
		return;
	s->life = INCOMING;
	s->peer = law.next_peer++;
	s->window = amount();
	s->packet = amount();
	opening = s;
	switch (kind) {
	case 's':
		fake_feed(MSG_CHANNEL_OPEN, "suuu", "session", s->peer,
		    (uint32_t)s->window, (uint32_t)s->packet);
		break;
	case 't':
		fake_feed(MSG_CHANNEL_OPEN, "suuususu", "direct-tcpip",
		    s->peer, (uint32_t)s->window, (uint32_t)s->packet,
		    "a.orthrus", amount(), "", 0);
		break;
	case 'u':
		fake_feed(MSG_CHANNEL_OPEN, "suuussu",
		    "direct-streamlocal@openssh.com", s->peer,
		    (uint32_t)s->window, (uint32_t)s->packet, "/a/docker.sock",
		    "", 0);
		break;
	default:
		fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip",
		    s->peer, (uint32_t)s->window, (uint32_t)s->packet, "", 80,
		    "", 0);
	}
	opening = NULL;
}

static void
act_request(struct stream *s, uint8_t kind)
{
	static const char *const types[] = { "subsystem", "exec", "shell",
	    "env", "" };
	bool wanted = (kind & 16) != 0;

	if (s->life != OPEN || s->fed_close)
		return;
	law.their_requests += wanted;
	fake_feed(MSG_CHANNEL_REQUEST, "usbs", s->id, types[kind % 5],
	    wanted, "leash@orthrus");
}

static void
act_listen(uint8_t kind)
{
	static const char *const types[] = { "tcpip-forward",
	    "cancel-tcpip-forward", "streamlocal-forward@openssh.com",
	    "cancel-streamlocal-forward@openssh.com", "x" };
	bool wanted = (kind & 16) != 0;

	law.their_requests += wanted;
	if (kind % 5 < 2)
		fake_feed(MSG_GLOBAL_REQUEST, "sbsu", types[kind % 5], wanted,
		    "", kind & 8 ? 0 : amount());
	else
		fake_feed(MSG_GLOBAL_REQUEST, "sbs", types[kind % 5], wanted,
		    "/a/1.sock");
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
feed_to(struct stream *s, uint8_t type, bool *once)
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
act_raw(void)
{
	uint8_t type = next(), b[256];
	size_t n = next(), i;

	for (i = 0; i < n; i++)
		b[i] = next();
	law.lawless = true;
	fake_feed_raw(type, b, n);
}

/* --- our own acts ------------------------------------------------- */

static void
act_forward(void)
{
	static const struct address at = { .kind = ADDRESS_TCP, .port = 80 };
	struct stream *s = free_stream();
	const struct sent *p;

	if (s == NULL)
		return;
	fake.watch = NULL;
	s->ch = mux_open_forwarded(mux, &at, on_opened, s);
	fake.watch = law_check;
	if (s->ch == NULL) {
		CHECK(law.violations > 0);
		return;
	}
	if ((p = fake_next()) == NULL)
		abort();
	law_number(s, law_u32(p, 19));
	s->granted = law_u32(p, 23);
	s->life = ASKED;
	s->held = true;
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
act_ping(void)
{
	if (asked - answers >= 64 || law.violations > 0)
		return;
	asked++;
	mux_ping(mux, on_answer, NULL);
}

static void
act_pong(void)
{
	if (asked != answers)
		fake_feed(MSG_REQUEST_FAILURE, "");
}

static void
act_local(uint8_t what, struct stream *s)
{
	if (s->relay == NULL)
		return;
	if (what == 'g' && !s->local.in_end && s->local.in_len == 0) {
		s->local.in = law.pattern + s->given % PERIOD;
		s->local.in_len = amount() % SIZE_LARGEST;
		s->given += s->local.in_len;
	} else if (what == 'E')
		s->local.in_end = true;
	else if (what == 'm')
		s->local.room = amount();
	else if (what == 's')
		memory_step(&s->local);
	else if (what == 'X' || what == 'A') {
		s->lost = true;
		if (what == 'A')
			relay_abort(s->relay);
		else
			s->local.in_errno = ECONNRESET;
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

/* --- together ----------------------------------------------------- */

static void
turn(void)
{
	mux_turn(mux);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
rekey(bool on)
{
	fake.rekeying = on;
	if (!on)
		fake_feed_raw(MSG_NEWKEYS, NULL, 0);
}

static void
act_stream(uint8_t what, struct stream *s)
{
	uint32_t window;

	switch (what) {
	case 'q':
		act_request(s, next());
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
	case 'c':
		window = amount();
		act_confirm(s, window, amount());
		break;
	case 'f':
		act_fail(s);
		break;
	case 'a':
	case 'r':
		act_answer(s, what == 'a');
		break;
	case 'x':
		act_cancel(s);
		break;
	default:
		act_local(what, s);
	}
}

static void
act_session(uint8_t what)
{
	switch (what) {
	case 'o':
		act_open();
		break;
	case 'F':
		act_forward();
		break;
	case 'L':
		act_listen(next());
		break;
	case 'p':
		act_ping();
		break;
	case 'n':
		act_pong();
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
	static const struct mux_service service = {
		NULL, on_direct, on_session, on_listen
	};
	uint8_t what;

	fake_reset();
	law_reset();
	law.server = true;
	asked = answers = 0;
	input = data;
	left = size;
	base = event_base_new();
	mux = fake_mux(base);
	mux_serve(mux, &service, NULL);
	fake.violation = on_violation;
	fake.watch = law_check;
	while (left > 0) {
		what = next();
		if (strchr("oFLpntzuKNR", what) != NULL)
			act_session(what);
		else
			act_stream(what, stream());
		law_tidy();
	}
	settle();
	finish();
	return 0;
}
