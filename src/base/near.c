/* SPDX-License-Identifier: ISC */
/* "Did you mean": how far apart two words are. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "orthrus/base/near.h"

#define WORD_MAX 32

/* Another case, or '-' for '_', is too small a mistake to count. */
static char
fold_letter(char c)
{
	return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

static unsigned
least_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* The number of edits (insert, delete, replace, swap) that make a of b. */
static unsigned
edit_distance(const char *a, const char *b)
{
	unsigned d[WORD_MAX + 1][WORD_MAX + 1], cost;
	size_t i, j, n = strlen(a), m = strlen(b);

	for (i = 0; i <= n; i++)
		d[i][0] = (unsigned)i;
	for (j = 0; j <= m; j++)
		d[0][j] = (unsigned)j;
	for (i = 1; i <= n; i++) {
		for (j = 1; j <= m; j++) {
			cost = fold_letter(a[i - 1]) != fold_letter(b[j - 1]);
			d[i][j] = least_of(d[i - 1][j - 1] + cost,
			    least_of(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 &&
			    fold_letter(a[i - 1]) == fold_letter(b[j - 2]) &&
			    fold_letter(a[i - 2]) == fold_letter(b[j - 1]))
				d[i][j] = least_of(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[n][m];
}

/*
 * True when one word begins with the other, which has at least three letters.
 */
static bool
one_begins_other(const char *a, const char *b)
{
	size_t i;

	for (i = 0; a[i] != '\0' && b[i] != '\0'; i++) {
		if (fold_letter(a[i]) != fold_letter(b[i]))
			return false;
	}
	return i >= 3;
}

void
near_try(struct near *n, const char *candidate)
{
	size_t len = strlen(n->word), other = strlen(candidate);
	unsigned d, limit = len < 4 ? 1 : 2;

	if (len == 0 || len > WORD_MAX || other > WORD_MAX)
		return;
	d = edit_distance(n->word, candidate);
	if (d > limit) {
		if (!one_begins_other(n->word, candidate))
			return;
		d = limit + 1;
	}
	if (n->best == NULL || d < n->distance) {
		n->best = candidate;
		n->distance = d;
	}
}
