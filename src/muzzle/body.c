/* SPDX-License-Identifier: ISC */
/*
 * The body of an action: clients repeat in it what the query says ({"t":1}),
 * or say nothing ({}, null).  That is checked, and the engine never sees it.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "parameters.h"

#define VALUE_MAX 32		/* of a number, with NUL */

/* The value as a query would say it, or NULL when none could. */
static const char *
query_text(const json_t *value, char text[VALUE_MAX])
{
	switch (json_typeof(value)) {
	case JSON_NULL:
		return "";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_STRING:
		return json_string_value(value);
	case JSON_INTEGER:
		snprintf(text, VALUE_MAX, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(value));
		return text;
	default:
		return NULL;
	}
}

/* Does the query say the same, or would the policy drop it from one? */
static bool
query_says(const struct target *t, const struct parameter_rules *rules,
    const char *name, const json_t *value)
{
	const char *said = parameter_value(t, name), *text;
	char number[VALUE_MAX];

	text = query_text(value, number);
	if (text == NULL)
		return false;
	switch (parameter_fate(rules, name, text)) {
	case PARAMETER_PASSED:
		return strcmp(text, said != NULL ? said : "") == 0;
	case PARAMETER_DROPPED:
		return true;
	default:
		return false;
	}
}

int
parameters_judge_body(const struct target *t,
    const struct parameter_rules *rules, const uint8_t *p, size_t n,
    struct verdict *v)
{
	json_t *o = n == 0 ? json_null() : json_loadb((const char *)p, n,
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL), *value;
	const char *name;
	int rc = 0;

	if (!json_is_object(o) && !json_is_null(o))
		rc = verdict_refuse(v, 400, "a body that is not the query "
		    "again, as JSON");
	json_object_foreach(o, name, value) {
		if (rc == 0 && !query_says(t, rules, name, value)) {
			rc = verdict_refuse(v, 400, "a body may only repeat "
			    "what the query says, and of this it does not");
			verdict_about(v, name, strlen(name));
		}
	}
	json_decref(o);
	return rc;
}
