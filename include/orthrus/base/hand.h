/* SPDX-License-Identifier: ISC */
/* Datagrams between our own processes, with a descriptor handed over. */
#ifndef ORTHRUS_BASE_HAND_H
#define ORTHRUS_BASE_HAND_H

#include <sys/types.h>

#include <stddef.h>

/*
 * Sends n bytes, and with them a copy of the descriptor fd unless it is -1,
 * over a Unix socket.  flags as for sendmsg(2).  n, or -1 with errno.
 */
ssize_t hand_send(int socket, const void *p, size_t n, int fd, int flags);

/*
 * Receives a datagram: returns its length, which is more than size for one
 * that did not fit, 0 at the end, or -1 with errno.  *fd is the descriptor that
 * came with it, close-on-exec and the caller's, or -1.
 */
ssize_t hand_receive(int socket, void *p, size_t size, int *fd, int flags);

#endif
