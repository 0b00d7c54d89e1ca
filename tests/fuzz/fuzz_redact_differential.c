/* SPDX-License-Identifier: ISC */
/*
 * The redactor against jansson and redact_oracle.c: what jansson takes comes out
 * as the same tree, all of it equal but for what the oracle hides.  As a stream
 * it comes out as it does alone, and what is cut off is not whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/muzzle/redact.h"
#include "redact_oracle.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define READ (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In two pieces; many: see redactor_new(). */
static int
redact(const uint8_t *p, size_t n, size_t first, bool many,
    struct buffer *out)
{
	struct redactor *r = redactor_new(NULL, many);
	int rc;

	buffer_init(out, SIZE_MAX / 2);
	rc = redactor_feed(r, p, first, out);
	if (rc == 0)
		rc = redactor_feed(r, p + first, n - first, out);
	if (rc == 0)
		rc = redactor_end(r);
	redactor_free(r);
	return rc;
}

static void
check_tree(const json_t *in, const struct buffer *text)
{
	json_t *out = json_loadb((const char *)buffer_head(text), text->len,
	    READ, NULL);

	CHECK(out != NULL && oracle_agrees(in, out));
	json_decref(out);
}

/* Twice in a stream is twice the same. */
static void
check_stream(const uint8_t *data, size_t size, const struct buffer *text)
{
	uint8_t *twice = malloc(2 * size + 1);
	struct buffer out;

	CHECK(twice != NULL);
	memcpy(twice, data, size);
	twice[size] = '\n';
	memcpy(twice + size + 1, data, size);
	CHECK(redact(twice, 2 * size + 1, size, true, &out) == 0);
	CHECK(out.len == 2 * text->len + 1 &&
	    memcmp(buffer_head(&out), buffer_head(text), text->len) == 0 &&
	    memcmp(buffer_head(&out) + text->len + 1, buffer_head(text),
	    text->len) == 0);
	buffer_clear(&out);
	free(twice);
}

/* Where its last byte is a bracket or a quote, all in front is not enough. */
static void
check_cut(const uint8_t *data, size_t size)
{
	struct buffer out;
	bool many;
	int i;

	if (memchr("]}\"", data[size - 1], 3) == NULL)
		return;
	for (i = 0; i < 2; i++) {
		many = i == 1;
		CHECK(redact(data, size - 1, size / 2, many, &out) == -1);
		buffer_clear(&out);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer text;
	json_t *in;

	if (size == 0 || size > 16 * 1024 || (in = json_loadb(
	    (const char *)data, size, READ, NULL)) == NULL)
		return 0;
	/* jansson takes a NUL behind a number for the end. */
	if (memchr(data, '\0', size) == NULL) {
		CHECK(redact(data, size, size / 3, false, &text) == 0);
		check_tree(in, &text);
		check_stream(data, size, &text);
		check_cut(data, size);
		buffer_clear(&text);
	}
	json_decref(in);
	return 0;
}
