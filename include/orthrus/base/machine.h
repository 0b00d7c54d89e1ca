/* SPDX-License-Identifier: ISC */
/* What this machine has for us. */
#ifndef ORTHRUS_BASE_MACHINE_H
#define ORTHRUS_BASE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of memory: those of the machine or, where that is less, what the
 * control groups of this process (cgroups(7), version 1 or 2) allow.
 */
size_t machine_memory(void);

/*
 * True when the CPU has AES and carry-less multiplication instructions, so
 * that AES-GCM is fast.
 */
bool cpu_has_aes(void);

#endif
