/* SPDX-License-Identifier: ISC */
/*
 * A handshake makes a transport of another one: that with a proxy, TLS's,
 * WebSocket's; on either side.  Each is a small file behind one table of
 * hooks; who runs one sees to the loop and to the time that it may take.
 */
#ifndef ORTHRUS_TRANSPORT_HANDSHAKE_H
#define ORTHRUS_TRANSPORT_HANDSHAKE_H

#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/transport/transport.h"

struct event_base;
struct handshake;
struct handshake_run;

#define HANDSHAKE_MS 10000	/* each may take, in milliseconds */

enum handshake_result {
	HANDSHAKE_READ,			/* again when there is input */
	HANDSHAKE_WRITE,		/* again when output is taken */
	HANDSHAKE_DONE,
	HANDSHAKE_FAILED		/* *e says why */
};

struct handshake_ops {
	const char *name;	/* what its errors begin with: "TLS", "proxy" */
	/*
	 * Goes on as far as that is possible at once.  When it is done, *t is
	 * the new transport, to which the old one belongs.  Else *t stays whose
	 * it was.  Where it fails, e->code is EX_NOPERM when who is there is
	 * not to be trusted, and else EX_UNAVAILABLE.
	 */
	enum handshake_result (*go_on)(struct handshake *h,
	    struct transport **t, struct error *e);
	/* What it waits for, for who waits too long: "its answer". */
	const char *(*awaited)(const struct handshake *h);
	void (*free)(struct handshake *h);
};

/* What every handshake begins with. */
struct handshake {
	const struct handshake_ops *ops;
};

/*
 * t is the callee's; or it is NULL and *why says what failed, beginning with
 * the handshake's name.
 */
typedef void handshake_done(void *arg, struct transport *t,
    const struct error *why);

/*
 * Runs h, whose owner it becomes, over t, which is its own from here on too,
 * for ms milliseconds at most.  The run is gone when done is called, which is
 * never from inside this function.
 */
struct handshake_run *handshake_run(struct event_base *base,
    struct transport *t, struct handshake *h, uint64_t ms,
    handshake_done *done, void *arg);
/* Ends it without calling done. */
void handshake_cancel(struct handshake_run *r);

#endif
