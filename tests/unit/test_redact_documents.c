/* SPDX-License-Identifier: ISC */
/*
 * Every answer that Docker's API describes, in each of its versions from 1.41
 * on, with secrets in it: none of their bytes comes out, however the document
 * arrives, nothing else is missing, and what is cut off never looks whole.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "documents.h"
#include "orthrus/muzzle/redact.h"

#define SPLITS 64		/* of a document of any size */

/* In pieces of step bytes, the first of which has first: 0, or -1. */
static int
redact(const struct document *d, size_t first, size_t step,
    struct buffer *out)
{
	struct redactor *r = redactor_new(NULL, false);
	size_t at = 0, piece = first;
	int rc = 0;

	buffer_init(out, SIZE_MAX / 2);
	for (; at < d->len && rc == 0; at += piece, piece = step) {
		if (piece > d->len - at)
			piece = d->len - at;
		rc = redactor_feed(r, (const uint8_t *)d->text + at, piece,
		    out);
	}
	if (rc == 0)
		rc = redactor_end(r);
	redactor_free(r);
	return rc;
}

static void
check_split(const struct document *d, size_t first, size_t step,
    const struct buffer *want)
{
	struct buffer out;

	if (redact(d, first, step, &out) == -1 || out.len != want->len ||
	    memcmp(buffer_head(&out), buffer_head(want), out.len) != 0)
		fail_msg("%s, split at %zu", d->name, first);
	buffer_clear(&out);
}

/* The same however it arrives: small documents are split everywhere. */
static void
check_splits(const struct document *d, const struct buffer *want)
{
	size_t i, step = d->len <= 1000 ? 1 : d->len / SPLITS;

	for (i = 1; i < d->len; i += step)
		check_split(d, i, d->len, want);
	check_split(d, 1, 1, want);
	check_split(d, 7, 4096, want);
}

/* What has passed when it breaks off tells nothing, and is not the whole. */
static void
check_cuts(const struct document *d)
{
	struct document part = *d;
	struct buffer out;
	size_t i;

	for (i = 0; i < SPLITS; i++) {
		part.len = i * d->len / SPLITS;
		if (redact(&part, part.len, 1, &out) != -1 ||
		    document_tells(buffer_head(&out), out.len))
			fail_msg("%s, cut off at %zu", d->name, part.len);
		buffer_clear(&out);
	}
}

static void
check_document(const struct document *d)
{
	struct buffer out;
	char *before, *after;

	assert_true(d->secrets > 0);
	assert_true(document_tells((const uint8_t *)d->text, d->len));
	if (redact(d, d->len, 1, &out) == -1)
		fail_msg("%s: %.500s", d->name, d->text);
	if (document_tells(buffer_head(&out), out.len))
		fail_msg("%s tells a secret: %.*s", d->name, (int)out.len,
		    (const char *)buffer_head(&out));
	before = document_bones((const uint8_t *)d->text, d->len);
	after = document_bones(buffer_head(&out), out.len);
	assert_string_equal(before, after);
	free(before);
	free(after);
	check_splits(d, &out);
	check_cuts(d);
	buffer_clear(&out);
}

static void
test_documents(void **state)
{
	struct document d;
	unsigned secrets = 0, seed;
	size_t i, n = 0;

	(void)state;
	for (seed = 0; seed < 3; seed++)
		for (i = 0; document_make(i, seed, &d); i++, n++) {
			check_document(&d);
			secrets += d.secrets;
			document_free(&d);
		}
	print_message("%zu documents, %u secrets\n", n / 3, secrets);
	assert_true(n / 3 >= 400);
	assert_true(secrets > 50000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
