/* SPDX-License-Identifier: ISC */
/*
 * A request's target (RFC 9112 section 3.2, origin-form only) in its parts,
 * decoded, and written anew from them.
 */
#ifndef ORTHRUS_MUZZLE_TARGET_H
#define ORTHRUS_MUZZLE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/span.h"
#include "orthrus/muzzle/policy.h"

#define SEGMENTS_MAX 32
#define REPEATABLE "type"	/* the one parameter that may be a list */
#define PARAMETERS_MAX 48	/* docker build sends some twenty */

struct parameter {
	char *name, *value;	/* decoded, NUL-terminated */
};

struct target {
	/*
	 * Decoded; what follows points into it.  A path, and each parameter
	 * without '=', is a byte longer here than as it came.
	 */
	char text[MUZZLE_TARGET_MAX + PARAMETERS_MAX + 1];
	char filters[MUZZLE_FILTERS_MAX + 1];	/* what parameters_move_filter()
						   makes */
	char *segments[SEGMENTS_MAX];
	size_t nsegments;
	/*
	 * Those that hold, or border on, an encoded '/', ':' or '@': a bit
	 * each.  They may be in an image's name and nowhere else.
	 */
	uint32_t coded;
	bool repeated;		/* REPEATABLE is there more than once */
	const char *version;	/* "v1.41", or NULL */
	struct parameter parameters[PARAMETERS_MAX];
	size_t nparameters;
};

#define TWICE "a parameter is given twice"
#define BAD_CODE "an encoded character in the path that has no business there"

/* Fills in a refusal; always -1. */
int verdict_refuse(struct verdict *v, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Says which of the client's bytes the refusal is about. */
void verdict_about(struct verdict *v, const char *p, size_t len);

/* Takes len bytes at p apart: 0, or -1 with the refusal (400, 414) in v. */
int target_read(struct target *t, const char *p, size_t len,
    struct verdict *v);

/* Writes it into v->target, every parameter encoded. */
void target_write(const struct target *t, struct verdict *v);

#endif
