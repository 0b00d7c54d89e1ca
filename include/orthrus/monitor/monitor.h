/* SPDX-License-Identifier: ISC */
/*
 * The monitor: a small process beside "charon serve" that holds the host key,
 * the authority's key and the registry, and answers the few questions of
 * ask.h.  The process that speaks with the network has none of the three.
 */
#ifndef ORTHRUS_MONITOR_MONITOR_H
#define ORTHRUS_MONITOR_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/proto/certificate.h"

struct event_base;
struct gateway_config;
struct monitor;

/*
 * Starts it, before there is any thread and before there are secrets.  It takes
 * the state directory that c names, making what is missing, for as long as it
 * lives; argc and argv are what it finds the configuration by again.  NULL with
 * *e: EX_OSERR, EX_UNAVAILABLE while another gateway runs there, and what
 * state_open() and ca_load() give.
 */
struct monitor *monitor_start(const struct gateway_config *c, int argc,
    char **argv, struct error *e);

/*
 * Leaves the loop when the monitor has ended; monitor_is_lost() is true from
 * then on, and no question is answered.
 */
void monitor_watch(struct monitor *m, struct event_base *base);
bool monitor_is_lost(const struct monitor *m);

/* The blob of the host key's public half, KEY_BLOB_LEN bytes. */
const uint8_t *monitor_host_key(const struct monitor *m);

/*
 * Ends it and waits until it has written what is due and has left the state
 * directory.  NULL is fine.
 */
void monitor_stop(struct monitor *m);

#endif
