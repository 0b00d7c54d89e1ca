/* SPDX-License-Identifier: ISC */
/*
 * Lists of checksums as sha256sum(1) writes them, such as the SHA256SUMS of a
 * release.  Pure.
 */
#ifndef ORTHRUS_PROTO_SUMS_H
#define ORTHRUS_PROTO_SUMS_H

#include <stddef.h>

#define SUM_HEX 64			/* digits of a SHA-256 */
#define SUM_NAME_MAX 256		/* with its NUL */

/* One line: the checksum of a file, in small letters. */
struct sum {
	char hex[SUM_HEX + 1];
	char name[SUM_NAME_MAX];
};

/*
 * Reads the line that begins at *text, which has *len bytes, into *sum, and
 * goes on behind it.  1; 0 for an empty line, and at the end of the text; -1
 * with *why when it is none of sha256sum(1)'s.  No name has a '/', since all
 * are in one folder.
 */
int sum_next(const char **text, size_t *len, struct sum *sum,
    const char **why);

#endif
