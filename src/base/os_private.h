/* SPDX-License-Identifier: ISC */
/* What the files of os.h share among themselves. */
#ifndef ORTHRUS_BASE_OS_PRIVATE_H
#define ORTHRUS_BASE_OS_PRIVATE_H

#include <sys/socket.h>
#include <sys/types.h>

/*
 * os_bsd.c: what os_recvmsg() returns where the kernel does not tell how long a
 * message was that did not fit; n is what recvmsg(2) returned.
 */
ssize_t os_message_length(const struct msghdr *msg, ssize_t n);

#endif
