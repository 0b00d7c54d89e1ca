/* SPDX-License-Identifier: ISC */
/* One line of an ini file, read strictly. */
#ifndef ORTHRUS_CONF_INI_LINE_H
#define ORTHRUS_CONF_INI_LINE_H

#include <stddef.h>

#include "orthrus/base/error.h"

#define INI_LINE_MAX 199	/* what libinih takes as one line */
#define INI_SECTION_MAX 49	/* what libinih keeps of a section's name */

enum ini_kind {
	INI_BLANK,		/* or a comment */
	INI_SECTION,
	INI_KEY,
	INI_BAD,
	INI_BAD_SECTION		/* meant as one, so it ends the one before */
};

struct ini_line {
	enum ini_kind kind;
	char name[INI_LINE_MAX + 1];	/* of the section or the key */
	char value[INI_LINE_MAX + 1];	/* of the key */
};

/*
 * Says what the line of len bytes at p (without its line end) is.  Whatever
 * libinih would read in another way than a person is INI_BAD or
 * INI_BAD_SECTION, with *e saying what would be right.
 */
void ini_line_parse(const char *p, size_t len, struct ini_line *l,
    struct error *e);

#endif
