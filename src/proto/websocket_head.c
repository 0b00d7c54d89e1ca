/* SPDX-License-Identifier: ISC */
/*
 * Heads of WebSocket's frames, by wslay, which knows their rules.  The payload
 * goes past it: it copies each byte and masks it alone, which costs as much
 * as the cipher does.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <wslay/wslay.h>

#include "orthrus/proto/websocket_frame.h"

/* What wslay reads from, or writes to. */
struct tape {
	const uint8_t *in;
	size_t len;
	uint8_t *out;
	const uint8_t *key;
};

static ssize_t
play_tape(uint8_t *to, size_t len, int flags, void *arg)
{
	struct tape *t = arg;

	(void)flags;
	if (t->len == 0)
		return -1;
	if (len > t->len)
		len = t->len;
	memcpy(to, t->in, len);
	t->len = 0;
	return (ssize_t)len;
}

static ssize_t
record_tape(const uint8_t *p, size_t len, int flags, void *arg)
{
	struct tape *t = arg;

	(void)flags;
	memcpy(t->out, p, len);
	t->len = len;
	return (ssize_t)len;
}

static int
give_key(uint8_t *to, size_t len, void *arg)
{
	memcpy(to, ((const struct tape *)arg)->key, len);
	return 0;
}

/* wslay's state is that of one frame, of which it sees no end. */
static wslay_frame_context_ptr
context_new(struct tape *t)
{
	static const struct wslay_frame_callbacks callbacks = {
		record_tape, play_tape, give_key
	};
	wslay_frame_context_ptr ctx;

	if (wslay_frame_context_init(&ctx, &callbacks, t) != 0)
		abort();	/* of no memory */
	return ctx;
}

static size_t
head_length(uint64_t payload, bool masked)
{
	size_t extended = payload > UINT16_MAX ? 8 : payload > 125 ? 2 : 0;

	return 2 + extended + (masked ? FRAME_KEY_LEN : 0);
}

/* What wslay says of n bytes, of which at most the first of payload count. */
static ssize_t
take_apart(const uint8_t *p, size_t n, struct wslay_frame_iocb *io)
{
	struct tape t = { .in = p, .len = n };
	wslay_frame_context_ptr ctx = context_new(&t);
	ssize_t rc;

	memset(io, 0, sizeof(*io));
	rc = wslay_frame_recv(ctx, io);
	wslay_frame_context_free(ctx);
	return rc;
}

/*
 * wslay tells of a head when there is payload.  One byte that did not come
 * stands in for it: only where it was not taken for one of the head.
 */
static ssize_t
take_apart_alone(const uint8_t *p, size_t n, struct wslay_frame_iocb *io)
{
	uint8_t more[FRAME_HEAD_MAX + 1] = { 0 };

	memcpy(more, p, n);
	if (take_apart(more, n + 1, io) < 0 ||
	    head_length(io->payload_length, io->mask) > n)
		return WSLAY_ERR_WANT_READ;
	return 0;
}

int
frame_head_read(const uint8_t *p, size_t n, struct frame_head *h)
{
	struct wslay_frame_iocb io;
	size_t len;
	ssize_t rc;

	if (n > FRAME_HEAD_MAX + 1)
		n = FRAME_HEAD_MAX + 1;
	rc = take_apart(p, n, &io);
	if (rc == WSLAY_ERR_WANT_READ && n <= FRAME_HEAD_MAX)
		rc = take_apart_alone(p, n, &io);
	if (rc < 0)
		return rc == WSLAY_ERR_WANT_READ ? 0 : -1;
	len = head_length(io.payload_length, io.mask);
	memset(h, 0, sizeof(*h));
	h->opcode = io.opcode;
	h->fin = io.fin;
	h->reserved = io.rsv != WSLAY_RSV_NONE;
	h->masked = io.mask;
	h->length = io.payload_length;
	if (h->masked)
		memcpy(h->key, p + len - FRAME_KEY_LEN, FRAME_KEY_LEN);
	return (int)len;
}

size_t
frame_head_write(const struct frame_head *h, uint8_t out[FRAME_HEAD_MAX])
{
	struct tape t = { .out = out, .key = h->key };
	struct wslay_frame_iocb io = {
		.fin = h->fin, .opcode = h->opcode, .mask = h->masked,
		.payload_length = h->length
	};
	wslay_frame_context_ptr ctx = context_new(&t);

	wslay_frame_send(ctx, &io);
	wslay_frame_context_free(ctx);
	return t.len;
}

/* As much as a processor stores at once. */
typedef uint64_t wide __attribute__((vector_size(16)));

void
frame_mask(uint8_t *to, const uint8_t *from, size_t n,
    const uint8_t key[FRAME_KEY_LEN], uint64_t at)
{
	uint8_t pattern[sizeof(wide)];
	wide word, mask;
	size_t i;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = key[(at + i) % FRAME_KEY_LEN];
	memcpy(&mask, pattern, sizeof(mask));
	for (; n >= sizeof(word); n -= sizeof(word)) {
		memcpy(&word, from, sizeof(word));
		word ^= mask;
		memcpy(to, &word, sizeof(word));
		from += sizeof(word);
		to += sizeof(word);
	}
	for (i = 0; i < n; i++)
		to[i] = from[i] ^ pattern[i];
}
