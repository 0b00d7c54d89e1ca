/* SPDX-License-Identifier: ISC */
/*
 * What redact.h promises of a document, said once more: over a tree of it, with
 * every string whole, and as simply as can be.
 */
#ifndef ORTHRUS_TESTS_REDACT_ORACLE_H
#define ORTHRUS_TESTS_REDACT_ORACLE_H

#include <stdbool.h>

#include <jansson.h>

/*
 * Is out what becomes of in?  No string of in may be longer than what the
 * redactor holds of one.
 */
bool oracle_agrees(const json_t *in, const json_t *out);

#endif
