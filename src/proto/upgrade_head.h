/* SPDX-License-Identifier: ISC */
/* What both heads of an upgrade have in common: a line, and fields. */
#ifndef ORTHRUS_PROTO_UPGRADE_HEAD_H
#define ORTHRUS_PROTO_UPGRADE_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/base/span.h"

struct upgrade_head {
	struct span start;		/* its first line */
	struct span fields;		/* the others, each with its CRLF */
	size_t len;			/* with the empty line */
};

/*
 * Reads the head that begins at p: 1 when all of it is there, 0 when not, -1
 * when it is none, or is longer than UPGRADE_HEAD_MAX.
 */
int upgrade_head_read(const uint8_t *p, size_t n, struct upgrade_head *h);
/* How many fields of that name there are; *value is the last one's. */
unsigned upgrade_head_field(const struct upgrade_head *h, const char *name,
    struct span *value);
/* True when a field of that name has the word in its list of words. */
bool upgrade_head_lists(const struct upgrade_head *h, const char *name,
    const char *word);

#endif
