/* SPDX-License-Identifier: ISC */
/* What this machine has for us. */
#ifndef ORTHRUS_BASE_MACHINE_H
#define ORTHRUS_BASE_MACHINE_H

#include <stddef.h>

/*
 * Bytes of memory: those of the machine or, where that is less, what the
 * control groups of this process (cgroups(7), version 1 or 2) allow.
 */
size_t machine_memory(void);

#endif
