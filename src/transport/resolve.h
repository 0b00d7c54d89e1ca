/* SPDX-License-Identifier: ISC */
/* Names to addresses as the system does it, off the loop's thread. */
#ifndef ORTHRUS_TRANSPORT_RESOLVE_H
#define ORTHRUS_TRANSPORT_RESOLVE_H

#include <netdb.h>
#include <stdint.h>

struct event_base;
struct resolver;
struct lookup;

/*
 * list is what getaddrinfo(3) gave, for freeaddrinfo(3), or NULL with error
 * an errno value.  The lookup is gone by then.
 */
typedef void resolve_done(void *arg, struct addrinfo *list, int error);

struct resolver *resolver_new(struct event_base *base);

/*
 * All lookups must have been cancelled.  A thread that is still in
 * getaddrinfo(3) frees what it holds when it returns.
 */
void resolver_free(struct resolver *r);

/*
 * Looks host up; done is called from the loop.  NULL with errno when there
 * is no thread for it or the queue is full (EAGAIN).
 */
struct lookup *resolver_ask(struct resolver *r, const char *host,
    uint16_t port, resolve_done *done, void *arg);
void lookup_cancel(struct lookup *l);

struct dialer;
/* That of a dialer which connects by itself. */
struct resolver *dialer_resolver(const struct dialer *d);

/* A literal needs no lookup: its list, or NULL when host is a name. */
struct addrinfo *resolve_literal(const char *host, uint16_t port);

#endif
