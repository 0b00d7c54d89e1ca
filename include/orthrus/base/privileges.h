/* SPDX-License-Identifier: ISC */
/*
 * From root to the user that a service runs as, for who is not started by
 * systemd, which does the same.
 */
#ifndef ORTHRUS_BASE_PRIVILEGES_H
#define ORTHRUS_BASE_PRIVILEGES_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>

#include "orthrus/base/error.h"

/* A directory of the service, and the files that it makes there itself. */
struct privileges_place {
	const char *directory;
	const char *const *files;	/* names up to NULL; or NULL: none */
};

/*
 * When we are root, becomes user, with the groups that it has, and keeps one
 * right of root's: to listen on ports below 1024.  The directories are made
 * where they are missing; one that is root's, and what is root's in it, becomes
 * the user's first, for it is from a time when the program ran as root.  In one
 * that is the user's already, its files that are root's become the user's.
 *
 * Anybody else stays who he is.  0, or -1 with *e (EX_CONFIG, EX_OSERR).
 */
int privileges_drop(const char *user, const struct privileges_place *places,
    size_t n, struct error *e);

/* Would a file of which lstat(2) says this become the user's? */
bool privileges_may_give(const struct stat *st);

/* Gives up the last of it, once all is listening: 0, or -1 with *e. */
int privileges_end(struct error *e);

#endif
