/* SPDX-License-Identifier: ISC */
/*
 * Lists of names that the owner of a host gives beside the policy's table:
 * hosts, environment variables, registries.  A list is one string with commas
 * between its names, or NULL when it is empty.
 */
#ifndef ORTHRUS_MUZZLE_NAMES_H
#define ORTHRUS_MUZZLE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "orthrus/base/error.h"

#define NAMES_MAX 1024		/* bytes of a list, with its NUL */

/*
 * Adds a name of a further Host that is answered, as the address bar has it:
 * in lower case, without a port or a last dot.  0, or -1 with *e (EX_CONFIG)
 * when it is none, or the list would be too long.  The list is the caller's to
 * free.
 */
int names_add_host(char **list, const char *word, struct error *e);

/*
 * The same for an environment variable whose value stays readable, to the
 * letter and no pattern; and for a registry, HOST or HOST:PORT as images name
 * it, in lower case.
 */
int names_add_variable(char **list, const char *word, struct error *e);
int names_add_registry(char **list, const char *word, struct error *e);

/* Is this one of the names, to the letter? */
bool names_have(const char *list, const char *word, size_t len);

#endif
