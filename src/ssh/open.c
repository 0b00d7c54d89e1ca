/* SPDX-License-Identifier: ISC */
/*
 * How channels come to be (RFC 4254 section 5.1): those that we open, and
 * those that the peer opens, with their kinds and addresses.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "mux_private.h"

/*
 * Writes the head that every CHANNEL_OPEN has, and returns where the rest
 * goes.
 */
static uint8_t *
put_open_head(uint8_t *p, const struct channel *ch, const char *type)
{
	*p++ = MSG_CHANNEL_OPEN;
	p = wire_put_string(p, type, strlen(type));
	p = wire_put_u32(p, ch->id);
	p = wire_put_u32(p, ch->window.left);
	return wire_put_u32(p, PACKET_MAX);
}

static struct channel *
create_opening(struct mux *m, bool is_stream, struct account *payer,
    channel_opened *opened, void *arg)
{
	struct channel *ch;

	if (connection_is_over(m->connection) ||
	    !mux_has_room_for(m, payer != NULL ? payer : m->account))
		return NULL;
	ch = channel_create(m, &channel_ops, CHANNEL_OPENING, is_stream, payer);
	ch->opened = opened;
	ch->arg = arg;
	return ch;
}

/*
 * direct-* and forwarded-* differ only in their names, and in the reserved
 * words of the Unix kinds (OpenSSH's PROTOCOL, 2.4).
 */
static struct channel *
open_stream(struct mux *m, const struct address *at, bool forwarded,
    struct account *payer, channel_opened *opened, void *arg)
{
	static const char *const types[2][2] = {
		{ "direct-tcpip", "direct-streamlocal@openssh.com" },
		{ "forwarded-tcpip", "forwarded-streamlocal@openssh.com" }
	};
	bool is_unix = at->kind == ADDRESS_UNIX;
	const char *where = is_unix ? at->path : at->host;
	uint8_t b[128 + HOST_MAX], *p;
	struct channel *ch;
	struct iovec iov;

	if ((ch = create_opening(m, true, payer, opened, arg)) == NULL)
		return NULL;
	p = put_open_head(b, ch, types[forwarded][is_unix]);
	p = wire_put_string(p, where, strlen(where));
	if (is_unix) {
		p = wire_put_string(p, "", 0);
		if (!forwarded)
			p = wire_put_u32(p, 0);
	} else {		/* we do not tell who connected */
		p = wire_put_u32(p, at->port);
		p = wire_put_string(p, "127.0.0.1", 9);
		p = wire_put_u32(p, 0);
	}
	iov.iov_base = b;
	iov.iov_len = (size_t)(p - b);
	mux_send(m, &iov, 1);
	return ch;
}

struct channel *
mux_open(struct mux *m, const struct address *to, struct account *payer,
    channel_opened *opened, void *arg)
{
	return open_stream(m, to, false, payer, opened, arg);
}

struct channel *
mux_open_forwarded(struct mux *m, const struct address *at,
    struct account *payer, channel_opened *opened, void *arg)
{
	return open_stream(m, at, true, payer, opened, arg);
}

struct channel *
mux_open_subsystem(struct mux *m, const char *name, channel_opened *opened,
    void *arg)
{
	struct channel *ch = create_opening(m, false, NULL, opened, arg);
	uint8_t b[64], *p;
	struct iovec iov;

	if (ch == NULL)
		return NULL;
	ch->subsystem = name;
	p = put_open_head(b, ch, "session");
	iov.iov_base = b;
	iov.iov_len = (size_t)(p - b);
	mux_send(m, &iov, 1);
	return ch;
}

static void
send_open_failure(struct mux *m, uint32_t peer, enum open_failure reason,
    const char *text)
{
	uint8_t b[256], *p = b;
	size_t len = strnlen(text, sizeof(b) - 32);
	struct iovec iov;

	*p++ = MSG_CHANNEL_OPEN_FAILURE;
	p = wire_put_u32(p, peer);
	p = wire_put_u32(p, reason);
	p = wire_put_string(p, text, len);
	p = wire_put_string(p, "", 0);
	iov.iov_base = b;
	iov.iov_len = (size_t)(p - b);
	mux_send(m, &iov, 1);
}

/* Reads "host, port" or "path".  The originator behind it is not used. */
static bool
read_stream_address(struct wire *w, bool is_unix, struct address *at)
{
	uint32_t port;
	size_t len;

	memset(at, 0, sizeof(*at));
	if (is_unix) {
		at->kind = ADDRESS_UNIX;
		wire_text(w, at->path, sizeof(at->path));
		wire_string(w, &len);
		return !w->bad;
	}
	at->kind = ADDRESS_TCP;
	wire_text(w, at->host, sizeof(at->host));
	port = wire_u32(w);
	wire_string(w, &len);
	wire_u32(w);
	at->port = (uint16_t)port;
	return !w->bad && port > 0 && port <= 65535;
}

/*
 * The kinds of channels that a peer may open.  A client's server forwards what
 * connects to a listener that it keeps for us; a server's clients ask to be
 * connected, and for session channels.
 */
static const struct open_kind {
	const char *type;
	bool is_stream, is_unix;
	bool served;		/* by a server only; else by a client only */
} kinds[] = {
	{ "forwarded-tcpip", true, false, false },
	{ "forwarded-streamlocal@openssh.com", true, true, false },
	{ "direct-tcpip", true, false, true },
	{ "direct-streamlocal@openssh.com", true, true, true },
	{ "session", false, false, true },
};

static const struct open_kind *
find_open_kind(const struct mux *m, const uint8_t *type, size_t len)
{
	bool is_there;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		is_there = kinds[i].served ? m->service.direct != NULL :
		    m->service.forwarded != NULL;
		if (is_there && strlen(kinds[i].type) == len &&
		    memcmp(kinds[i].type, type, len) == 0)
			return &kinds[i];
	}
	return NULL;
}

void
mux_on_open(struct mux *m, struct wire *w)
{
	const struct open_kind *kind;
	struct address at;
	struct channel *ch;
	size_t len;
	const uint8_t *type = wire_string(w, &len);
	uint32_t peer = wire_u32(w), window = wire_u32(w);
	uint32_t packet = wire_u32(w);
	bool full;

	if (w->bad) {
		mux_violation(m, "malformed channel open");
		return;
	}
	if (!m->served)
		connection_asked(m->connection);
	if ((kind = find_open_kind(m, type, len)) == NULL) {
		send_open_failure(m, peer, OPEN_UNKNOWN_TYPE,
		    "this channel type is not served");
		return;
	}
	if (kind->is_stream && !read_stream_address(w, kind->is_unix, &at)) {
		send_open_failure(m, peer, OPEN_PROHIBITED, "malformed "
		    "request");
		return;
	}
	if (packet < PACKET_MIN) {
		send_open_failure(m, peer, OPEN_PROHIBITED,
		    "maximum packet size too small");
		return;
	}
	full = !mux_has_room_for(m, m->account);
	if (full || (!kind->is_stream && m->nsessions >= SESSIONS_MAX)) {
		send_open_failure(m, peer, OPEN_RESOURCE_SHORTAGE,
		    "too many channels");
		if (full && m->service.full != NULL)
			m->service.full(m->arg);
		return;
	}
	ch = channel_create(m, &channel_ops, CHANNEL_INCOMING, kind->is_stream,
	    NULL);
	ch->peer = peer;
	ch->send_window = window;
	ch->send_packet = packet;
	if (!kind->is_stream) {
		ch->is_session = true;
		m->nsessions++;
		m->service.session(m->arg, ch);
	} else if (kind->served)
		m->service.direct(m->arg, ch, &at);
	else
		m->service.forwarded(m->arg, ch, &at);
}

void
channel_accept(struct channel *ch)
{
	uint8_t b[17], *p = b;
	struct iovec iov = { b, sizeof(b) };

	ch->state = CHANNEL_OPEN;
	ch->gone = NULL;
	ch->mux->total++;
	*p++ = MSG_CHANNEL_OPEN_CONFIRMATION;
	p = wire_put_u32(p, ch->peer);
	p = wire_put_u32(p, ch->id);
	p = wire_put_u32(p, ch->window.left);
	wire_put_u32(p, PACKET_MAX);
	mux_send(ch->mux, &iov, 1);
}

void
channel_refuse(struct channel *ch, enum open_failure reason, const char *text)
{
	send_open_failure(ch->mux, ch->peer, reason, text);
	ch->state = CHANNEL_REFUSED;
	ch->gone = NULL;
	ch->owned = false;
	channel_retire(ch);
}

void
channel_on_gone(struct channel *ch, void (*gone)(void *arg), void *arg)
{
	ch->gone = gone;
	ch->arg = arg;
}
