/* SPDX-License-Identifier: ISC */
/*
 * The channel manager of a server: the far end is a client that opens channels
 * of all kinds, asks on session channels and asks for listeners, while we
 * grant, refuse and dismiss as the input says: see mux_acts.h.
 */
#include "mux_acts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- what the mux calls ----------------------------------------------- */

/* Of a channel that nobody fed in good order: refused, or we lose count. */
static void
on_direct(void *arg, struct channel *ch, const struct address *to)
{
	(void)arg;
	CHECK(to->kind == ADDRESS_TCP ? to->port > 0 : to->path[0] != '\0' ||
	    law.lawless);
	if (opening == NULL)
		channel_refuse(ch, OPEN_PROHIBITED, "no");
	else
		stream_hold(opening, ch);
}

/* "y" grants, "Y" with an exit status, "X" ends at once, "D" dismisses. */
static bool
on_request(void *arg, struct channel *ch, const char *type, const uint8_t *p,
    size_t len)
{
	struct stream *s = arg;
	uint8_t what = next_byte();

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
	stream_relay(s);
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
	return next_byte() == 'y';
}

/* --- the client's acts, and ours ------------------------------------- */

static void
feed_open(const struct stream *s, uint8_t kind)
{
	uint32_t window = (uint32_t)s->window, packet = (uint32_t)s->packet;

	switch (kind) {
	case 's':
		fake_feed(MSG_CHANNEL_OPEN, "suuu", "session", s->peer,
		    window, packet);
		break;
	case 't':
		fake_feed(MSG_CHANNEL_OPEN, "suuususu", "direct-tcpip",
		    s->peer, window, packet, "a.orthrus", next_amount(), "",
		    0);
		break;
	case 'u':
		fake_feed(MSG_CHANNEL_OPEN, "suuussu",
		    "direct-streamlocal@openssh.com", s->peer, window, packet,
		    "/a/docker.sock", "", 0);
		break;
	default:
		fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip",
		    s->peer, window, packet, "", 80, "", 0);
	}
}

static void
act_their_open(uint8_t kind)
{
	struct stream *s = act_incoming();

	if (s == NULL)
		return;
	s->window = next_amount();
	s->packet = next_amount();
	opening = s;
	feed_open(s, kind);
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
		    "", kind & 8 ? 0 : next_amount());
	else
		fake_feed(MSG_GLOBAL_REQUEST, "sbs", types[kind % 5], wanted,
		    "/a/1.sock");
}

static bool
act(uint8_t what)
{
	static const struct address at = { .kind = ADDRESS_TCP, .port = 80 };
	struct stream *s;

	switch (what) {
	case 'o':
		act_their_open(next_byte());
		return true;
	case 'F':
		act_open(mux_open_forwarded, &at, 19);
		return true;
	case 'L':
		act_listen(next_byte());
		return true;
	case 'q':
		s = next_stream();
		act_request(s, next_byte());
		return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct acts server = {
		.service = { .direct = on_direct, .session = on_session,
		    .listen = on_listen },
		.server = true, .act = act
	};

	acts_play(&server, data, size);
	return 0;
}
