/* SPDX-License-Identifier: ISC */
/* "orthrus status" in two halves: asking the process, and showing it. */
#ifndef ORTHRUS_AGENT_STATUS_H
#define ORTHRUS_AGENT_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "orthrus/base/error.h"

/* Where to ask; all may be NULL. */
struct status_target {
	const char *control, *name, *config;
};

/*
 * The status document of the running process, or NULL with *e
 * (EX_UNAVAILABLE when none runs, or it does not answer within the limit,
 * EX_NOPERM when we may not ask it).
 */
json_t *status_ask(const struct status_target *target, uint64_t limit_ms,
    struct error *e);

/* Connected, and every forward is up. */
bool status_ready(const json_t *status);

/* For people, to standard output, at the time now (UNIX seconds). */
void status_print(const json_t *status, int64_t now);

#endif
