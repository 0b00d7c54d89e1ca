/* SPDX-License-Identifier: ISC */
/* Tables for people: columns as wide as their widest cell. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"

#include "cli.h"

#define CELL_MAX 512
#define COLUMNS_MAX 16

void
table_add(struct table *t, const char *text)
{
	char cell[CELL_MAX];

	/*
	 * The cells' memory doubles whenever their number reaches a power of
	 * two.
	 */
	if ((t->n & (t->n - 1)) == 0)
		t->cells = xreallocarray(t->cells, t->n == 0 ? 1 : 2 * t->n,
		    sizeof(*t->cells));
	text_escape(cell, sizeof(cell), text, TEXT_PLAIN);
	t->cells[t->n++] = xstrdup(cell);
}

/* Counts characters of UTF-8, each of which is taken for one column. */
static size_t
display_width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void
table_print(const struct table *t, FILE *f)
{
	size_t widest[COLUMNS_MAX] = { 0 }, i, column;
	bool last;

	for (i = 0; i < t->n; i++) {
		column = i % t->columns;
		if (display_width(t->cells[i]) > widest[column])
			widest[column] = display_width(t->cells[i]);
	}
	for (i = 0; i < t->n; i++) {
		column = i % t->columns;
		last = column == t->columns - 1;
		fprintf(f, "%s%*s%s", t->cells[i], last ? 0 :
		    (int)(widest[column] - display_width(t->cells[i])), "",
		    last ? "\n" : "  ");
	}
}

void
table_free(struct table *t)
{
	while (t->n > 0)
		free(t->cells[--t->n]);
	free(t->cells);
}
