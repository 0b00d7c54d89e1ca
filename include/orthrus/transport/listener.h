/* SPDX-License-Identifier: ISC */
/*
 * Listening on a local address and handing out what connects: TCP on one or
 * all interfaces, or a Unix socket.
 */
#ifndef ORTHRUS_TRANSPORT_LISTENER_H
#define ORTHRUS_TRANSPORT_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

struct event_base;
struct listener;

/* fd is connected, non-blocking, close-on-exec, and the callee's. */
typedef void listener_accept(void *arg, int fd);

/*
 * Listens on at; "localhost" is 127.0.0.1 and, where there is IPv6, ::1, "*"
 * every interface.  A Unix socket gets mode 0600; a socket file that nobody
 * listens on any more is replaced, every other file is left alone.  When
 * descriptors run out, accepting pauses for a second and says so.  At most 16
 * are accepted in one turn of the loop, however many wait.  NULL with *e
 * (EX_UNAVAILABLE) and the cause ("address already in use" and the like).
 */
struct listener *listener_new(struct event_base *base,
    const struct address *at, listener_accept *accept, void *arg,
    struct error *e);

/*
 * The same on a socket that listens already, which is the listener's from here
 * on; its file, if it has one, is somebody else's to remove.
 */
struct listener *listener_of(struct event_base *base, int fd,
    listener_accept *accept, void *arg);

/*
 * Accepts nothing more for a while, from inside its accept function too; what
 * connects meanwhile waits in the kernel.
 */
void listener_pause(struct listener *l, unsigned ms);

/* Accepts nothing more as long as it is held. */
void listener_hold(struct listener *l, bool held);
/* Puts label (static text) in front of its lines in the log. */
void listener_label(struct listener *l, const char *label);

/* The TCP port that is bound (of its first socket), 0 for a Unix socket. */
uint16_t listener_port(const struct listener *l);

/*
 * Closes it, from inside its accept function too; a socket file is removed if
 * it is still the one made here.
 */
void listener_free(struct listener *l);

#endif
