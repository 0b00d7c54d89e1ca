/* SPDX-License-Identifier: ISC */
/* See parameters.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "orthrus/muzzle/names.h"

#include "parameters.h"

const char *
parameter_value(const struct target *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->nparameters; i++)
		if (strcmp(t->parameters[i].name, name) == 0)
			return t->parameters[i].value;
	return NULL;
}

bool
parameter_is_true(const char *value)
{
	static const char *const no[] = { "", "0", "no", "false", "none" };
	size_t i;

	while (*value == ' ')
		value++;
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strncasecmp(value, no[i], strlen(no[i])) == 0 &&
		    value[strlen(no[i]) + strspn(value + strlen(no[i]),
		    " ")] == '\0')
			return false;
	return true;
}

/* --- lists ------------------------------------------------------------ */

/* Finds the entry of name; *rest is what follows it, "" or "=A/B". */
static bool
find_entry(const char *list, const char *name, struct span *rest)
{
	size_t n = strlen(name), len;

	if (strchr(name, '=') != NULL)
		return false;
	for (; *list != '\0'; list += len + strspn(list + len, " ")) {
		len = strcspn(list, " ");
		if (len >= n && memcmp(list, name, n) == 0 &&
		    (len == n || list[n] == '=')) {
			*rest = (struct span){ list + n, len - n };
			return true;
		}
	}
	return false;
}

/* Is it word, or "true" or "false" in another spelling? */
static bool
is_spelt(struct span word, const char *value)
{
	if (span_is(word, "false") && !parameter_is_true(value))
		return true;
	if (span_is(word, "true"))
		return strcasecmp(value, "true") == 0;
	return strlen(value) == word.len &&
	    memcmp(word.p, value, word.len) == 0;
}

/* Is value among the words of "=A/B"? */
static bool
is_among(struct span words, const char *value)
{
	const char *end = words.p + words.len, *p, *next;

	for (p = words.p + 1; p < end; p = next + 1) {
		next = memchr(p, '/', (size_t)(end - p));
		if (next == NULL)
			next = end;
		if (is_spelt((struct span){ p, (size_t)(next - p) }, value))
			return true;
	}
	return false;
}

/* --- parameters ------------------------------------------------------- */

static void
note_dropped(struct verdict *v, const char *name)
{
	size_t n = strlen(v->dropped);

	if (!names_have(v->dropped, name, strlen(name)))
		snprintf(v->dropped + n, sizeof(v->dropped) - n, "%s%s",
		    n > 0 ? "," : "", name);
}

static void
refuse_parameter(struct verdict *v, const struct parameter *q,
    const struct parameter_rules *rules)
{
	struct span rest;

	verdict_about(v, q->name, strlen(q->name));
	if (find_entry(rules->words, q->name, &rest))
		verdict_refuse(v, 403, "a parameter that on %s has other "
		    "values: %.*s", v->rule, (int)rest.len - 1, rest.p + 1);
	else if (find_entry(rules->dropped, q->name, &rest))
		verdict_refuse(v, 403, "a parameter that on %s may only ask "
		    "for nothing: empty or %.*s", v->rule, (int)rest.len - 1,
		    rest.p + 1);
	else
		verdict_refuse(v, 403, "a parameter that is not let through "
		    "on %s; allowed: %s", v->rule, rules->passed[0] != '\0' ?
		    rules->passed : "none");
}

enum parameter_fate
parameter_fate(const struct parameter_rules *rules, const char *name,
    const char *value)
{
	struct span rest;

	if (find_entry(rules->dropped, name, &rest) && (rest.len == 0 ||
	    value[0] == '\0' || is_among(rest, value)))
		return PARAMETER_DROPPED;
	if (find_entry(rules->words, name, &rest))
		return value[0] == '\0' ? PARAMETER_DROPPED :
		    is_among(rest, value) ? PARAMETER_PASSED :
		    PARAMETER_REFUSED;
	return find_entry(rules->passed, name, &rest) ? PARAMETER_PASSED :
	    PARAMETER_REFUSED;
}

/* Is it passed on already?  Only one of words may come more than once. */
static bool
is_repeated(const struct target *t, const struct parameter *q)
{
	size_t i;

	for (i = 0; i < t->nparameters; i++)
		if (strcmp(t->parameters[i].name, q->name) == 0 &&
		    strcmp(t->parameters[i].value, q->value) == 0)
			return true;
	return false;
}

int
parameters_judge(struct target *t, const struct parameter_rules *rules,
    struct verdict *v)
{
	size_t i, n = t->nparameters;
	struct parameter q;

	t->nparameters = 0;
	for (i = 0; i < n; i++) {
		q = t->parameters[i];
		switch (parameter_fate(rules, q.name, q.value)) {
		case PARAMETER_PASSED:
			if (!is_repeated(t, &q))
				t->parameters[t->nparameters++] = q;
			break;
		case PARAMETER_DROPPED:
			note_dropped(v, q.name);
			break;
		case PARAMETER_REFUSED:
			refuse_parameter(v, &q, rules);
			return -1;
		}
	}
	return rules->filter ? parameters_move_filter(t, v) : 0;
}
