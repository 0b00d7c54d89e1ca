/* SPDX-License-Identifier: ISC */
/* Another program, run to its end. */
#ifndef ORTHRUS_BASE_PROGRAM_H
#define ORTHRUS_BASE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "orthrus/base/error.h"

struct program_run {
	const char *const *argv;	/* ends with NULL; argv[0] as in PATH */
	/*
	 * Becomes what it writes to standard output, up to size - 1 bytes and
	 * a NUL; without it that is ours.
	 */
	char *out;
	size_t size;
	bool quiet;			/* its standard error is thrown away */
};

/*
 * Runs it with nothing on standard input and waits.  Returns its exit status,
 * 128 and the signal when one has ended it, or -1 with *e (EX_UNAVAILABLE)
 * when it cannot be run; a program that is not installed is told as such.
 */
int program_run(const struct program_run *p, struct error *e);

#endif
