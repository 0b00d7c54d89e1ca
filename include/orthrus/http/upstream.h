/* SPDX-License-Identifier: ISC */
/*
 * A connection to an HTTP server behind this program, for one request after
 * the other.  It is an endpoint of the relay, which joins it with a socket or
 * a channel and moves what is said both ways.
 */
#ifndef ORTHRUS_HTTP_UPSTREAM_H
#define ORTHRUS_HTTP_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint;
struct event_base;
struct http_upstream;

/*
 * How the server is reached.  connect begins to, and returns a handle.  It
 * ends with relay_start() for ep and the server's endpoint, or with one call
 * of failed (why is static text); both come from the loop, never from inside
 * connect.  cancel ends an attempt that has come to neither.
 */
struct http_way {
	void *(*connect)(void *arg, struct endpoint *ep,
	    void (*failed)(struct endpoint *ep, const char *why));
	void (*cancel)(void *handle);
	void *arg;
};

struct http_upstream_events {
	/* How many bytes of the answer are wanted now; 0: it has to wait. */
	size_t (*room)(void *arg);
	/*
	 * n > 0 bytes of the answer, valid during the call; no more than there
	 * was room for.  May free the upstream.
	 */
	void (*data)(void *arg, const uint8_t *p, size_t n);
	/*
	 * It could not be reached or is gone; why is static text, or NULL when
	 * the server closed it in order while it was at rest.  The last call;
	 * from the loop, never from inside a function of this header.  It is
	 * still to be freed, which may be done in the call.
	 */
	void (*lost)(void *arg, const char *why);
};

/* Begins to connect; way is kept, not copied. */
struct http_upstream *http_upstream_new(struct event_base *base,
    const struct http_way *way, const struct http_upstream_events *events,
    void *arg);
/* Closes it; no event comes any more.  NULL is fine. */
void http_upstream_free(struct http_upstream *u);

/*
 * Sends n bytes of a request, now or when it is connected; 64 KiB of them at
 * most wait.  Until its answer is complete there are events of data; what the
 * server says without having been asked is the upstream's end.
 */
void http_upstream_send(struct http_upstream *u, const char *p, size_t n);
/* The answer is complete. */
void http_upstream_rest(struct http_upstream *u);
/* True when it is connected, and at rest with a server that is still there. */
bool http_upstream_is_quiet(struct http_upstream *u);
/* There is room again. */
void http_upstream_resume(struct http_upstream *u);

#endif
