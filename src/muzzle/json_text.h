/* SPDX-License-Identifier: ISC */
/*
 * The strings and numbers of JSON (RFC 8259 sections 6 and 7), read as they
 * arrive.  Pure.
 */
#ifndef ORTHRUS_MUZZLE_JSON_TEXT_H
#define ORTHRUS_MUZZLE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/mem.h"

/* Characters of which a string tells whether it has them. */
enum { JSON_AT = 1, JSON_COLON = 2, JSON_COMMA = 4, JSON_HASH = 8 };

/* A string of which a part was read; all zero at its beginning. */
struct json_string {
	bool escaped;		/* there was a backslash */
	uint8_t pending;	/* of an escape: its letter, 1 to 4 digits */
	uint8_t has;		/* of the above, but for those escaped */
};

/*
 * Goes on behind the opening quote.  Returns where the closing one is, end
 * when that is still to come, NULL when this is no string.
 */
const uint8_t *json_string_read(struct json_string *s, const uint8_t *p,
    const uint8_t *end);

/* How many of the n bytes of a raw string are not half an escape. */
size_t json_whole(const uint8_t *raw, size_t n);
/*
 * The bytes that a raw string of n bytes stands for, *n of them: raw itself,
 * or room, which holds n bytes.  Half of a surrogate pair becomes U+FFFD; an
 * escape that is cut off ends it.
 */
const char *json_decode(const uint8_t *raw, size_t *n, char *room);
/* How many raw bytes stand for the first decoded ones. */
size_t json_raw_length(const uint8_t *raw, size_t n, size_t decoded);
/* Appends n bytes as a raw string: 0, or -1 when out is full. */
int json_encode(struct buffer *out, const char *p, size_t n);

/* A number of which a part was read. */
struct json_number {
	uint8_t state;
};

enum json_step { JSON_GOES_ON, JSON_ENDS, JSON_BAD };

/* c is its first byte: false when no number begins so. */
bool json_number_begins(struct json_number *j, uint8_t c);
/* JSON_ENDS: c stands behind it. */
enum json_step json_number_step(struct json_number *j, uint8_t c);
/* May it end here? */
bool json_number_is_whole(const struct json_number *j);

#endif
