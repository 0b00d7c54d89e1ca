/* SPDX-License-Identifier: ISC */
/* A setup, and the manifest that it keeps. */
#ifndef ORTHRUS_SETUP_PRIVATE_H
#define ORTHRUS_SETUP_PRIVATE_H

#include "orthrus/setup/setup.h"

#define DIGEST_TEXT 65			/* hexadecimal SHA-256, with NUL */

/* A line of the manifest. */
struct entry {
	char digest[DIGEST_TEXT];	/* "" for a directory */
	char *path;
};

struct planned {
	char *path, *text;
	size_t n;
	mode_t mode;
	bool secret, wanted;		/* wanted: it is not there yet */
};

struct setup {
	char *program, *manifest;
	bool user, dry_run, changed;
	struct entry *entries;
	size_t nentries;
	struct planned *plan;
	size_t nplan;
};

/* manifest.c: 0, or -1 with *e. */
int manifest_read(struct setup *s, struct error *e);
int manifest_save(const struct setup *s, struct error *e);
/* The line for path, or NULL. */
struct entry *manifest_find(const struct setup *s, const char *path);
/* Adds a line, or changes its digest; NULL: a directory. */
void manifest_note(struct setup *s, const char *path, const char *digest);

void digest_text(const void *p, size_t n, char digest[DIGEST_TEXT]);
/* The digest of a file; "" when it cannot be read. */
void digest_file(const char *path, char digest[DIGEST_TEXT]);

#endif
