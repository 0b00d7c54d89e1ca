/* SPDX-License-Identifier: ISC */
/*
 * An endpoint is one end of a stream: a socket, an SSH channel, or memory in
 * a test.  The relay joins two of them and is the only code that moves
 * payload.  An endpoint keeps its own unread input, bounded by itself; the
 * relay keeps none.
 */
#ifndef ORTHRUS_RELAY_ENDPOINT_H
#define ORTHRUS_RELAY_ENDPOINT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint;
struct relay;

/* What the relay asks of an endpoint. */
struct endpoint_ops {
	/*
	 * Unread input: points *p at up to max bytes and returns how many
	 * (> 0), 0 at the end of the input, or -1 with errno (EAGAIN: none
	 * now).  The bytes stay valid until the next call on any endpoint.
	 */
	ssize_t (*peek)(struct endpoint *, const uint8_t **p, size_t max);
	/* Drops n bytes that were peeked; the rest stays unread. */
	void (*consume)(struct endpoint *, size_t n);
	/* How many bytes write() would take now; SIZE_MAX when unknown. */
	size_t (*room)(struct endpoint *);
	/* Takes some of n > 0 bytes: how many, or -1 with errno. */
	ssize_t (*write)(struct endpoint *, const uint8_t *p, size_t n);
	/* No more will be written (FIN, CHANNEL_EOF): 0, or -1 with errno. */
	int (*finish)(struct endpoint *);
	/* Which of relay_readable() and relay_writable() is wanted. */
	void (*watch)(struct endpoint *, bool readable, bool writable);
	/*
	 * The relay is done with it: release everything, and call
	 * the relay no more.  abort: bytes were lost, so the other side must
	 * not take this for an orderly end where the protocol can say so
	 * (RST).
	 */
	void (*close)(struct endpoint *, bool abort);
	/*
	 * After the end of the input: 1 when the other side is known to read
	 * on (a half-close), 0 when it is known to have gone, -1 unknown.
	 * NULL where it never is.
	 */
	int (*reads)(struct endpoint *);
};

struct endpoint {
	const struct endpoint_ops *ops;
	struct relay *relay;	/* NULL until joined, and again after close */
};

#endif
