/* SPDX-License-Identifier: ISC */
/*
 * What is masked because of where it stands in the document.  A value has a
 * rule by the name that it bears, or by the list or object that it is in.
 */
#ifndef ORTHRUS_MUZZLE_REDACT_RULES_H
#define ORTHRUS_MUZZLE_REDACT_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "secrets.h"

enum rule {
	PLAIN,			/* only by its look */
	ALL,
	VARIABLES, VARIABLE,	/* the list, and one of them */
	ASSIGNMENTS, ASSIGNMENT,
	OPTIONS, DEVICE,	/* of a volume or a network */
	PROCESS,		/* of an exec */
	PROXY,
	LOG_CONFIG, LOG_OPTIONS
};

/* Of the values in an array or an object that has a rule itself. */
enum rule rule_inside(enum rule rule, bool object);
/* Of the member of n bytes at name, in an object whose members have rule. */
enum rule rule_of_member(enum rule rule, const char *name, size_t n);

/* Of a build argument in an array whose items have rule: of both. */
enum rule rule_of_argument(enum rule rule);

/* A number could be a PIN. */
bool rule_hides_numbers(enum rule rule);
/* Masks a string; reveal: see names.h. */
void rule_mask(enum rule rule, const char *reveal, struct text *t);
/* Can a part of a string be judged without the rest of it? */
bool rule_sees_parts(enum rule rule);

#endif
