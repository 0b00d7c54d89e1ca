/* SPDX-License-Identifier: ISC */
/*
 * A question of our own to an HTTP server: one request on a connection of its
 * own, and the whole of its answer, or why there is none.
 */
#ifndef ORTHRUS_HTTP_GET_H
#define ORTHRUS_HTTP_GET_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct http_get;
struct http_way;

/*
 * Called once from the loop: status and the n bytes of the body, valid during
 * the call; or 0 and why (static text).  The question is over then, and freed.
 */
typedef void http_got(void *arg, int status, const uint8_t *body, size_t n,
    const char *why);

/*
 * Sends request, a whole head without a body, and gives the answer so many
 * seconds; one whose body is longer than max bytes is an error.  way is kept,
 * not copied.
 */
struct http_get *http_get_start(struct event_base *base,
    const struct http_way *way, const char *request, size_t max,
    unsigned seconds, http_got *got, void *arg);
/* Forgets the question; got is not called.  NULL is fine. */
void http_get_cancel(struct http_get *g);

#endif
