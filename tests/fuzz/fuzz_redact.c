/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as an engine's document: what jansson takes is taken; what comes
 * out has the same shape, no value of an Env that was not elsewhere as well, no
 * volume's "o", does not depend on the pieces that it arrived in, and does not
 * change when it goes through once more, unless it is so long that a string in
 * it may be judged in parts: a mask moves where they end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/muzzle/redact.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define READ (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)
#define TELLING 4		/* shorter values are anywhere */
#define PART (32 * 1024)	/* a shorter string is judged as a whole */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The value of an Env's item, or NULL. */
static const char *
value_of(json_t *item)
{
	const char *s = json_string_value(item);

	return s == NULL || (s = strchr(s, '=')) == NULL ? NULL : s + 1;
}

/* Does it stand in a name or a string, but for the values of an Env? */
static int
occurs(json_t *v, const char *what, int in_env)
{
	const char *name, *s = json_string_value(v), *value;
	json_t *item;
	size_t i;

	if (s != NULL) {
		value = in_env ? value_of(v) : NULL;
		s = strstr(s, what);
		if (s != NULL && (value == NULL || s < value))
			return 1;
	}
	json_array_foreach(v, i, item)
		if (occurs(item, what, in_env))
			return 1;
	json_object_foreach(v, name, item)
		if (strstr(name, what) != NULL ||
		    occurs(item, what, strcmp(name, "Env") == 0))
			return 1;
	return 0;
}

static void
check_env(json_t *env, json_t *masked, json_t *in, json_t *out)
{
	const char *value, *left;
	json_t *item;
	size_t i;

	json_array_foreach(env, i, item) {
		if ((value = value_of(item)) == NULL)
			continue;
		left = value_of(json_array_get(masked, i));
		CHECK(left == NULL || strcmp(left, "***") == 0);
		if (strlen(value) >= TELLING && strchr(value, '*') == NULL &&
		    !occurs(in, value, 0))
			CHECK(!occurs(out, value, 0));
	}
}

static void
check_options(json_t *options)
{
	const char *o = json_string_value(json_object_get(options, "o"));

	CHECK(o == NULL || strcmp(o, "***") == 0);
}

static void
compare(json_t *a, json_t *b, json_t *in, json_t *out)
{
	const char *name;
	json_t *item, *other;
	size_t i;

	CHECK(json_typeof(a) == json_typeof(b) ||
	    (json_is_number(a) && json_is_number(b)));
	CHECK(json_array_size(a) == json_array_size(b));
	CHECK(json_object_size(a) == json_object_size(b));
	if (json_is_string(a) && !json_equal(a, b))
		CHECK(strstr(json_string_value(b), "***") != NULL);
	json_array_foreach(a, i, item)
		compare(item, json_array_get(b, i), in, out);
	json_object_foreach(a, name, item) {
		other = json_object_get(b, name);
		CHECK(other != NULL);
		if (strcmp(name, "Env") == 0)
			check_env(item, other, in, out);
		if (strcmp(name, "Options") == 0 ||
		    strcmp(name, "DriverOpts") == 0)
			check_options(other);
		compare(item, other, in, out);
	}
}

/* Handed in in pieces whose sizes step makes, all at once when it is 0. */
static int
redact(const uint8_t *p, size_t n, unsigned step, struct buffer *out)
{
	struct redactor *r = redactor_new(NULL, false);
	size_t piece;
	int rc = 0;

	buffer_init(out, SIZE_MAX / 2);
	for (; n > 0 && rc == 0; p += piece, n -= piece) {
		step = step * 1103515245 + 12345;
		piece = step == 12345 ? n : 1 + (step >> 16) % 16;
		if (piece > n)
			piece = n;
		rc = redactor_feed(r, p, piece, out);
		if (step == 12345)
			step = 0;
	}
	if (rc == 0)
		rc = redactor_end(r);
	redactor_free(r);
	return rc;
}

static void
check_same(const struct buffer *a, const struct buffer *b)
{
	CHECK(a->len == b->len && memcmp(buffer_head(a), buffer_head(b),
	    a->len) == 0);
}

static void
check_document(const uint8_t *data, size_t size, const struct buffer *text)
{
	json_t *in = json_loadb((const char *)data, size, READ, NULL);
	json_t *out = json_loadb((const char *)buffer_head(text), text->len,
	    READ, NULL);

	if (in != NULL) {
		CHECK(out != NULL);
		compare(in, out, in, out);
	}
	json_decref(in);
	json_decref(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer text, pieces, again;
	json_t *in;
	int rc;

	if (size > 48 * 1024)
		return 0;
	rc = redact(data, size, 0, &text);
	CHECK(redact(data, size, (unsigned)size + 1, &pieces) == rc);
	if (rc == 0) {
		check_same(&text, &pieces);
		CHECK(redact(buffer_head(&text), text.len, 0, &again) == 0);
		if (size < PART && text.len < PART)
			check_same(&text, &again);
		buffer_clear(&again);
		check_document(data, size, &text);
	} else if (memchr(data, '\0', size) == NULL) {
		/* jansson takes a NUL behind a number for the end. */
		in = json_loadb((const char *)data, size, READ, NULL);
		CHECK(in == NULL);
	}
	buffer_clear(&text);
	buffer_clear(&pieces);
	return 0;
}
