/* SPDX-License-Identifier: ISC */
/* How a stream of a running "orthrus connect" is had by its control socket. */
#ifndef ORTHRUS_AGENT_BORROW_H
#define ORTHRUS_AGENT_BORROW_H

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

struct borrowed {
	int fd;		/* the stream */
	/*
	 * Rings when the stream is over: 8 bytes, how many bytes the far end
	 * took (of this machine's order), when all that it gave has been passed
	 * on, and the end alone when the stream was cut off.  -1: a control
	 * socket of TCP, where a reset says so.
	 */
	int bell;
};

/*
 * Asks whoever listens on at for a stream to *to, and waits for it, for 3 min
 * at most.  1 with *b, which is the caller's to close; 0 when nobody is there;
 * or -1 with *e: EX_UNAVAILABLE with why not, or EX_NOPERM where we may not
 * ask.
 */
int borrow_stream(const struct address *at, const struct address *to,
    struct borrowed *b, struct error *e);

#endif
