/* SPDX-License-Identifier: ISC */
/*
 * Keeps the password in a URL from ps(1): where the kernel shows arguments and
 * environment it is overwritten, and a copy is kept for whoever reads them
 * again.
 */
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "orthrus/base/mem.h"

static char **kept;		/* as long as the process, for reloads */
static size_t nkept;

static bool
is_kept(const char *s)
{
	size_t i;

	for (i = 0; i < nkept; i++)
		if (kept[i] == s)
			return true;
	return false;
}

static char *
keep(char *s)
{
	kept = xreallocarray(kept, nkept + 1, sizeof(*kept));
	return kept[nkept++] = s;
}

/* Overwrites what stands between "USER:" and the last '@'. */
static void
mask_password(char *url)
{
	char *at = strrchr(url, '@'), *s = strstr(url, "://");

	s = s != NULL ? s + 3 : url;
	if (at == NULL || at < s)
		return;
	s = memchr(s, ':', (size_t)(at - s));
	if (s != NULL)
		memset(s + 1, '*', (size_t)(at - s - 1));
}

void
hide_in_argument(char **word, char *value)
{
	char *shown = *word;

	if (is_kept(shown))
		return;
	*word = keep(xstrdup(shown));
	mask_password(value);
}

void
hide_in_variable(const char *name, char *value)
{
	char *copy;

	if (is_kept(value))
		return;
	/* What is put into the environment stays ours. */
	copy = keep(xasprintf("%s=%s", name, value));
	mask_password(value);
	putenv(copy);
	keep(copy + strlen(name) + 1);
}
