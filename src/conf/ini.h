/* SPDX-License-Identifier: ISC */
/* A whole ini file as a sequence of sections, keys and errors. */
#ifndef ORTHRUS_CONF_INI_H
#define ORTHRUS_CONF_INI_H

#include <stdbool.h>
#include <stddef.h>

/* All are called in the order of the lines. */
struct ini_hooks {
	/*
	 * A section begins, or with NULL something that was meant as one.
	 * Returns whether its keys are wanted (for NULL they never are).
	 */
	bool (*section)(void *arg, unsigned line, const char *name);
	void (*key)(void *arg, unsigned line, const char *key,
	    const char *value);
	void (*error)(void *arg, unsigned line, const char *text);
	const char *example;	/* of a section, for a file without one */
};

/*
 * Reads the len bytes of text, a pure function.  Lines that libinih would
 * take for something else than they look like, duplicate sections, duplicate
 * keys and keys before the first section are errors; all of them are found.
 * A line may end in CR LF.
 */
void ini_read(const char *text, size_t len, const struct ini_hooks *hooks,
    void *arg);

#endif
