/* SPDX-License-Identifier: ISC */
/*
 * What the files of the port that takes several protocols share.  Each calls
 * only those named before it: visitor_web.c (HTTP), visitor.c (one connection,
 * from its first bytes on), front.c (where it listens, and with what).
 */
#ifndef ORTHRUS_GATEWAY_FRONT_PRIVATE_H
#define ORTHRUS_GATEWAY_FRONT_PRIVATE_H

#include <sys/queue.h>

#include <event2/event.h>

#include "orthrus/base/mem.h"
#include "orthrus/gateway/front.h"
#include "orthrus/ssh/inbound.h"
#include "orthrus/transport/handshake.h"

struct gateway_config;
struct front_port;
struct monitor;
struct tls_server;

struct front {
	struct event_base *base;
	struct acceptor *acceptor;
	struct monitor *monitor;	/* has the key of ... */
	struct tls_server *tls;		/* NULL: without a certificate */
	uint64_t generation;		/* the monitor's, of that */
	LIST_HEAD(, visitor) visitors;
	struct front_port *ports;
	size_t nports;
	const struct front_api *api;	/* NULL: nobody may ask it */
	void *arg;
};

/* A connection of which it is not known yet what it wants. */
struct visitor {
	LIST_ENTRY(visitor) next;
	struct front *front;
	struct arrival *arrival;	/* NULL: its place is taken */
	bool shared;			/* with SSH: its first bytes say so */
	bool secure;			/* TLS has been agreed on */
	struct transport *t;		/* NULL: a handshake has it */
	struct handshake_run *run;
	struct event *readable, *writable;	/* of t */
	struct event *deadline;
	uint64_t since;			/* of the handshake, clock_ms() */
	/* HTTP, visitor_web.c. */
	struct buffer in, out;
	uint64_t skip;			/* bytes of a body, to be dropped */
	bool last;			/* nothing is read after this answer */
	bool lingers;			/* it was told that this is the end */
};

/* --- visitor_web.c ------------------------------------------------ */

/* HTTP is spoken from here on. */
void web_begin(struct visitor *v);
/* Something can be read or written; false: it is over. */
bool web_turn(struct visitor *v);
/* The time for what it is at is over: did it leave that half done? */
bool web_was_slow(const struct visitor *v);
/* Whether its head asks for a WebSocket with SSH. */
bool web_wants_ssh(const struct visitor *v);
/* Whether it may ask the API. */
bool web_may_ask(const struct visitor *v);
/* The transport with what was read of it, which is the caller's. */
struct transport *web_give_back(struct visitor *v);

/* --- visitor.c ---------------------------------------------------- */

/* fd was accepted, at a port that is shared with SSH or not. */
void visitor_new(struct front *f, int fd, bool shared);
/* Closes it. */
void visitor_free(struct visitor *v);

/* --- front.c ------------------------------------------------------ */

/*
 * Listens on what [tls] of c names.  NULL with *e; an [ssh] that is not named
 * there is somebody else's.
 */
struct front *front_new(struct event_base *base, struct acceptor *a,
    struct monitor *m, const struct gateway_config *c, struct error *e);
/* Takes the monitor's certificate, when that is another by now. */
int front_certify(struct front *f, struct error *e);
/* Whether it listens where SSH does. */
bool front_is_shared(const struct gateway_config *c);
/* Nobody more is accepted. */
void front_close(struct front *f);
/* Before acceptor_free(). */
void front_free(struct front *f);

#endif
