/* SPDX-License-Identifier: ISC */
/* See reader.h. */
#include "config.h"

#include <string.h>

#include "orthrus/http/reader.h"

void
http_reader_init(struct http_reader *r, bool head_request)
{
	memset(r, 0, sizeof(*r));
	r->head_request = head_request;
	buffer_init(&r->raw, HTTP_ANSWER_HEAD_MAX + 1);
}

void
http_reader_clear(struct http_reader *r)
{
	buffer_clear(&r->raw);
}

bool
http_reader_is_fresh(const struct http_reader *r)
{
	return !r->begun && r->raw.len == 0;
}

/* The head is the n bytes at p: 0, or -1 with *why. */
static int
read_head(struct http_reader *r, const uint8_t *p, size_t n, const char **why)
{
	struct http_answer *a = &r->answer;

	if (http_answer_read(p, n, r->head_request, a, why) == -1)
		return -1;
	r->seen = 0;
	if (a->status == 101) {
		*why = "an upgrade that nobody asked for";
		return -1;
	}
	if (a->status < 200)
		return 0;
	r->begun = true;
	r->left = a->length;
	r->done = a->framing == FRAMING_NONE ||
	    (a->framing == FRAMING_LENGTH && r->left == 0);
	return 0;
}

/*
 * How many of the n bytes were the head's, or -1.  A head that comes in one
 * piece, as most do, is read where it is.
 */
static long
take_head(struct http_reader *r, const uint8_t *p, size_t n, const char **why)
{
	size_t before = r->raw.len;
	const uint8_t *head = p;
	int status = 0;
	long end;

	if (n > HTTP_ANSWER_HEAD_MAX + 1 - before)
		n = HTTP_ANSWER_HEAD_MAX + 1 - before;
	if (before > 0) {
		buffer_put(&r->raw, p, n);
		head = buffer_head(&r->raw);
	}
	end = http_head_end(head, before + n, HTTP_ANSWER_HEAD_MAX, &r->seen,
	    &status);
	if (end == 0) {
		if (before == 0)
			buffer_put(&r->raw, p, n);
		return (long)n;
	}
	*why = status == 431 ? "a head that is too long" : "a malformed head";
	if (end == -1 || read_head(r, head, (size_t)end, why) == -1)
		return -1;
	buffer_clear(&r->raw);
	return end - (long)before;
}

long
http_reader_feed(struct http_reader *r, const uint8_t *p, size_t n,
    const uint8_t **data, size_t *len, const char **why)
{
	*data = NULL;
	*len = 0;
	if (!r->begun)
		return take_head(r, p, n, why);
	if (r->answer.framing == FRAMING_CHUNKED) {
		*why = "malformed chunks";
		return http_chunks_read(&r->chunks, p, n, data, len, &r->done);
	}
	*data = p;
	*len = n < r->left ? n : (size_t)r->left;
	r->left -= *len;
	r->done = r->left == 0;
	return (long)*len;
}
