/* SPDX-License-Identifier: ISC */
/* What the leash tells about this host. */
#ifndef ORTHRUS_AGENT_HOST_H
#define ORTHRUS_AGENT_HOST_H

#include "orthrus/proto/leash.h"

struct orthrus;

/* Fills in m, which is zeroed but for its kind. */
void host_hello(const struct orthrus *a, struct leash_message *m);
/* Fills in load and memory as they are now, and the kind. */
void host_heartbeat(struct leash_message *m);

#endif
