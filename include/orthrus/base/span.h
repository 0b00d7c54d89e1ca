/* SPDX-License-Identifier: ISC */
/* Some bytes of a larger text, which are not terminated. */
#ifndef ORTHRUS_BASE_SPAN_H
#define ORTHRUS_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>

struct span {
	const char *p;
	size_t len;
};

/*
 * Whether s is the word; whether it begins with it.  Case does not matter
 * (ASCII).
 */
bool span_is(struct span s, const char *word);
bool span_begins(struct span s, const char *word);
/* True when s has only ASCII letters, digits and the characters in more. */
bool span_consists(struct span s, const char *more);

/*
 * Is it a word of the list, one string with commas, or NULL?  An empty one
 * never is.  same: strncmp, or strncasecmp where case does not matter.
 */
bool span_in_list(struct span s, const char *list,
    int (*same)(const char *, const char *, size_t));

/* ASCII letters and digits, whatever the locale. */
bool is_alnum(unsigned char c);

#endif
