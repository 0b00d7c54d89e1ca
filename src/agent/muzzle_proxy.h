/* SPDX-License-Identifier: ISC */
/* The Muzzle as a local proxy, which "orthrus muzzle --listen" runs. */
#ifndef ORTHRUS_AGENT_MUZZLE_PROXY_H
#define ORTHRUS_AGENT_MUZZLE_PROXY_H

#include <sys/types.h>

#include <stdbool.h>

#include "orthrus/base/address.h"
#include "orthrus/muzzle/policy.h"

#define MUZZLE_PROXY_NO_GROUP ((gid_t)-1)

struct muzzle_proxy_config {
	struct address listen, engine;
	struct policy policy;
	bool shared;			/* listen, a Unix socket, gets ... */
	mode_t mode;			/* ... this mode ... */
	gid_t group;			/* ... and group, unless NO_GROUP */
};

/*
 * Serves until SIGTERM or SIGINT.  Returns the exit code: that of what went
 * wrong, which has been logged, else 0.
 */
int muzzle_proxy_run(const struct muzzle_proxy_config *c);

#endif
