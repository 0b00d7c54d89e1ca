/* SPDX-License-Identifier: ISC */
/*
 * The control socket of a running "orthrus connect".  Whoever connects and
 * says nothing more gets the status, one JSON document, and end of file.  With
 * the line
 *
 *	stream ADDRESS
 *
 * he gets "ok" and a newline, and from there on the connection is a stream to
 * ADDRESS; or "no", why not and a newline.  A descriptor that comes with the
 * line (SCM_RIGHTS) is the bell of borrow.h.
 */
#ifndef ORTHRUS_AGENT_CONTROL_H
#define ORTHRUS_AGENT_CONTROL_H

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

struct event_base;
struct control;

struct control_events {
	/* Writes the status as one JSON document; the caller frees it. */
	char *(*snapshot)(void *arg);
	/*
	 * Somebody asks for a stream to *to.  fd and bell (-1: there is none)
	 * are the callee's, who gives the answer.
	 */
	void (*stream)(void *arg, int fd, int bell, const struct address *to);
};

/*
 * Listens on at (a Unix socket of mode 0600, in a directory that is made with
 * 0700 when missing, or a loopback TCP port).  A socket file that nobody
 * listens on is replaced; one that somebody answers on is an error ("NAME is
 * already running").  At most 64 clients at once, 5 s each.  NULL with *e
 * (EX_CONFIG when the address is not local, EX_CANTCREAT, or EX_UNAVAILABLE
 * when taken).
 */
struct control *control_new(struct event_base *base, const struct address *at,
    const struct control_events *events, void *arg, struct error *e);

#define CONTROL_STREAM "stream "
#define CONTROL_REQUEST_MAX (sizeof(CONTROL_STREAM) + ADDRESS_TEXT_MAX)

enum control_request {
	CONTROL_MORE,		/* not all of it is there */
	CONTROL_STATUS,		/* whatever it is: the status is what we have */
	CONTROL_IS_STREAM,	/* *to is where */
	CONTROL_BAD		/* *e says why */
};

/* Reads the n bytes that a client has said so far.  Pure. */
enum control_request control_request(const char *p, size_t n,
    struct address *to, struct error *e);

/* Closes it and removes the socket file if it is still the one made here. */
void control_free(struct control *c);

#endif
