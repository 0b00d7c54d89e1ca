/* SPDX-License-Identifier: ISC */
/* What to do about an engine that cannot be reached, in one sentence. */
#ifndef ORTHRUS_MUZZLE_ADVICE_H
#define ORTHRUS_MUZZLE_ADVICE_H

#include <sys/types.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

/* What is found out at the start, while files can still be read. */
struct advice {
	char user[64];		/* we; "" where we have no name of our own */
	char group[64];		/* of the number below; "" unknown */
	gid_t gid;
	char other[UNIX_PATH_MAX_LEN];	/* another engine's socket, or "" */
};

/* Looks at the users, the groups and the usual sockets but path. */
void advice_prepare(struct advice *a, const char *path);

/*
 * Writes what is wrong with the socket at path and what to do; error is of
 * connect(2), or 0 where the connection was taken, and why what is known
 * besides.  Reads no file.
 */
void advice_write(const struct advice *a, const char *path, int error,
    const char *why, char text[ERROR_TEXT_MAX]);

#endif
