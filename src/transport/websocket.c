/* SPDX-License-Identifier: ISC */
/*
 * A WebSocket as a transport.  It keeps no bytes of the stream: what arrives is
 * unpacked where the reader wants it, and of what leaves, the part that was
 * not taken is packed anew when the writer comes again with it.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/websocket_frame.h"

#include "websocket_private.h"

/* The longest frame that we send: what a session sends in one turn. */
#define FRAME_SENT_MAX (512 * 1024)
/* Who reads less than this at once reads from a copy. */
#define READ_LEAST 512
/*
 * What is packed at once, with the head: whole records of TLS, which it sends
 * together.  A server masks nothing, and what is behind a frame's first piece
 * goes out as it is.
 */
#define PIECE (64 * 1024)

struct websocket {
	struct transport head;
	struct transport *lower;
	bool client;
	bool ended;			/* the reader has heard of its end */
	struct frame_reader in;
	size_t copied, taken;		/* into copy, and out of it */
	uint8_t copy[READ_LEAST];
	/*
	 * What of ours is under way: the head of a frame of the stream, or a
	 * whole control frame.
	 */
	uint8_t pack[FRAME_HEAD_MAX + FRAME_CONTROL_MAX];
	size_t packed, packed_sent;
	struct frame_head out;		/* of the stream's frame under way */
	uint64_t left;			/* of its payload */
};

/* --- the way in ------------------------------------------------------- */

/* Reads into n bytes at p, which are READ_LEAST at least, and unpacks. */
static ssize_t
read_frames(struct websocket *w, uint8_t *p, size_t n)
{
	size_t held = w->in.nheld;
	ssize_t got;
	long len;

	w->ended = w->in.closed;
	if (w->ended)
		return 0;
	got = transport_read(w->lower, p + held, n - held);
	if (got <= 0)
		return got;
	memcpy(p, w->in.held, held);
	len = frame_read(&w->in, p, held + (size_t)got);
	if (len > 0)
		return len;
	w->ended = len == 0 && w->in.closed;
	if (w->ended)
		return 0;
	/* With no more than heads and control frames, others have a turn. */
	errno = len == 0 ? EAGAIN : EPROTO;
	return -1;
}

static ssize_t
take_copied(struct websocket *w, uint8_t *p, size_t n)
{
	size_t left = w->copied - w->taken;

	if (n > left)
		n = left;
	memcpy(p, w->copy + w->taken, n);
	w->taken += n;
	if (w->taken == w->copied)
		w->copied = w->taken = 0;
	return (ssize_t)n;
}

static ssize_t
websocket_read(struct transport *t, uint8_t *p, size_t n)
{
	struct websocket *w = (struct websocket *)t;
	ssize_t got;

	if (w->copied == 0 && n >= READ_LEAST)
		return read_frames(w, p, n);
	if (w->copied == 0) {
		got = read_frames(w, w->copy, sizeof(w->copy));
		if (got <= 0)
			return got;
		w->copied = (size_t)got;
	}
	return take_copied(w, p, n);
}

static bool
websocket_holds_input(const struct transport *t)
{
	const struct websocket *w = (const struct websocket *)t;

	return w->copied > 0 || (w->in.closed && !w->ended) ||
	    transport_holds_input(w->lower);
}

/* --- the way out ------------------------------------------------------ */

static void
pack_head(struct websocket *w, enum frame_opcode opcode, size_t length,
    struct frame_head *h)
{
	memset(h, 0, sizeof(*h));
	h->opcode = (uint8_t)opcode;
	h->fin = true;
	h->length = length;
	h->masked = w->client;
	if (w->client)
		randombytes_buf(h->key, sizeof(h->key));
	w->packed = frame_head_write(h, w->pack);
	w->packed_sent = 0;
}

static void
pack_control(struct websocket *w, enum frame_opcode opcode, const uint8_t *p,
    size_t n)
{
	struct frame_head h;

	pack_head(w, opcode, n, &h);
	frame_mask(w->pack + w->packed, p, n, h.key, 0);
	w->packed += n;
}

/* True between the frames of the stream. */
static bool
is_between(const struct websocket *w)
{
	return w->left == 0;
}

static bool
has_control(const struct websocket *w)
{
	return w->in.pinged || (is_between(w) && w->packed > w->packed_sent);
}

/* Sends what control frames there are: 0 when they are gone, or -1. */
static int
send_control(struct websocket *w)
{
	ssize_t n;

	while (has_control(w)) {
		if (w->packed == w->packed_sent) {
			pack_control(w, FRAME_PONG, w->in.ping,
			    w->in.ping_len);
			w->in.pinged = false;
		}
		n = transport_write(w->lower, w->pack + w->packed_sent,
		    w->packed - w->packed_sent);
		if (n == -1)
			return -1;
		w->packed_sent += (size_t)n;
	}
	return 0;
}

/* The head's bytes have gone first: how many of the n are payload? */
static size_t
count_payload(struct websocket *w, size_t n)
{
	size_t rest = w->packed - w->packed_sent;

	if (n < rest)
		rest = n;
	w->packed_sent += rest;
	w->left -= n - rest;
	return n - rest;
}

/*
 * Sends a piece of the frame under way, whose payload goes on with the n bytes
 * at p: how many of them were taken, or -1.  All sessions pack in one place.
 */
static ssize_t
send_piece(struct websocket *w, const uint8_t *p, size_t n)
{
	static uint8_t place[PIECE];
	size_t rest = w->packed - w->packed_sent;
	ssize_t sent;

	if (n > w->left)
		n = (size_t)w->left;
	if (!w->client && rest == 0) {
		sent = transport_write(w->lower, p, n);
	} else {
		if (n > PIECE - rest)
			n = PIECE - rest;
		memcpy(place, w->pack + w->packed_sent, rest);
		if (w->client)
			frame_mask(place + rest, p, n, w->out.key,
			    w->out.length - w->left);
		else
			memcpy(place + rest, p, n);
		sent = transport_write(w->lower, place, rest + n);
	}
	return sent == -1 ? -1 : (ssize_t)count_payload(w, (size_t)sent);
}

/* Between two frames: what waits for that goes out, and one begins. */
static int
begin_frame(struct websocket *w, size_t n)
{
	if (send_control(w) == -1)
		return -1;
	if (n > FRAME_SENT_MAX)
		n = FRAME_SENT_MAX;
	pack_head(w, FRAME_BINARY, n, &w->out);
	w->left = n;
	return 0;
}

/* Sends what it holds itself, which is nothing inside of a frame. */
static ssize_t
send_held(struct websocket *w)
{
	if (is_between(w) && send_control(w) == -1)
		return -1;
	if (transport_holds_output(w->lower))
		return transport_write(w->lower, NULL, 0);
	return 0;
}

static ssize_t
websocket_write(struct transport *t, const uint8_t *p, size_t n)
{
	struct websocket *w = (struct websocket *)t;
	size_t done = 0;
	ssize_t sent;

	if (n == 0)
		return send_held(w);
	while (done < n) {
		if (is_between(w) && begin_frame(w, n - done) == -1)
			break;
		sent = send_piece(w, p + done, n - done);
		if (sent == -1)
			break;
		done += (size_t)sent;
	}
	return done > 0 ? (ssize_t)done : -1;
}

static bool
websocket_holds_output(const struct transport *t)
{
	const struct websocket *w = (const struct websocket *)t;

	return has_control(w) || transport_holds_output(w->lower);
}

/* --- its end ---------------------------------------------------------- */

static const char *
websocket_why(const struct transport *t)
{
	const struct websocket *w = (const struct websocket *)t;

	if (w->in.why[0] != '\0')
		return w->in.why;
	return w->lower->ops->why != NULL ? w->lower->ops->why(w->lower) :
	    NULL;
}

/* The goodbye of section 5.5.1, where a frame may begin. */
static void
say_goodbye(struct websocket *w)
{
	uint8_t code[2] = { (uint8_t)(w->in.goodbye >> 8),
	    (uint8_t)w->in.goodbye };

	if (!is_between(w) || send_control(w) == -1)
		return;
	pack_control(w, FRAME_CLOSE, code, sizeof(code));
	send_control(w);
}

static void
websocket_free(struct transport *t)
{
	struct websocket *w = (struct websocket *)t;

	say_goodbye(w);
	transport_free(w->lower);
	sodium_memzero(w->copy, sizeof(w->copy));
	free(w);
}

struct transport *
websocket_new(struct transport *t, const struct websocket_heads *h,
    size_t used, bool client)
{
	static const struct transport_ops ops = {
		"wss", websocket_read, websocket_write, websocket_holds_input,
		websocket_holds_output, websocket_why, websocket_free, NULL
	};
	struct websocket *w = xcalloc(1, sizeof(*w));

	w->head.ops = &ops;
	w->head.fd = t->fd;
	w->lower = used == h->nin ? t :
	    transport_unread(t, h->in + used, h->nin - used);
	w->client = client;
	frame_reader_init(&w->in, !client);
	return &w->head;
}

/* --- the heads of both handshakes ------------------------------------- */

enum handshake_result
websocket_read_head(struct websocket_heads *h, struct transport *t,
    const char *what, struct error *e)
{
	ssize_t n = transport_read(t, h->in + h->nin,
	    sizeof(h->in) - h->nin);

	if (n == -1 && errno == EAGAIN)
		return HANDSHAKE_READ;
	if (n <= 0) {
		error_set(e, EX_UNAVAILABLE, "%s did not come: %s", what,
		    transport_why(t, n == 0 ? 0 : errno));
		return HANDSHAKE_FAILED;
	}
	h->nin += (size_t)n;
	return HANDSHAKE_DONE;
}

enum handshake_result
websocket_send_head(struct websocket_heads *h, struct transport *t,
    struct error *e)
{
	size_t len = h->out != NULL ? strlen(h->out) : 0;
	ssize_t n;

	while (h->sent < len) {
		n = transport_write(t, (const uint8_t *)h->out + h->sent,
		    len - h->sent);
		if (n == -1 && errno == EAGAIN)
			return HANDSHAKE_WRITE;
		if (n == -1) {
			error_set(e, EX_UNAVAILABLE, "cannot send: %s",
			    transport_why(t, errno));
			return HANDSHAKE_FAILED;
		}
		h->sent += (size_t)n;
	}
	return HANDSHAKE_DONE;
}
