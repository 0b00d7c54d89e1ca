/* SPDX-License-Identifier: ISC */
/* Which libraries a program runs with. */
#ifndef ORTHRUS_BASE_LIBRARIES_H
#define ORTHRUS_BASE_LIBRARIES_H

#include <stdio.h>

/*
 * Prints those that every program has, with their versions, a line each: as the
 * library itself tells it where it can, else as it was when this was built.
 * more is a line of a program's own, or NULL.
 */
void libraries_print(FILE *f, const char *more);

#endif
