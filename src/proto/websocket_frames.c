/* SPDX-License-Identifier: ISC */
/* Reads frames and leaves the stream that they carry: see websocket_frame.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "orthrus/base/text.h"
#include "orthrus/proto/websocket_frame.h"

void
frame_reader_init(struct frame_reader *r, bool from_client)
{
	memset(r, 0, sizeof(*r));
	r->from_client = from_client;
	r->goodbye = GOODBYE_NORMAL;
}

static const char *
peer_name(const struct frame_reader *r)
{
	return r->from_client ? "client" : "server";
}

/* Always -1. */
static int
break_off(struct frame_reader *r, enum frame_goodbye goodbye, const char *what)
{
	r->goodbye = goodbye;
	snprintf(r->why, sizeof(r->why), "WebSocket: the %s sent %s",
	    peer_name(r), what);
	return -1;
}

static int
refuse_huge(struct frame_reader *r, uint64_t length)
{
	char what[96];

	snprintf(what, sizeof(what), "a frame of %llu bytes; at most %d are "
	    "taken", (unsigned long long)length, FRAME_PAYLOAD_MAX);
	return break_off(r, GOODBYE_TOO_BIG, what);
}

static bool
is_control(const struct frame_head *h)
{
	return (h->opcode & 8) != 0;
}

/* Sections 5.4 to 5.6, and that SSH is bytes: 0 or -1. */
static int
check_head(struct frame_reader *r, const struct frame_head *h)
{
	if (h->reserved)
		return break_off(r, GOODBYE_PROTOCOL_ERROR, "a frame of an "
		    "extension that was not agreed on");
	if (h->masked != r->from_client)
		return break_off(r, GOODBYE_PROTOCOL_ERROR, h->masked ?
		    "a frame with a mask, as only clients do" :
		    "a frame without a mask");
	if (h->length > FRAME_PAYLOAD_MAX)
		return refuse_huge(r, h->length);
	switch (h->opcode) {
	case FRAME_TEXT:
		return break_off(r, GOODBYE_UNSUPPORTED, "a text frame, but SSH "
		    "goes in binary ones: it speaks something else");
	case FRAME_BINARY:
		if (r->in_message)
			return break_off(r, GOODBYE_PROTOCOL_ERROR, "a new "
			    "message inside of one that has not ended");
		return 0;
	case FRAME_CONTINUATION:
		if (!r->in_message)
			return break_off(r, GOODBYE_PROTOCOL_ERROR, "the rest "
			    "of a message that has not begun");
		return 0;
	case FRAME_CLOSE:
	case FRAME_PING:
	case FRAME_PONG:
		return 0;
	default:
		return break_off(r, GOODBYE_PROTOCOL_ERROR, "a frame of a kind "
		    "that is not assigned");
	}
}

/* --- control frames, section 5.5 -------------------------------------- */

static bool
goodbye_valid(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 &&
	    code != GOODBYE_NO_STATUS && code != 1006) ||
	    (code >= 3000 && code <= 4999);
}

static void
note_goodbye(struct frame_reader *r, unsigned code, const uint8_t *text,
    size_t len)
{
	char raw[FRAME_CONTROL_MAX + 1], clean[FRAME_CONTROL_MAX + 1];

	r->closed = true;
	r->goodbye = (enum frame_goodbye)code;
	memcpy(raw, text, len);
	raw[len] = '\0';
	text_escape(clean, sizeof(clean), raw, TEXT_PLAIN);
	snprintf(r->why, sizeof(r->why), "WebSocket: the %s closed: %u%s%s",
	    peer_name(r), code, len > 0 ? " " : "", clean);
}

static int
take_close(struct frame_reader *r, const uint8_t *p, size_t n)
{
	unsigned code;

	if (n == 0) {
		r->closed = true;
		snprintf(r->why, sizeof(r->why), "WebSocket: the %s closed",
		    peer_name(r));
		return 0;
	}
	code = n < 2 ? 0 : (unsigned)p[0] << 8 | p[1];
	if (!goodbye_valid(code))
		return break_off(r, GOODBYE_PROTOCOL_ERROR, "a goodbye "
		    "without a reason that may be sent");
	note_goodbye(r, code, p + 2, n - 2);
	return 0;
}

/* Of several pings the last one is answered: section 5.5.3. */
static int
take_control(struct frame_reader *r, const struct frame_head *h, uint8_t *p)
{
	size_t n = (size_t)h->length;

	frame_mask(p, p, n, h->key, 0);
	if (h->opcode == FRAME_CLOSE)
		return take_close(r, p, n);
	if (h->opcode == FRAME_PING) {
		r->pinged = true;
		r->ping_len = n;
		memcpy(r->ping, p, n);
	}
	return 0;
}

/* --- the stream ------------------------------------------------------- */

/*
 * Takes a head, and a control frame as a whole.  Returns how many bytes, 0
 * when there must be more of them, or -1.
 */
static int
take_head(struct frame_reader *r, uint8_t *p, size_t n)
{
	struct frame_head h;
	int len = frame_head_read(p, n, &h);

	if (len == -1)
		return break_off(r, GOODBYE_PROTOCOL_ERROR,
		    "what is no frame");
	if (len == 0)
		return 0;
	if (check_head(r, &h) == -1)
		return -1;
	if (!is_control(&h)) {
		r->head = h;
		r->done = 0;
		r->in_message = !h.fin;
		return len;
	}
	if (n - (size_t)len < h.length)
		return 0;
	return take_control(r, &h, p + len) == -1 ? -1 :
	    len + (int)h.length;
}

/* Brings what there is of a frame's payload to where it belongs. */
static size_t
take_payload(struct frame_reader *r, uint8_t *to, uint8_t *from, size_t n)
{
	uint64_t left = r->head.length - r->done;

	if (n > left)
		n = (size_t)left;
	if (r->head.masked)
		frame_mask(to, from, n, r->head.key, r->done);
	else if (to != from)
		memmove(to, from, n);
	r->done += n;
	return n;
}

long
frame_read(struct frame_reader *r, uint8_t *p, size_t n)
{
	size_t from = 0, to = 0, got;
	int len;

	r->nheld = 0;
	while (from < n && !r->closed) {
		got = take_payload(r, p + to, p + from, n - from);
		to += got;
		from += got;
		if (from == n)
			break;
		len = take_head(r, p + from, n - from);
		if (len == -1)
			return -1;
		if (len == 0) {
			r->nheld = n - from;
			memcpy(r->held, p + from, r->nheld);
			break;
		}
		from += (size_t)len;
	}
	return (long)to;
}
