/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as an engine's document: what comes out has the same shape, no
 * value of an Env that was not elsewhere as well, no volume's "o", and does
 * not change when it goes through once more.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/muzzle/redact.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define READ (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)
#define TELLING 4		/* shorter values are anywhere */

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

	CHECK(json_typeof(a) == json_typeof(b));
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, *again;
	size_t n = 0, m = 0;
	json_t *in, *out;

	if (size > 16 * 1024)
		return 0;
	in = json_loadb((const char *)data, size, READ, NULL);
	text = redact_json(data, size, NULL, &n);
	CHECK((in == NULL) == (text == NULL));
	if (in == NULL)
		return 0;
	CHECK(strlen(text) == n);
	out = json_loadb(text, n, READ, NULL);
	CHECK(out != NULL);
	compare(in, out, in, out);
	again = redact_json((const uint8_t *)text, n, NULL, &m);
	CHECK(again != NULL && m == n && memcmp(text, again, n) == 0);
	free(again);
	free(text);
	json_decref(in);
	json_decref(out);
	return 0;
}
