/* SPDX-License-Identifier: ISC */
/* What the leash tells about this host. */
#ifndef ORTHRUS_AGENT_HOST_H
#define ORTHRUS_AGENT_HOST_H

#include "orthrus/proto/leash.h"

struct orthrus;

/* m is zeroed but for its kind. */
void host_hello(const struct orthrus *a, struct leash_message *m);
/* Load and memory now; sets the kind as well. */
void host_heartbeat(struct leash_message *m);

#endif
