/* SPDX-License-Identifier: ISC */
/* What base's own files ask about systemd's watchdog. */
#ifndef ORTHRUS_BASE_NOTIFY_PRIVATE_H
#define ORTHRUS_BASE_NOTIFY_PRIVATE_H

#include <stdint.h>

/*
 * How often WATCHDOG=1 is wanted, in milliseconds: half of $WATCHDOG_USEC, or
 * 0 when the watchdog is off or meant for another process ($WATCHDOG_PID).
 */
uint64_t notify_watchdog_ms(void);

#endif
