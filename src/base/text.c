/* SPDX-License-Identifier: ISC */
/* Escaping of control characters and invalid UTF-8, for logs and errors. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "orthrus/base/text.h"

#define UNIT_MAX 8		/* the longest escape, with NUL */
#define CUT "..."

/*
 * The length of the UTF-8 sequence that p[0 .. n) starts with, or 0 when it
 * is none: overlong, a surrogate, beyond U+10FFFF, cut short.
 */
static size_t
utf8_length(const unsigned char *p, size_t n)
{
	unsigned char low = 0x80, high = 0xbf;	/* bounds of the second byte */
	size_t i, want;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		want = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		want = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		want = 4;
	else
		return 0;
	if (want > n)
		return 0;

	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < want; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return want;
}

/* C1 controls too: some terminals obey them. */
static bool
is_control(const unsigned char *p, size_t len)
{
	return (len == 1 && (p[0] < 0x20 || p[0] == 0x7f)) ||
	    (len == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

static void
escape_control(char unit[UNIT_MAX], unsigned code, enum text_style style)
{
	if (code == '\n')
		strcpy(unit, "\\n");
	else if (code == '\t')
		strcpy(unit, "\\t");
	else if (code == '\r')
		strcpy(unit, "\\r");
	else if (style == TEXT_JSON)
		snprintf(unit, UNIT_MAX, "\\u%04x", code & 0xffff);
	else
		snprintf(unit, UNIT_MAX, "\\x%02x", code & 0xff);
}

/* Writes one character of p, escaped, to unit; returns the bytes of p used. */
static size_t
next_unit(char unit[UNIT_MAX], const unsigned char *p, size_t n,
    enum text_style style)
{
	size_t len = utf8_length(p, n);

	if (len == 0) {
		if (style == TEXT_JSON)
			strcpy(unit, "\xef\xbf\xbd");
		else
			escape_control(unit, p[0], style);
		return 1;
	}
	if (is_control(p, len))
		escape_control(unit, p[len - 1], style);
	else if (style == TEXT_JSON && (p[0] == '"' || p[0] == '\\'))
		snprintf(unit, UNIT_MAX, "\\%c", p[0]);
	else {
		memcpy(unit, p, len);
		unit[len] = '\0';
	}
	return len;
}

size_t
text_escape(char *out, size_t size, const char *in, enum text_style style)
{
	const unsigned char *p = (const unsigned char *)in;
	size_t left = strlen(in), len = 0, cut = 0, n, used;
	char unit[UNIT_MAX];

	while (left > 0) {
		used = next_unit(unit, p, left, style);
		n = strlen(unit);
		if (len + n >= size) {
			strcpy(out + cut, CUT);
			return cut + strlen(CUT);
		}
		memcpy(out + len, unit, n);
		len += n;
		p += used;
		left -= used;
		/* The last place where the mark of a cut would still fit. */
		if (len + sizeof(CUT) <= size)
			cut = len;
	}
	out[len] = '\0';
	return len;
}

bool
text_clean(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		n = utf8_length(p, len);
		if (n == 0 || is_control(p, n))
			return false;
	}
	return true;
}

bool
text_ascii(const char *s, size_t len)
{
	unsigned char all = 0;
	size_t i;

	for (i = 0; i < len; i++)
		all |= (unsigned char)s[i];
	return all < 0x80;
}

char *
text_next_word(char **rest)
{
	char *word = strsep(rest, ","), *end;

	if (word == NULL)
		return NULL;
	word += strspn(word, " ");
	for (end = word + strlen(word); end > word && end[-1] == ' '; end--)
		end[-1] = '\0';
	return word;
}

int
text_hex(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

const char *
text_last(const char *s, size_t n, char c)
{
	while (n > 0)
		if (s[--n] == c)
			return s + n;
	return NULL;
}

const char *
time_text(int64_t seconds, char text[TIME_TEXT_MAX])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		strcpy(text, "?");
	return text;
}

bool
time_read(const char *text, int64_t *seconds)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (end == NULL || *end != '\0')
		return false;
	*seconds = timegm(&tm);
	return true;
}
