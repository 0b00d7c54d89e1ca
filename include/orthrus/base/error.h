/* SPDX-License-Identifier: ISC */
/*
 * One error type for the whole project: an exit code of sysexits(3) and one
 * line of text that says what is wrong, where, and what would be right.
 */
#ifndef ORTHRUS_BASE_ERROR_H
#define ORTHRUS_BASE_ERROR_H

#include <sysexits.h>

#define ERROR_TEXT_MAX 512

struct error {
	int code;			/* 0, or a value of sysexits(3) */
	char text[ERROR_TEXT_MAX];	/* one line, no trailing newline */
};

/*
 * Fills *e (which may be NULL) with code and a formatted line, in which
 * control characters are escaped.  Always returns -1, so that a parser can
 * "return error_set(...)".
 */
int error_set(struct error *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The static analyzer looks into one source at a time. */
#ifdef __clang_analyzer__
#define error_set(...) (error_set(__VA_ARGS__), -1)
#endif

/* Puts a formatted prefix and ": " before the text of *e (may be NULL). */
void error_prefix(struct error *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
