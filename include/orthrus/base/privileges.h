/* SPDX-License-Identifier: ISC */
/*
 * From root to the user that a service runs as, for who is not started by
 * systemd, which does the same.
 */
#ifndef ORTHRUS_BASE_PRIVILEGES_H
#define ORTHRUS_BASE_PRIVILEGES_H

#include <stddef.h>

#include "orthrus/base/error.h"

/*
 * When we are root, becomes user, with the groups that it has, and keeps one
 * right of root's: to listen on ports below 1024.  The directories are made
 * where they are missing; one that is root's, and what is root's in it, becomes
 * the user's first, for it is from a time when the program ran as root.
 *
 * Anybody else stays who he is.  0, or -1 with *e (EX_CONFIG, EX_OSERR).
 */
int privileges_drop(const char *user, const char *const *directories, size_t n,
    struct error *e);

/* Gives up the last of it, once all is listening: 0, or -1 with *e. */
int privileges_end(struct error *e);

#endif
