/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as what a server says: read as a whole and in pieces of any size,
 * the answer, its payload and its end are the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/http/reader.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	struct http_reader r;
	const char *why;
	size_t used, len;
	uint8_t *payload;		/* as much room as there is input */
};

/* A piece of n bytes, until it is used up or the answer is over. */
static void
feed(struct result *o, const uint8_t *p, size_t n)
{
	const uint8_t *data;
	size_t len, calls = 0;
	long used;

	while (n > 0 && o->why == NULL && !o->r.done) {
		used = http_reader_feed(&o->r, p, n, &data, &len, &o->why);
		if (used == -1) {
			CHECK(o->why != NULL && o->why[0] != '\0');
			return;
		}
		o->why = NULL;		/* said only when it has failed */
		CHECK((size_t)used <= n && len <= n && calls++ < 4 * n + 8);
		if (len > 0)
			memcpy(o->payload + o->len, data, len);
		o->len += len;
		o->used += (size_t)used;
		p += used;
		n -= (size_t)used;
	}
}

/* step 0: all at once; else pieces whose sizes it makes. */
static void
run(struct result *o, const uint8_t *data, size_t size, bool head,
    unsigned step)
{
	size_t done, n;

	memset(o, 0, sizeof(*o));
	o->payload = malloc(size + 1);
	CHECK(o->payload != NULL);
	http_reader_init(&o->r, head);
	CHECK(http_reader_is_fresh(&o->r));
	for (done = 0; done < size; done += n) {
		step = step * 1103515245 + 12345;
		n = step == 12345 ? size : 1 + (step >> 16) % (1 << step % 9);
		if (step == 12345)
			step = 0;
		if (n > size - done)
			n = size - done;
		feed(o, data + done, n);
	}
}

static void
clear(struct result *o)
{
	http_reader_clear(&o->r);
	free(o->payload);
}

static void
check_answer(const struct result *o)
{
	const struct http_answer *a = &o->r.answer;

	if (!o->r.begun) {
		CHECK(!o->r.done && o->len == 0);
		return;
	}
	CHECK(a->status >= 200 && a->status <= 599);
	CHECK(a->framing != FRAMING_NONE || (o->r.done && o->len == 0));
	if (a->framing == FRAMING_LENGTH)
		CHECK(o->len <= a->length &&
		    o->r.done == (o->len == a->length));
}

static void
check_same(const struct result *a, const struct result *b)
{
	CHECK((a->why == NULL) == (b->why == NULL));
	CHECK(a->r.begun == b->r.begun && a->r.done == b->r.done);
	CHECK(a->len == b->len && memcmp(a->payload, b->payload, a->len) == 0);
	CHECK(!a->r.done || a->used == b->used);
	CHECK(!a->r.begun || (a->r.answer.status == b->r.answer.status &&
	    a->r.answer.kept_len == b->r.answer.kept_len &&
	    memcmp(a->r.answer.kept, b->r.answer.kept,
	    a->r.answer.kept_len) == 0));
}

static void
fuzz(const uint8_t *data, size_t size, bool head)
{
	struct result whole, pieces;
	unsigned i;

	run(&whole, data, size, head, 0);
	check_answer(&whole);
	for (i = 1; i < 4; i++) {
		run(&pieces, data, size, head, (unsigned)size + i);
		check_same(&whole, &pieces);
		clear(&pieces);
	}
	clear(&whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 64 * 1024)
		return 0;
	fuzz(data, size, false);
	fuzz(data, size, true);
	return 0;
}
