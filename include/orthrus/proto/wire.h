/* SPDX-License-Identifier: ISC */
/* Reading and writing SSH's data types, RFC 4251 section 5.  Pure. */
#ifndef ORTHRUS_PROTO_WIRE_H
#define ORTHRUS_PROTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A reader over borrowed bytes.  Reading past the end sets bad and gives 0,
 * false or an empty string from then on, so that one test at the end is
 * enough.
 */
struct wire {
	const uint8_t *p;
	size_t left;
	bool bad;
};

void wire_init(struct wire *w, const void *p, size_t len);
uint8_t wire_u8(struct wire *w);
bool wire_bool(struct wire *w);
uint32_t wire_u32(struct wire *w);
uint64_t wire_u64(struct wire *w);
/* Points into the borrowed bytes; *len is its length. */
const uint8_t *wire_string(struct wire *w, size_t *len);
/*
 * Reads a string into text of size bytes with a final NUL; a string that does
 * not fit or holds a NUL sets bad.
 */
void wire_text(struct wire *w, char *text, size_t size);
/* Reads a string and tells whether it is the given text. */
bool wire_is(struct wire *w, const char *text);

/* Big-endian store of v at p; returns p + 4. */
uint8_t *wire_put_u32(uint8_t *p, uint32_t v);
/* The same with 8 bytes. */
uint8_t *wire_put_u64(uint8_t *p, uint64_t v);
/* Length and bytes; returns the end.  The caller has made the room. */
uint8_t *wire_put_string(uint8_t *p, const void *s, size_t len);

#endif
