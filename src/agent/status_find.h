/* SPDX-License-Identifier: ISC */
/* Where the control socket of a running "orthrus connect" may be. */
#ifndef ORTHRUS_AGENT_STATUS_FIND_H
#define ORTHRUS_AGENT_STATUS_FIND_H

#include "orthrus/base/address.h"

#include "status.h"

/* The one that is meant: 0, or -1 with *e. */
int status_address(const struct status_target *target, struct address *at,
    struct error *e);

/* True when nothing says which process to ask. */
bool status_any_will_do(const struct status_target *target);

#define STATUS_SOCKETS_MAX 64

struct status_sockets {
	struct address at[STATUS_SOCKETS_MAX];
	size_t n;
	bool hidden;		/* there is a directory that we may not read */
};

/*
 * All sockets, of processes that run and that have run: in our own runtime
 * directory, in that of services, and for root in those of users.
 */
void status_sockets(struct status_sockets *s);

#endif
