/* SPDX-License-Identifier: ISC */
/*
 * The way to a server, step by step: a connection to it, or to the proxy in
 * front of it, or a command instead of one; what is to be said to the proxy;
 * TLS; WebSocket.  Which of them there are follows from the address and the
 * configuration.
 */
#ifndef ORTHRUS_TRANSPORT_OPEN_H
#define ORTHRUS_TRANSPORT_OPEN_H

#include <stdint.h>

#include "orthrus/proto/server.h"
#include "orthrus/transport/handshake.h"

struct commands;
struct dialer;
struct event_base;
struct opening;
struct proxies;
struct tls_client;

/* How servers are reached; what it points to outlives every opening. */
struct transport_config {
	uint64_t step_ms;		/* each step may take */
	struct commands *commands;	/* in place of connections; or NULL */
	const struct proxies *proxies;	/* in front of servers; NULL: none */
	struct tls_client *tls;		/* NULL: no server speaks TLS */
	const char *tls_name;		/* of its certificate; NULL: its host */
};

/*
 * Opens a transport to *to, which is copied as config is.  done is called
 * once, and never from inside: a failure says which step failed and why.  The
 * handle is gone when it is called.  Never NULL.
 */
struct opening *transport_open(struct event_base *base, struct dialer *dialer,
    const struct server *to, const struct transport_config *config,
    handshake_done *done, void *arg);
/* What it waits for now: static text. */
const char *opening_waits_for(const struct opening *o);
/* Ends it without calling done.  NULL is fine. */
void opening_cancel(struct opening *o);

#endif
