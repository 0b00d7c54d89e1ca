/* SPDX-License-Identifier: ISC */
/* See json_text.h. */
#include "config.h"

#include <string.h>

#include "json_text.h"

#define LETTER 5		/* pending: what follows the backslash */

/* What stands behind a backslash, and what it means. */
static const char letter[] = "bfnrt\"\\/", means[] = "\b\f\n\r\t\"\\/";

/* --- strings -------------------------------------------------------------- */

/* Ends a run of plain characters. */
#define S 0x80

static const uint8_t class[256] = {
	S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
	S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
	['"'] = S, ['\\'] = S, ['@'] = JSON_AT, [':'] = JSON_COLON,
	[','] = JSON_COMMA, ['#'] = JSON_HASH
};

static bool
is_plain(uint8_t c)
{
	return class[c] != S;
}

/* Where the run of plain characters ends that begins at p. */
static const uint8_t *
skip_plain(struct json_string *s, const uint8_t *p, const uint8_t *end)
{
	uint8_t has = 0, four;

	for (; end - p >= 4; p += 4) {
		four = class[p[0]] | class[p[1]] | class[p[2]] | class[p[3]];
		if (four & S)
			break;
		has |= four;
	}
	for (; p < end && class[*p] != S; p++)
		has |= class[*p];
	s->has |= has;
	return p;
}

static int
hex_value(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ?
	    c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One byte of an escape: false when it is none. */
static bool
escape_goes_on(struct json_string *s, uint8_t c)
{
	if (s->pending != LETTER) {
		s->pending--;
		return hex_value(c) != -1;
	}
	s->pending = c == 'u' ? 4 : 0;
	return c == 'u' || (c != '\0' && strchr(letter, c) != NULL);
}

const uint8_t *
json_string_read(struct json_string *s, const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		if (s->pending != 0) {
			if (!escape_goes_on(s, *p++))
				return NULL;
			continue;
		}
		p = skip_plain(s, p, end);
		if (p == end || *p == '"')
			return p;
		if (*p++ != '\\')
			return NULL;
		s->escaped = true;
		s->pending = LETTER;
	}
	return end;
}

static unsigned
hex4(const uint8_t *p)
{
	unsigned v = 0, i;

	for (i = 0; i < 4; i++)
		v = v << 4 | (unsigned)hex_value(p[i]);
	return v;
}

/* A character of UTF-8 (RFC 3629); returns its bytes. */
static size_t
put_utf8(char out[4], uint32_t c)
{
	static const uint8_t mark[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;

	for (i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(mark[n == 1 ? 0 : n] | c);
	return n;
}

/* At p is "\uXXXX", and n bytes in all; returns how many were used. */
static size_t
decode_unicode(const uint8_t *p, size_t n, char out[4], size_t *len)
{
	uint32_t c = hex4(p + 2), low;
	bool half = c >= 0xd800 && c < 0xe000;

	if (c >= 0xd800 && c < 0xdc00 && n >= 12 && p[6] == '\\' &&
	    p[7] == 'u' && (low = hex4(p + 8)) >= 0xdc00 && low < 0xe000) {
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		*len = put_utf8(out, c);
		return 12;
	}
	*len = put_utf8(out, half ? 0xfffd : c);
	return 6;
}

/*
 * The next character of a raw string, or a byte of one: how many bytes of it
 * were used, 0 when it is cut off.
 */
static size_t
decode_one(const uint8_t *p, size_t n, char out[4], size_t *len)
{
	const char *found;

	*len = 1;
	out[0] = (char)p[0];
	if (p[0] != '\\')
		return 1;
	if (n < 2 || (p[1] == 'u' && n < 6))
		return 0;
	if (p[1] == 'u')
		return decode_unicode(p, n, out, len);
	found = strchr(letter, p[1]);
	out[0] = means[found - letter];
	return 2;
}

size_t
json_whole(const uint8_t *raw, size_t n)
{
	return json_raw_length(raw, n, n);
}

size_t
json_raw_length(const uint8_t *raw, size_t n, size_t decoded)
{
	size_t at = 0, used, len, done = 0;
	char c[4];

	while (at < n && done < decoded &&
	    (used = decode_one(raw + at, n - at, c, &len)) > 0) {
		at += used;
		done += len;
	}
	return at;
}

const char *
json_decode(const uint8_t *raw, size_t *n, char *room)
{
	const uint8_t *p = raw, *end = raw + *n;
	size_t len, used, done = 0;
	char c[4];

	if (memchr(raw, '\\', *n) == NULL)
		return (const char *)raw;
	while (p < end &&
	    (used = decode_one(p, (size_t)(end - p), c, &len)) > 0) {
		memcpy(room + done, c, len);
		p += used;
		done += len;
	}
	*n = done;
	return room;
}

static int
put_escape(struct buffer *out, char c)
{
	static const char hex[] = "0123456789abcdef";
	const char *found = strchr(means, c);
	char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (c != '\0' && found != NULL)
		text[1] = letter[found - means];
	return buffer_put(out, text, text[1] == 'u' ? 6 : 2);
}

int
json_encode(struct buffer *out, const char *p, size_t n)
{
	size_t from = 0, at;

	for (at = 0; at <= n; at++) {
		if (at < n && is_plain((uint8_t)p[at]))
			continue;
		if (buffer_put(out, p + from, at - from) == -1 ||
		    (at < n && put_escape(out, p[at]) == -1))
			return -1;
		from = at + 1;
	}
	return 0;
}

/* --- numbers ------------------------------------------------------------- */

enum number { MINUS, ZERO, WHOLE, POINT, FRACTION, E, E_SIGN, EXPONENT };

static bool
go(struct json_number *j, enum number state)
{
	j->state = (uint8_t)state;
	return true;
}

bool
json_number_begins(struct json_number *j, uint8_t c)
{
	if (c == '-')
		return go(j, MINUS);
	if (c == '0')
		return go(j, ZERO);
	return c >= '1' && c <= '9' && go(j, WHOLE);
}

static bool
digit_goes_on(struct json_number *j, uint8_t c)
{
	switch (j->state) {
	case MINUS:
		return go(j, c == '0' ? ZERO : WHOLE);
	case ZERO:
		return false;
	case POINT:
		return go(j, FRACTION);
	case E:
	case E_SIGN:
		return go(j, EXPONENT);
	default:
		return true;
	}
}

/* Does c, which is no digit, belong to it? */
static bool
sign_goes_on(struct json_number *j, uint8_t c)
{
	switch (c) {
	case '.':
		return (j->state == ZERO || j->state == WHOLE) &&
		    go(j, POINT);
	case 'e':
	case 'E':
		return (j->state == ZERO || j->state == WHOLE ||
		    j->state == FRACTION) && go(j, E);
	case '+':
	case '-':
		return j->state == E && go(j, E_SIGN);
	default:
		return false;
	}
}

bool
json_number_is_whole(const struct json_number *j)
{
	return j->state == ZERO || j->state == WHOLE ||
	    j->state == FRACTION || j->state == EXPONENT;
}

enum json_step
json_number_step(struct json_number *j, uint8_t c)
{
	bool whole = json_number_is_whole(j);

	if (c >= '0' && c <= '9')
		return digit_goes_on(j, c) ? JSON_GOES_ON : JSON_BAD;
	if (sign_goes_on(j, c))
		return JSON_GOES_ON;
	return whole ? JSON_ENDS : JSON_BAD;
}
