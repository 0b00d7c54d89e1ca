/* SPDX-License-Identifier: ISC */
/*
 * libssh reads and writes a descriptor itself until the login.  Where the
 * carrier is more than a descriptor, it gets one end of a socket pair, and the
 * shuttle carries bytes between the other end and the transport.
 */
#ifndef ORTHRUS_SSH_SHUTTLE_H
#define ORTHRUS_SSH_SHUTTLE_H

#include <stdbool.h>

#include <event2/event.h>

struct packet_tap;
struct shuttle;
struct transport;

/*
 * *theirs is libssh's end, and the caller's to close.  ready is called with
 * arg when libssh has written.  NULL with errno.
 */
struct shuttle *shuttle_new(struct event_base *base, int *theirs,
    event_callback_fn ready, void *arg);
void shuttle_free(struct shuttle *s);	/* NULL is fine */

/*
 * Brings libssh what has arrived, a little at a time, for it is a stranger's;
 * libssh must have its step then.  When the transport has ended, or failed, so
 * does what libssh reads.
 */
void shuttle_in(struct shuttle *s, struct transport *t);
/*
 * Sends what libssh has written: 0 when the transport has taken all, else -1
 * with errno.
 */
int shuttle_out(struct shuttle *s, struct transport *t);
/* True when the transport has ended, or failed, which libssh will see. */
bool shuttle_ended(const struct shuttle *s);
/* True while something waits until the transport can be written. */
bool shuttle_waits(const struct shuttle *s);
/*
 * libssh has given up its end, theirs: what it has left unread is fed to the
 * tap.  0, or -1 as packet_arrived() says.
 */
int shuttle_drain(struct shuttle *s, int theirs, struct packet_tap *tap);

#endif
