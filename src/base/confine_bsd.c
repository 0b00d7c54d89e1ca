/* SPDX-License-Identifier: ISC */
/*
 * See confine.h: where there are neither Landlock nor seccomp, which are
 * Linux's.  That is said at the start; nobody shall believe in walls that are
 * not there.
 */
#include "orthrus/base/confine.h"

#include <stdio.h>
#include <stdlib.h>

#include "orthrus/base/file.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"

#define LACKING "this system has neither Landlock nor seccomp"

struct confinement {
	enum confine_for what;
};

struct confinement *
confinement_new(enum confine_for what)
{
	struct confinement *w = xcalloc(1, sizeof(*w));

	w->what = what;
	return w;
}

void
confinement_below(struct confinement *w, const char *path, unsigned access)
{
	(void)w;
	(void)path;
	(void)access;
}

void
confinement_beside(struct confinement *w, const char *path, unsigned access)
{
	struct error ignored;		/* whoever writes there finds it, too */

	(void)w;
	if (path != NULL && (access & (CONFINE_WRITE | CONFINE_SOCKETS)) != 0)
		file_make_parents(path, &ignored);
}

void
confinement_resolver(struct confinement *w)
{
	(void)w;
}

const char *
confine_text(char text[CONFINE_TEXT_MAX])
{
	snprintf(text, CONFINE_TEXT_MAX, "nothing; not: " LACKING);
	return text;
}

int
confinement_apply(struct confinement *w, struct error *e)
{
	(void)e;
	log_warn("not confined here: " LACKING);
	free(w);
	return 0;
}

void
confine_memory(void)
{
	os_hide_memory();
}
