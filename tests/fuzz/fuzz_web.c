/* SPDX-License-Identifier: ISC */
/*
 * Any bytes at a web server without pages: it comes to an answer with
 * WEB_HEAD_MAX of them at the latest, the same one however the bytes arrive,
 * and there is nothing of ours in it.
 */
#include <stdlib.h>
#include <string.h>

#include "orthrus/http/web.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of its own, so that one read beyond it shows. */
static size_t
read_exactly(const uint8_t *data, size_t n, struct web_request *r)
{
	uint8_t *copy = malloc(n + (n == 0));
	size_t used;

	CHECK(copy != NULL);
	if (n > 0)
		memcpy(copy, data, n);
	used = web_read(copy, n, r);
	free(copy);
	CHECK(used <= n);
	return used;
}

static void
check_answer(const struct web_request *r)
{
	char text[WEB_ANSWER_MAX + 1];
	struct buffer out;

	CHECK(r->status >= 400 && r->status <= 505);
	CHECK(r->skip == 0 || r->keep_alive || r->skip <= 1 << 20);
	buffer_init(&out, WEB_ANSWER_MAX);
	web_answer(r, &out);
	CHECK(out.len > 0 && out.len <= WEB_ANSWER_MAX);
	memcpy(text, buffer_head(&out), out.len);
	text[out.len] = '\0';
	CHECK(strlen(text) == out.len);
	CHECK(r->bare || strncmp(text, "HTTP/1.1 ", 9) == 0);
	CHECK((strstr(text, "<html>") != NULL) == !r->head);
	CHECK(strstr(text, "haron") == NULL && strstr(text, "rthrus") == NULL);
	buffer_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct web_request whole, part;
	size_t used, n, first = 0;

	if (size > WEB_HEAD_MAX)
		size = WEB_HEAD_MAX;
	used = read_exactly(data, size, &whole);
	CHECK(used > 0 || size < WEB_HEAD_MAX);
	for (n = 0; n < size && first == 0; n++)
		first = read_exactly(data, n, &part);
	if (used == 0) {
		CHECK(first == 0);
		return 0;
	}
	check_answer(&whole);
	if (first > 0 && first < used)	/* what is wrong takes all there is */
		CHECK(!whole.keep_alive);
	if (first > 0 && whole.keep_alive)
		CHECK(first == used && part.status == whole.status &&
		    part.skip == whole.skip);
	return 0;
}
