/* SPDX-License-Identifier: ISC */
/*
 * The status socket of a running "orthrus connect": whoever may connect to it
 * gets one JSON document and end of file.
 */
#ifndef ORTHRUS_AGENT_CONTROL_H
#define ORTHRUS_AGENT_CONTROL_H

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

struct event_base;
struct control;

/* Writes the status as one JSON document; the caller frees it. */
typedef char *control_snapshot(void *arg);

/*
 * Listens on at (a Unix socket of mode 0600, in a directory that is made with
 * 0700 when missing, or a loopback TCP port).  A socket file that nobody
 * listens on is replaced; one that somebody answers on is an error ("NAME is
 * already running").  At most 16 clients at once, 5 s each.  NULL with *e
 * (EX_CONFIG when the address is not local, EX_CANTCREAT, or EX_UNAVAILABLE
 * when taken).
 */
struct control *control_new(struct event_base *base, const struct address *at,
    control_snapshot *snapshot, void *arg, struct error *e);

/* Closes it and removes the socket file if it is still the one made here. */
void control_free(struct control *c);

#endif
