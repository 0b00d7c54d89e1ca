/* SPDX-License-Identifier: ISC */
/*
 * What "orthrus doctor" has found: a line each, printed as soon as it is known,
 * or all of them at the end as JSON.
 */
#ifndef ORTHRUS_AGENT_FINDINGS_H
#define ORTHRUS_AGENT_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

struct findings;

struct findings *findings_new(bool json);

/*
 * One finding: check is the word for what was tested, such as "port"; the text
 * says what is there, and of a warning or a failure where and what to do.
 * Control characters in it are escaped.
 */
void finding_ok(struct findings *f, const char *check, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void finding_warn(struct findings *f, const char *check, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* code, of sysexits(3), is what the program ends with for that. */
void finding_fail(struct findings *f, int code, const char *check,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * Prints what is left to print, frees f, and returns what to end with: 0, 1
 * when there were warnings and no failures, or the code of the first failure.
 */
int findings_end(struct findings *f);
/* Frees them unprinted. */
void findings_free(struct findings *f);

#endif
