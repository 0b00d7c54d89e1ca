/* SPDX-License-Identifier: ISC */
/*
 * Processes beside the main one of a service, each for a part that must not be
 * in it.  They are forked before there are threads, a loop or secrets, and live
 * as long as the main one.
 */
#ifndef ORTHRUS_BASE_HELPER_H
#define ORTHRUS_BASE_HELPER_H

#include <sys/types.h>

#include "orthrus/base/error.h"

/*
 * Forks one that is seen under that name (15 characters at most).  Returns its
 * id, and 0 in the helper, with *fd the end of a SOCK_SEQPACKET pair that leads
 * to the other; or -1 with *e (EX_OSERR).  The helper has no other descriptor
 * but those up to standard error, cannot be looked into by others of its user,
 * and leaves signals that end a service to the main process: it ends when its
 * socket is at its end.
 */
pid_t helper_fork(const char *name, int *fd, struct error *e);

/* Closes fd unless it is -1, and waits for the helper's end; pid may be -1. */
void helper_end(pid_t pid, int fd);

#endif
