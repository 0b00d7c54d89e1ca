/* SPDX-License-Identifier: ISC */
/*
 * Sockets that listen on a local address, without a loop: made here, and
 * accepted from elsewhere, perhaps by another process.
 */
#ifndef ORTHRUS_TRANSPORT_BIND_H
#define ORTHRUS_TRANSPORT_BIND_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

#define BOUND_MAX 4		/* "localhost" and "*" give two */

struct bound {
	int fd[BOUND_MAX];	/* non-blocking, close-on-exec */
	size_t n;
	dev_t dev;		/* of a Unix socket's file */
	ino_t ino;
};

/*
 * Listens on at as listener_new() says.  0 and *b, whose descriptors are the
 * caller's, or -1 with *e (EX_UNAVAILABLE).  Blocks where at is a name.
 */
int bind_address(const struct address *at, struct bound *b, struct error *e);

/* Removes the file of a Unix socket that nobody listens on any more. */
void bind_forget(const char *path);

#endif
