/* SPDX-License-Identifier: ISC */
/*
 * What a connection runs on: a transport that the loop watches, with its
 * reading and writing.
 */
#ifndef ORTHRUS_SSH_CARRIER_H
#define ORTHRUS_SSH_CARRIER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

struct packet_tap;
struct shuttle;
struct transport;

struct carrier {
	struct transport *transport;	/* NULL: no carrier now */
	/*
	 * libssh closes its descriptor whenever it meets an error, while the
	 * loop still watches: it gets a copy, so that ours stays ours, or the
	 * other end of the shuttle.  -1: there is none, or libssh closes it.
	 */
	int copy;
	struct shuttle *shuttle;	/* NULL: none, or not any more */
	struct event *readable, *writable;	/* NULL: no carrier */
	bool broken;			/* the transport has failed or ended */
	uint64_t doubled;		/* bytes to come that came before */
};

void carrier_init(struct carrier *k);
/*
 * t is the carrier from here on, whatever is returned; ready is called with
 * arg when it can be read or written, once carrier_watch() says so.  When the
 * peer's kernel has acknowledged nothing for dead_ms, ours gives it up.  0, or
 * -1 with errno.
 */
int carrier_attach(struct carrier *k, struct event_base *base,
    struct transport *t, unsigned dead_ms, event_callback_fn ready, void *arg);
/* Closes ours, and stops watching; the copy is the caller's to close. */
void carrier_close(struct carrier *k);
/*
 * Another one for a session that libssh has given up its descriptor of, as
 * above; the first doubled bytes that come over it are left out.
 */
void carrier_join(struct carrier *k, struct event_base *base,
    struct transport *t, unsigned dead_ms, uint64_t doubled,
    event_callback_fn ready, void *arg);
/* The same for such a one: its connection ends, whoever has a copy. */
void carrier_part(struct carrier *k);
/* Its descriptor, to ask the kernel about it; -1: no carrier now. */
int carrier_fd(const struct carrier *k);

/* Why it failed, where the transport has words for it, or NULL. */
const char *carrier_why(const struct carrier *k);

/* What ready is called for from now on. */
void carrier_watch(const struct carrier *k, bool readable, bool writable);
/* True while it waits until more can be written. */
bool carrier_is_full(const struct carrier *k);
/* Has ready called soon for reading, whatever the socket says. */
void carrier_read_soon(const struct carrier *k);

/*
 * While libssh is at the handshake: brings it what has arrived, before each of
 * its steps, and sends what it has written, behind each.
 */
void carrier_shuttle_in(struct carrier *k);
void carrier_shuttle_out(struct carrier *k);
/* True while something of the carrier's own waits until it can be written. */
bool carrier_holds_output(const struct carrier *k);

/*
 * Reads what has arrived into the tap, as long as others can wait for their
 * turn: 0 when that is all, 1 when there may be more, or -1 when the
 * connection is over, as ssh_get_error(), or else errno, says.
 */
int carrier_read(struct carrier *k, struct packet_tap *tap);
/*
 * As transport_write(); with n 0 it sends what it holds itself.  -1 with EAGAIN
 * where there is no carrier now.
 */
ssize_t carrier_write(struct carrier *k, const uint8_t *p, size_t n);

/*
 * Acknowledges at once what has arrived.  OpenSSH leaves Nagle's algorithm on
 * for forwarded traffic and during the login: it keeps a small message back
 * until we acknowledge the one before, which Linux puts off for 40 ms.  The
 * kernel forgets this wish, so it is told after each turn.
 */
void carrier_acknowledge(const struct carrier *k);

#endif
