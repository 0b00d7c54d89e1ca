/* SPDX-License-Identifier: ISC */
/* What must be true of the state directory before it is used. */
#ifndef ORTHRUS_MONITOR_STATE_CHECK_H
#define ORTHRUS_MONITOR_STATE_CHECK_H

#include "orthrus/base/error.h"

/* Says why the directory path cannot be used, err being an errno: -1. */
int state_refuse(const char *path, int err, struct error *e);

/* Is path a directory that only its owner writes to, and ours: 0, or -1. */
int state_check_directory(const char *path, struct error *e);

#endif
