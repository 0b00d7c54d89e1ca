/* SPDX-License-Identifier: ISC */
/*
 * Connecting without blocking: names resolved as the system does
 * (getaddrinfo(3) with NSS) off the loop's thread, all addresses tried, IPv6
 * and IPv4 interleaved with a head start of 250 ms each (RFC 8305), and Unix
 * sockets by path.
 */
#ifndef ORTHRUS_TRANSPORT_DIAL_H
#define ORTHRUS_TRANSPORT_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/base/address.h"

struct event_base;
struct dialer;
struct dial;

/*
 * Makes a dialer, of which a loop needs one.  It owns a few resolver threads
 * (started at need, at most 4) and a bounded queue of lookups (1,024).  Never
 * NULL; where no thread can be made, a dial fails.
 */
struct dialer *dialer_new(struct event_base *base);
/*
 * One that resolves and connects nothing itself: another process does, with
 * dial_service_new() on the other end of fd (SOCK_SEQPACKET), and hands over
 * the connected descriptors.  fd stays the caller's; once the other process is
 * gone every dial fails.
 */
struct dialer *dialer_new_elsewhere(struct event_base *base, int fd);

/* Tells it that the rules have changed. */
void dialer_reload(struct dialer *d);

struct dial_service;
struct dial_service_events {
	void (*reload)(void *arg);	/* dialer_reload() was called */
	void (*ended)(void *arg);	/* there is nobody any more who asks */
};
/*
 * Serves the one at the other end of fd with d.  It may be freed when nothing
 * is under way.
 */
struct dial_service *dial_service_new(struct event_base *base,
    struct dialer *d, int fd, const struct dial_service_events *events,
    void *arg);
void dial_service_free(struct dial_service *s);

/*
 * Cancels what is under way without calling back.  A thread that hangs in
 * getaddrinfo(3) is left behind and frees its own work when it returns.
 */
void dialer_free(struct dialer *d);

struct sockaddr;
/*
 * From now on only addresses that ok() allows are connected to.  A dial that
 * has none left ends with EACCES.
 */
void dialer_set_filter(struct dialer *d, bool (*ok)(void *arg,
    const struct address *to, const struct sockaddr *resolved), void *arg);

/*
 * fd is a connected non-blocking close-on-exec descriptor that the callee
 * owns, with TCP_NODELAY set on TCP; or -1 with error an errno value
 * (ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENOENT ..., or
 * EADDRNOTAVAIL when the name did not resolve), the most telling one of
 * those that the addresses gave.  Never called from within dial_start().
 */
typedef void dial_done(void *arg, int fd, int error);

/*
 * Connects to *to within timeout_ms over everything, resolution included.
 * "localhost" is resolved like any name.  Returns a handle that dies when done
 * is called; never NULL.
 */
struct dial *dial_start(struct dialer *d, const struct address *to,
    uint64_t timeout_ms, dial_done *done, void *arg);

/* The name is still being looked up. */
bool dial_is_resolving(const struct dial *dial);
/* Ends it without calling done. */
void dial_cancel(struct dial *dial);

/*
 * A line for people about why a dial failed: "name not found" for
 * EADDRNOTAVAIL, else strerror(3)'s text.
 */
const char *dial_strerror(int error);

#endif
