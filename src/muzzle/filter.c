/* SPDX-License-Identifier: ISC */
/* parameters_move_filter(); see parameters.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "parameters.h"

static struct parameter *
find_parameter(struct target *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->nparameters; i++)
		if (strcmp(t->parameters[i].name, name) == 0)
			return &t->parameters[i];
	return NULL;
}

/*
 * Adds a name to {"reference": ...}, in the form that the others have: a list,
 * or since API 1.22 {"NAME": true}.  0, or -1.
 */
static int
add_reference(json_t *filters, const char *name)
{
	json_t *first = json_object_iter_value(json_object_iter(filters));
	json_t *names = json_object_get(filters, "reference");

	if (names == NULL) {
		names = json_is_object(first) ? json_object() : json_array();
		if (json_object_set_new(filters, "reference", names) == -1)
			return -1;
	}
	return json_is_array(names) ?
	    json_array_append_new(names, json_string(name)) :
	    json_object_set_new(names, name, json_true());
}

/* The filters and one name more, as text that the caller frees, or NULL. */
static char *
merge_filters(const char *filters, const char *name)
{
	json_t *o = filters == NULL || filters[0] == '\0' ? json_object() :
	    json_loads(filters, JSON_REJECT_DUPLICATES, NULL);
	char *text = NULL;

	if (json_is_object(o) && add_reference(o, name) == 0)
		text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

int
parameters_move_filter(struct target *t, struct verdict *v)
{
	static char name[] = "filters";
	struct parameter *filter = find_parameter(t, "filter"), *filters;
	size_t n;
	char *text;

	if (filter == NULL)
		return 0;
	filters = find_parameter(t, "filters");
	text = merge_filters(filters != NULL ? filters->value : NULL,
	    filter->value);
	n = text == NULL ? 0 : strlen(text);
	if (n == 0 || n >= sizeof(t->filters)) {
		free(text);
		return n == 0 ? verdict_refuse(v, 400, "filter, or filters "
		    "beside it, cannot be read") : verdict_refuse(v, 414,
		    "filter and filters are longer than %d bytes",
		    MUZZLE_FILTERS_MAX);
	}
	memcpy(t->filters, text, n + 1);
	free(text);
	if (filters == NULL) {
		filter->name = name;
		filter->value = t->filters;
		return 0;
	}
	filters->value = t->filters;
	t->nparameters--;
	memmove(filter, filter + 1,
	    (size_t)(t->parameters + t->nparameters - filter) *
	    sizeof(*filter));
	return 0;
}
