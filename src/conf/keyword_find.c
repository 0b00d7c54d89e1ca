/* SPDX-License-Identifier: ISC */
/* The rows of a program's table, by their section and key. */
#include <string.h>

#include "conf.h"

const struct keyword *
keyword_by_key(const struct program *p, const char *section, const char *key)
{
	const struct keyword *kw;

	for (kw = p->rows; kw < p->rows + p->n; kw++) {
		if (kw->section != NULL && strcmp(kw->section, section) == 0 &&
		    strcmp(kw->key, key) == 0)
			return kw;
	}
	return NULL;
}

const struct keyword *
keyword_of_section(const struct program *p, const char *section)
{
	const struct keyword *kw;

	for (kw = p->rows; kw < p->rows + p->n; kw++) {
		if (kw->section != NULL && strcmp(kw->section, section) == 0)
			return kw;
	}
	return NULL;
}

/* Two rows may stand for one setting (--log-level and -v): the first counts. */
const struct keyword *
keyword_first(const struct program *p, const struct keyword *kw)
{
	return kw->section == NULL ? kw :
	    keyword_by_key(p, kw->section, kw->key);
}
