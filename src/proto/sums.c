/* SPDX-License-Identifier: ISC */
/* See sums.h. */
#include "config.h"

#include <string.h>

#include "orthrus/proto/sums.h"

/* The digit in small letters; 0: it is none. */
static char
hex_digit(char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
		return c;
	return c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : 0;
}

static const char *
read_hex(const char *p, size_t n, char hex[SUM_HEX + 1])
{
	size_t i;

	for (i = 0; i < SUM_HEX; i++)
		if (i == n || (hex[i] = hex_digit(p[i])) == 0)
			return "expected 64 hexadecimal digits of a SHA-256";
	hex[i] = '\0';
	return NULL;
}

/* Printable, and in the folder itself. */
static const char *
read_name(const char *p, size_t n, char name[SUM_NAME_MAX])
{
	size_t i;

	if (n == 0 || n >= SUM_NAME_MAX)
		return "expected the name of a file, of 255 bytes at most";
	for (i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~' || p[i] == '/' || p[i] == '\\')
			return "expected the name of a file without a folder "
			    "and without spaces";
	memcpy(name, p, n);
	name[n] = '\0';
	return NULL;
}

int
sum_next(const char **text, size_t *len, struct sum *sum, const char **why)
{
	const char *p = *text, *end = memchr(p, '\n', *len);
	size_t n = end != NULL ? (size_t)(end - p) : *len;

	*text += end != NULL ? n + 1 : n;
	*len -= end != NULL ? n + 1 : n;
	if (n > 0 && p[n - 1] == '\r')
		n--;
	if (n == 0)
		return 0;
	if ((*why = read_hex(p, n, sum->hex)) != NULL)
		return -1;
	p += SUM_HEX;
	n -= SUM_HEX;
	if (n < 2 || p[0] != ' ' || (p[1] != ' ' && p[1] != '*')) {
		*why = "expected two spaces behind the checksum";
		return -1;
	}
	*why = read_name(p + 2, n - 2, sum->name);
	return *why == NULL ? 1 : -1;
}
