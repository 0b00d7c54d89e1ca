/* SPDX-License-Identifier: ISC */
/*
 * The channel manager of a client against a server in memory that does what
 * the input says: see mux_acts.h.
 */
#include "mux_acts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_forwarded(void *arg, struct channel *ch, const struct address *listen)
{
	(void)arg;
	CHECK(listen->kind != ADDRESS_NONE);
	if (opening != NULL)
		stream_hold(opening, ch);
}

static void
act_forwarded(void)
{
	struct stream *s = act_incoming();

	if (s == NULL)
		return;
	s->window = next_amount();
	s->packet = PACKET;
	opening = s;
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", s->peer,
	    (uint32_t)s->window, PACKET, "localhost", 80, "", 0);
	opening = NULL;
}

static void
act_listen(void)
{
	static const struct address at = { .kind = ADDRESS_TCP,
	    .host = "localhost" };

	if (may_ask())
		mux_listen(mux, &at, on_answer, NULL);
}

/* Any request that is answered. */
static void
act_ask(void)
{
	static uint8_t text[] = "\120\0\0\0\1y\1";	/* MSG_GLOBAL_REQUEST */
	const struct iovec iov = { text, sizeof(text) - 1 };

	if (may_ask())
		mux_ask(mux, &iov, on_answer, NULL);
}

static void
act_their_request(struct stream *s)
{
	if (s->life != OPEN || s->fed_close || s->sent_close)
		return;
	law.their_requests++;
	fake_feed(MSG_CHANNEL_REQUEST, "usb", s->id, "x", 1);
}

/*
 * Standard error of a subsystem: it counts against the window, is thrown away,
 * and its room granted again.
 */
static void
act_extended_data(struct stream *s, uint32_t n)
{
	if (!s->subsystem || s->life != OPEN || s->fed_eof || s->fed_close)
		return;
	if (n > s->granted)
		n = (uint32_t)s->granted;
	if (n > PACKET)
		n = PACKET;
	s->granted -= n;
	fake_feed(MSG_CHANNEL_EXTENDED_DATA, "uud", s->id, 1, law_payload,
	    (size_t)n);
}

/* --- subsystems --------------------------------------------------------- */

static struct channel *
open_subsystem(struct mux *m, const struct address *to, struct account *payer,
    channel_opened *opened, void *arg)
{
	(void)to;
	(void)payer;
	return mux_open_subsystem(m, "leash@orthrus", opened, arg);
}

static void
act_answer_subsystem(struct stream *s, bool yes)
{
	if (s->life != OPEN || !s->asked || s->fed_close)
		return;
	s->asked = false;
	fake_feed(yes ? MSG_CHANNEL_SUCCESS : MSG_CHANNEL_FAILURE, "u", s->id);
}

/* --- what is asked of the session --------------------------------------- */

static void
act_unlisten(void)
{
	static const struct address at = { .kind = ADDRESS_TCP,
	    .host = "localhost", .port = 8080 };

	if (may_ask())
		mux_unlisten(mux, &at, on_answer, NULL);
	mux_forget(mux, &law);		/* nobody's */
}

static void
act_their_global_request(void)
{
	law.their_requests++;
	fake_feed(MSG_GLOBAL_REQUEST, "sb", "x", 1);
}

static bool
act(uint8_t what)
{
	static const struct address to = { .kind = ADDRESS_TCP, .host = "h",
	    .port = 1 };
	struct stream *s;

	switch (what) {
	case 'o':
		act_open(mux_open, &to, 16);
		return true;
	case 'S':
		act_open(open_subsystem, &to, 11);
		return true;
	case 'Q':
	case 'V':
		act_answer_subsystem(next_stream(), what == 'Q');
		return true;
	case 'v':
		s = next_stream();
		act_extended_data(s, next_amount());
		return true;
	case 'U':
		act_unlisten();
		return true;
	case 'i':
		act_forwarded();
		return true;
	case 'H':
		act_ask();
		return true;
	case 'l':
		act_listen();
		return true;
	case 'q':
		act_their_request(next_stream());
		return true;
	case 'G':
		act_their_global_request();
		return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct acts client = {
		.service = { .forwarded = on_forwarded }, .act = act
	};

	acts_play(&client, data, size);
	return 0;
}
