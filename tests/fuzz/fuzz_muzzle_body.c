/* SPDX-License-Identifier: ISC */
/*
 * A line with the target of an action, then its body: what is taken says
 * nothing, or what the query says, or what the policy drops from a query, and
 * is taken again however the same JSON is written.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/muzzle/policy.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define ALL_ACTIONS 0x3f
#define TEXT_MAX (4 * MUZZLE_TARGET_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct policy policy = { .actions = ALL_ACTIONS };

/* What a query would say for it; false: it says no such thing. */
static bool
as_word(const json_t *value, char *text)
{
	text[0] = '\0';
	if (json_is_string(value))
		snprintf(text, MUZZLE_BODY_MAX + 1, "%s",
		    json_string_value(value));
	else if (json_is_integer(value))
		sprintf(text, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(value));
	else if (json_is_boolean(value))
		strcpy(text, json_is_true(value) ? "true" : "false");
	return !json_is_array(value) && !json_is_object(value) &&
	    !json_is_real(value);
}

static char *
put_encoded(char *to, const char *from)
{
	for (; *from != '\0'; from++)
		to += isalnum((unsigned char)*from) ? sprintf(to, "%c", *from) :
		    sprintf(to, "%%%02X", (unsigned char)*from);
	return to;
}

/* Is it one of the query's, as the Muzzle writes them? */
static bool
has_item(const char *target, const char *item)
{
	const char *p = strchr(target, '?');
	size_t n = strlen(item);

	for (; p != NULL; p = strchr(p + 1, '&'))
		if (strncmp(p + 1, item, n) == 0 &&
		    (p[1 + n] == '\0' || p[1 + n] == '&'))
			return true;
	return false;
}

/* Is anything said of this name? */
static bool
has_name(const char *target, const char *item)
{
	const char *p = strchr(target, '?');
	size_t n = strcspn(item, "=") + 1;

	for (; p != NULL; p = strchr(p + 1, '&'))
		if (strncmp(p + 1, item, n) == 0 && p[1 + n] != '\0' &&
		    p[1 + n] != '&')
			return true;
	return false;
}

/* One member of a body that was taken, against a query of it alone. */
static void
check_member(const char *target, const char *name, const json_t *value)
{
	static char word[MUZZLE_BODY_MAX + 32], query[TEXT_MAX], *end;
	static struct verdict alone;
	const char *item;

	CHECK(as_word(value, word));
	end = query + sprintf(query, "%.*s?", (int)strcspn(target, "?"),
	    target);
	end = put_encoded(end, name);
	*end++ = '=';
	end = put_encoded(end, word);
	*end = '\0';
	if (end - query > MUZZLE_TARGET_MAX)
		return;
	policy_judge(&policy, "POST", query, (size_t)(end - query), &alone);
	CHECK(alone.status == 0);
	item = strchr(alone.target, '?');
	if (item == NULL)		/* asks for nothing */
		CHECK(strcmp(alone.dropped, name) == 0);
	else if (word[0] == '\0')
		CHECK(!has_name(target, item + 1));
	else
		CHECK(has_item(target, item + 1));
}

static void
check_taken(struct verdict *v, const uint8_t *body, size_t n)
{
	json_t *o = json_loadb((const char *)body, n, JSON_REJECT_DUPLICATES |
	    JSON_DECODE_ANY, NULL), *value;
	const char *name;
	char *text;

	CHECK(n == 0 || json_is_null(o) || json_is_object(o));
	json_object_foreach(o, name, value)
		check_member(v->target, name, value);
	text = json_dumps(o, JSON_ENCODE_ANY | JSON_INDENT(1));
	CHECK(o == NULL || text != NULL);
	if (text != NULL)
		CHECK(policy_judge_body(v, (const uint8_t *)text,
		    strlen(text)) == 0);
	free(text);
	json_decref(o);
}

static void
check_refused(const struct verdict *v)
{
	const char *p;

	CHECK(v->status == 400 || (v->status == 414 &&
	    strlen(v->target) > MUZZLE_TARGET_MAX));
	CHECK(v->reason[0] != '\0');
	for (p = v->reason; *p != '\0'; p++)
		CHECK(*p >= ' ' && *p < 0x7f);
	for (p = v->about; *p != '\0'; p++)
		CHECK(*p >= ' ' && *p < 0x7f);
}

static void
fuzz_body(struct verdict *v, const uint8_t *body, size_t n)
{
	static struct verdict before;

	before = *v;
	if (policy_judge_body(v, body, n) == 0) {
		CHECK(v->status == 0 && n <= MUZZLE_BODY_MAX);
		check_taken(v, body, n);
	} else
		check_refused(v);
	/* What the engine gets was settled before. */
	CHECK(strcmp(v->target, before.target) == 0 &&
	    v->method == before.method && v->kind == before.kind);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const nothing[] = { "", "{}", "null", " { } " };
	static struct verdict v;
	const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
	size_t i, n;

	if (end == NULL)
		return 0;
	n = (size_t)(end - data);
	policy_judge(&policy, "POST", (const char *)data, n, &v);
	if (v.status != 0)
		return 0;
	CHECK(v.kind == ANSWER_ACTION);
	for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		if (strlen(v.target) <= MUZZLE_TARGET_MAX)
			CHECK(policy_judge_body(&v,
			    (const uint8_t *)nothing[i],
			    strlen(nothing[i])) == 0);
	if (size - n - 1 <= MUZZLE_BODY_MAX)
		fuzz_body(&v, end + 1, size - n - 1);
	return 0;
}
