/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as frames, of a client or a server as the first byte says: however
 * they are cut into pieces, the stream and the verdict are the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/websocket_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	uint8_t *stream;
	size_t len;
	bool failed;
	struct frame_reader r;
};

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* One call; memory of just the right size shows reads and writes beyond. */
static void
feed(struct outcome *o, const uint8_t *data, size_t n)
{
	size_t held = o->r.nheld;
	uint8_t *p = malloc(held + n);
	long got;

	check(p != NULL && held <= sizeof(o->r.held));
	memcpy(p, o->r.held, held);
	memcpy(p + held, data, n);
	got = frame_read(&o->r, p, held + n);
	check(got >= -1 && got <= (long)(held + n));
	check(memchr(o->r.why, '\0', sizeof(o->r.why)) != NULL);
	check((got == -1) == (o->r.why[0] != '\0' && !o->r.closed));
	check(o->r.ping_len <= FRAME_CONTROL_MAX);
	o->failed = got == -1;
	if (got > 0) {
		memcpy(o->stream + o->len, p, (size_t)got);
		o->len += (size_t)got;
	}
	free(p);
}

static void
run(bool client, const uint8_t *data, size_t size, size_t max, unsigned seed,
    struct outcome *o)
{
	size_t done, n;

	memset(o, 0, sizeof(*o));
	o->stream = malloc(size + 1);
	check(o->stream != NULL);
	frame_reader_init(&o->r, client);
	for (done = 0; done < size && !o->failed && !o->r.closed; done += n) {
		n = 1 + (size_t)rand_r(&seed) % max;
		if (n > size - done)
			n = size - done;
		feed(o, data + done, n);
	}
	check(o->len <= size);
}

static void
compare(const struct outcome *bytes, struct outcome *o)
{
	check(o->failed == bytes->failed && o->r.closed == bytes->r.closed);
	check(o->r.goodbye == bytes->r.goodbye);
	check(strcmp(o->r.why, bytes->r.why) == 0);
	/* Of a call that fails, the stream is lost. */
	check(o->len == bytes->len || (o->failed && o->len < bytes->len));
	check(memcmp(o->stream, bytes->stream, o->len) == 0);
	check(o->r.pinged == bytes->r.pinged &&
	    o->r.ping_len == bytes->r.ping_len &&
	    memcmp(o->r.ping, bytes->r.ping, o->r.ping_len) == 0);
	free(o->stream);
}

/* A head that can be read is written as it was. */
static void
try_head(const uint8_t *data, size_t size)
{
	struct frame_head h;
	uint8_t out[FRAME_HEAD_MAX];
	int n = frame_head_read(data, size, &h);

	if (n <= 0 || h.reserved)
		return;
	check(frame_head_write(&h, out) == (size_t)n);
	check(memcmp(out, data, (size_t)n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome bytes, o;
	bool client;

	if (size == 0)
		return 0;
	client = (*data++ & 1) != 0;
	size--;
	try_head(data, size);
	run(client, data, size, 1, 0, &bytes);
	run(client, data, size, 9, (unsigned)size, &o);
	compare(&bytes, &o);
	run(client, data, size, 200, (unsigned)size, &o);
	compare(&bytes, &o);
	run(client, data, size, size + 1, 1, &o);
	compare(&bytes, &o);
	free(bytes.stream);
	return 0;
}
