/* SPDX-License-Identifier: ISC */
/* Makes lists of revoked certificates, as OpenSSH's PROTOCOL.krl has them. */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "orthrus/proto/krl.h"
#include "orthrus/proto/wire.h"

#define MAGIC 0x5353484b524c0a00ULL	/* "SSHKRL\n" and NUL */
#define FORMAT_VERSION 1
#define COMMENT "charon"
#define SECTION_CERTIFICATES 1
#define SERIAL_LIST 0x20
#define SERIAL_RANGE 0x21
#define SERIAL_BITMAP 0x22

#define HEADER_LEN (8 + 4 + 8 + 8 + 8 + 4 + 4 + sizeof(COMMENT) - 1)
#define PART_LEN (1 + 4)	/* a type, and the length of a string */
#define AUTHORITY_LEN (PART_LEN + 4 + KEY_BLOB_LEN + 4)
#define RANGE_LEN (PART_LEN + 8 + 8)
#define BITMAP_LEN (PART_LEN + 8 + 4 + 1)	/* and its bits */
/* So many in a row take less as a range than within a bitmap. */
#define ROW_MIN ((RANGE_LEN + BITMAP_LEN) * 8)
#define BITMAP_BITS 8192	/* OpenSSH reads twice as many */
#define GAP_MAX 64		/* farther away, 8 bytes of a list are less */

/* --- serials that are written together ---------------------------- */

/* So many of n are in a row. */
static size_t
row_length(const uint64_t *s, size_t n)
{
	size_t i;

	for (i = 1; i < n && s[i] == s[i - 1] + 1; i++)
		;
	return i;
}

static bool
begins_row(const uint64_t *s, size_t n)
{
	return n >= ROW_MIN && s[ROW_MIN - 1] - s[0] == ROW_MIN - 1;
}

/* So many of n are close enough together for one bitmap. */
static size_t
bitmap_length(const uint64_t *s, size_t n)
{
	size_t i;

	for (i = 1; i < n && s[i] - s[i - 1] <= GAP_MAX &&
	    s[i] - s[0] < BITMAP_BITS && !begins_row(s + i, n - i); i++)
		;
	return i;
}

static size_t
bitmap_bytes(const uint64_t *s, size_t n)
{
	return (size_t)(s[n - 1] - s[0]) / 8 + 1;
}

/* As what the first of n serials are written, and how many of them. */
static int
choose_part(const uint64_t *s, size_t n, size_t *used)
{
	if (begins_row(s, n)) {
		*used = row_length(s, n);
		return SERIAL_RANGE;
	}
	*used = bitmap_length(s, n);
	return BITMAP_LEN + bitmap_bytes(s, *used) < *used * 8 ?
	    SERIAL_BITMAP : SERIAL_LIST;
}

/* --- writing ------------------------------------------------------ */

static uint8_t *
put_type(uint8_t *p, int type)
{
	*p++ = (uint8_t)type;
	return p;
}

/* A string's length, once its end is known; returns that. */
static uint8_t *
end_string(uint8_t *length, uint8_t *end)
{
	wire_put_u32(length, (uint32_t)(end - length - 4));
	return end;
}

static uint8_t *
put_range(uint8_t *p, const uint64_t *s, size_t n)
{
	p = wire_put_u32(put_type(p, SERIAL_RANGE), 16);
	p = wire_put_u64(p, s[0]);
	return wire_put_u64(p, s[n - 1]);
}

/*
 * The bits are a number, RFC 4251 section 5: its highest byte first, and a
 * zero before a byte whose highest bit would be taken for a sign.
 */
static uint8_t *
put_bits(uint8_t *p, const uint64_t *s, size_t n)
{
	size_t bytes = bitmap_bytes(s, n), i, bit;
	uint8_t *length = p;

	p += 4;
	if ((s[n - 1] - s[0]) % 8 == 7)
		*p++ = 0;
	memset(p, 0, bytes);
	for (i = 0; i < n; i++) {
		bit = (size_t)(s[i] - s[0]);
		p[bytes - 1 - bit / 8] |= (uint8_t)(1 << bit % 8);
	}
	return end_string(length, p + bytes);
}

static uint8_t *
put_bitmap(uint8_t *p, const uint64_t *s, size_t n)
{
	uint8_t *length = put_type(p, SERIAL_BITMAP);

	return end_string(length, put_bits(wire_put_u64(length + 4, s[0]), s,
	    n));
}

static uint8_t *
put_ranges_and_bitmaps(uint8_t *p, const uint64_t *s, size_t n)
{
	size_t used;

	for (; n > 0; s += used, n -= used)
		switch (choose_part(s, n, &used)) {
		case SERIAL_RANGE:
			p = put_range(p, s, used);
			break;
		case SERIAL_BITMAP:
			p = put_bitmap(p, s, used);
			break;
		}
	return p;
}

/* The others; without any, nothing. */
static uint8_t *
put_list(uint8_t *start, const uint64_t *s, size_t n)
{
	uint8_t *length = put_type(start, SERIAL_LIST), *p = length + 4;
	size_t used, i;

	for (; n > 0; s += used, n -= used)
		if (choose_part(s, n, &used) == SERIAL_LIST)
			for (i = 0; i < used; i++)
				p = wire_put_u64(p, s[i]);
	return p == length + 4 ? start : end_string(length, p);
}

static uint8_t *
put_authority(uint8_t *p, const struct krl *k,
    const uint8_t key[ED25519_KEY_LEN])
{
	uint8_t blob[KEY_BLOB_LEN], *length = put_type(p,
	    SECTION_CERTIFICATES);

	key_blob_write(key, blob);
	p = wire_put_string(length + 4, blob, sizeof(blob));
	p = wire_put_u32(p, 0);			/* reserved */
	p = put_ranges_and_bitmaps(p, k->serials, k->nserials);
	return end_string(length, put_list(p, k->serials, k->nserials));
}

size_t
krl_room(const struct krl *k)
{
	return HEADER_LEN + k->nauthorities * (AUTHORITY_LEN + PART_LEN +
	    k->nserials * 8);
}

size_t
krl_write(const struct krl *k, uint8_t *out)
{
	uint8_t *p = wire_put_u64(out, MAGIC);
	size_t i;

	p = wire_put_u32(p, FORMAT_VERSION);
	p = wire_put_u64(p, k->made);		/* its version */
	p = wire_put_u64(p, k->made);
	p = wire_put_u64(p, 0);			/* flags */
	p = wire_put_u32(p, 0);			/* reserved */
	p = wire_put_string(p, COMMENT, sizeof(COMMENT) - 1);
	if (k->nserials > 0)
		for (i = 0; i < k->nauthorities; i++)
			p = put_authority(p, k, k->authorities[i]);
	return (size_t)(p - out);
}
