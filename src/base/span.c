/* SPDX-License-Identifier: ISC */
/* See span.h. */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "orthrus/base/span.h"

bool
is_alnum(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

bool
span_begins(struct span s, const char *word)
{
	size_t n = strlen(word);

	return s.len >= n && strncasecmp(s.p, word, n) == 0;
}

bool
span_is(struct span s, const char *word)
{
	return s.len == strlen(word) && span_begins(s, word);
}

bool
span_consists(struct span s, const char *more)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!is_alnum((unsigned char)s.p[i]) &&
		    (s.p[i] == '\0' || strchr(more, s.p[i]) == NULL))
			return false;
	return true;
}

bool
span_in_list(struct span s, const char *list,
    int (*same)(const char *, const char *, size_t))
{
	size_t n;

	if (s.len == 0)
		return false;
	for (; list != NULL; list = list[n] == ',' ? list + n + 1 : NULL) {
		/* Words are short: a call of strcspn(3) for each costs more. */
		for (n = 0; list[n] != ',' && list[n] != '\0'; n++)
			;
		if (n == s.len && same(list, s.p, n) == 0)
			return true;
	}
	return false;
}
