/* SPDX-License-Identifier: ISC */
/* What becomes of a request's parameters: passed, dropped, or refused. */
#ifndef ORTHRUS_MUZZLE_PARAMETERS_H
#define ORTHRUS_MUZZLE_PARAMETERS_H

#include "target.h"

/* Of one row of the table; each a list with spaces between, "" for none. */
struct parameter_rules {
	const char *passed;	/* names, with whatever value */
	/*
	 * NAME=A/B: dropped where its value is empty, A or B, for it asks for
	 * nothing then; "false" is every word that the engine takes for it.
	 * NAME alone: the engine reads it never.
	 */
	const char *dropped;
	/* NAME=A/B: may be repeated, with these values. */
	const char *words;
	bool filter;		/* "filter" becomes one of "filters" */
};

/*
 * Leaves in t what is passed on: 0, or -1 with the refusal in v, whose rule
 * is set.  Names of what was dropped are added to v->dropped.
 */
int parameters_judge(struct target *t, const struct parameter_rules *rules,
    struct verdict *v);

enum parameter_fate { PARAMETER_PASSED, PARAMETER_DROPPED, PARAMETER_REFUSED };

/* Of one parameter alone. */
enum parameter_fate parameter_fate(const struct parameter_rules *rules,
    const char *name, const char *value);

/*
 * The body of a request whose query has become t: JSON that says what the
 * query says, or nothing at all.  0, or -1 with the refusal in v.
 */
int parameters_judge_body(const struct target *t,
    const struct parameter_rules *rules, const uint8_t *p, size_t n,
    struct verdict *v);

/* The value, or NULL when there is none of this name. */
const char *parameter_value(const struct target *t, const char *name);
/* As the engine reads a flag: anything that is not one of these is true. */
bool parameter_is_true(const char *value);

/*
 * "filter=NAME" was a parameter of its own until API 1.41; since 1.13 (API
 * 1.25) engines take {"reference": ["NAME"]} among the filters for the same.
 * 0, or -1 with the refusal in v.
 */
int parameters_move_filter(struct target *t, struct verdict *v);

#endif
