/* SPDX-License-Identifier: ISC */
/*
 * The far end of the channel manager in memory: stands in for
 * src/ssh/connection.c, src/ssh/packet.c and the clock, keeps what is sent
 * and feeds what the test says.  Link with -Wl,--wrap=clock_us.
 */
#ifndef ORTHRUS_TESTS_FAKE_PEER_H
#define ORTHRUS_TESTS_FAKE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../src/ssh/packet.h"

struct event_base;
struct mux;

struct sent {			/* a packet that went out */
	uint8_t type;
	uint8_t *p;		/* behind the type */
	size_t len;
};

extern struct fake_peer {
	bool stalled;		/* the socket takes nothing */
	bool rekeying;		/* libssh keeps packets for later */
	bool broken;		/* sending fails */
	bool parted;		/* it waits for another link */
	uint64_t now;		/* what clock_us() says: time stands still */
	/* Is told what the mux complains of, which is then over. */
	void (*violation)(const char *what);
	/* Sees each packet as it goes out, instead of the queue. */
	void (*watch)(const struct sent *s);
} fake;

/* Begins anew, and forgets what was sent. */
void fake_reset(void);
/* A packet arrives: 'u' uint32_t, 'b' int, 's' text, 'd' bytes and size_t. */
void fake_feed(uint8_t type, const char *format, ...);
void fake_feed_raw(uint8_t type, const uint8_t *p, size_t len);
/* The oldest packet sent, or NULL; valid until the next call. */
const struct sent *fake_next(void);
size_t fake_queued(void);
/* The socket takes n more bytes of what it was handed while stalled. */
void fake_drain(size_t n);
size_t fake_pending(void);
/* A mux on the one connection that there is. */
struct mux *fake_mux(struct event_base *base);

#endif
