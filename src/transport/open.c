/* SPDX-License-Identifier: ISC */
/* The steps of the way to a server: see open.h. */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/proxy_url.h"
#include "orthrus/transport/command.h"
#include "orthrus/transport/dial.h"
#include "orthrus/transport/open.h"
#include "orthrus/transport/proxy.h"
#include "orthrus/transport/tls.h"
#include "orthrus/transport/websocket.h"

#include "resolve.h"

struct opening {
	struct event_base *base;
	struct dialer *dialer;
	struct server to;
	struct transport_config config;
	struct proxy proxy;		/* in front of it, or of kind NONE */
	handshake_done *done;
	void *arg;
	struct command *command;	/* one of these is under way */
	struct lookup *lookup;
	struct dial *dial;
	struct handshake_run *run;
	size_t step;			/* of steps, the next one */
	/* A proxy that is not asked to look names up. */
	struct event *deadline;
	struct addrinfo *addresses, *address;	/* all, and the one tried */
};

static void on_step_done(void *arg, struct transport *t,
    const struct error *why);

/* --- the end ------------------------------------------------------ */

static void
opening_free(struct opening *o)
{
	if (o->addresses != NULL)
		freeaddrinfo(o->addresses);
	if (o->deadline != NULL)
		event_free(o->deadline);
	sodium_memzero(&o->proxy, sizeof(o->proxy));
	free(o);
}

static void
opening_over(struct opening *o, struct transport *t, const struct error *why)
{
	handshake_done *done = o->done;
	void *arg = o->arg;

	opening_free(o);
	done(arg, t, why);
}

/* What to do about an error of connect(2), or "". */
static const char *
advice_on(const struct server *to, int error)
{
	switch (error) {
	case ECONNREFUSED:
		return to->transport != TRANSPORT_TCP || to->port_given ?
		    ": nothing listens at that port" : ": nothing listens at "
		    "port 22; a gateway mostly does at 2222, so is \":2222\" "
		    "missing after the host?";
	case EADDRNOTAVAIL:
		return ": look at the spelling of the host, and at this "
		    "machine's name servers (/etc/resolv.conf)";
	case ETIMEDOUT:
		return ": nothing comes back, so look at the address and for a "
		    "firewall in between";
	case EHOSTUNREACH:
	case ENETUNREACH:
		return ": look at the address, and whether this machine's "
		    "network is up";
	default:
		return "";
	}
}

static void
opening_failed(struct opening *o, int error)
{
	struct error e;

	error_set(&e, EX_UNAVAILABLE, "cannot connect: %s%s",
	    dial_strerror(error), advice_on(&o->to, error));
	opening_over(o, NULL, &e);
}

/* --- the steps ---------------------------------------------------- */

static struct handshake *
proxy_step(const struct opening *o)
{
	char host[HOST_MAX];

	if (o->proxy.kind == PROXY_NONE)
		return NULL;
	if (o->address == NULL || getnameinfo(o->address->ai_addr,
	    o->address->ai_addrlen, host, sizeof(host), NULL, 0,
	    NI_NUMERICHOST) != 0)
		strcpy(host, o->to.host);
	return proxy_handshake(&o->proxy, host, o->to.port);
}

static struct handshake *
tls_step(const struct opening *o)
{
	return o->to.transport == TRANSPORT_TCP ? NULL :
	    tls_connect(o->config.tls, o->to.host, o->config.tls_name,
	    o->to.port, o->to.transport == TRANSPORT_WSS ? TLS_ALPN_HTTP :
	    TLS_ALPN_SSH);
}

/* By the name of the certificate, for a web server has many hosts. */
static struct handshake *
websocket_step(const struct opening *o)
{
	const char *name = o->config.tls_name;

	return o->to.transport != TRANSPORT_WSS ? NULL :
	    websocket_connect(name != NULL ? name : o->to.host, o->to.port,
	    o->to.path);
}

/*
 * What follows the connection, in this order.  Each says NULL where it is not
 * wanted.
 */
static struct handshake *(*const steps[])(const struct opening *o) = {
	proxy_step,
	tls_step,
	websocket_step
};

#define PROXY_STEP 0
#define NSTEPS (sizeof(steps) / sizeof(steps[0]))

/* Takes the next step that is wanted, with t as far as it has come. */
static void
next_step(struct opening *o, struct transport *t)
{
	struct error none = { 0 };
	struct handshake *h = NULL;

	while (h == NULL && o->step < NSTEPS)
		h = steps[o->step++](o);
	if (h == NULL)
		opening_over(o, t, &none);
	else
		o->run = handshake_run(o->base, t, h, o->config.step_ms,
		    on_step_done, o);
}

static void
on_opening_dialled(void *arg, int fd, int error)
{
	struct opening *o = arg;
	char text[PROXY_TEXT_MAX];
	struct error e;

	o->dial = NULL;
	if (fd != -1)
		next_step(o, transport_socket(fd));
	else if (o->proxy.kind == PROXY_NONE)
		opening_failed(o, error);
	else {
		error_set(&e, EX_UNAVAILABLE, "proxy: cannot connect to %s: %s",
		    proxy_format(&o->proxy, text), dial_strerror(error));
		opening_over(o, NULL, &e);
	}
}

static void
on_opening_command(void *arg, struct transport *t, const struct error *why)
{
	struct opening *o = arg;

	o->command = NULL;
	if (t != NULL)
		next_step(o, t);
	else
		opening_over(o, NULL, why);
}

/* Connects to the server, or to the proxy in front of it. */
static void
opening_dial(struct opening *o)
{
	struct address to = { .kind = ADDRESS_TCP };
	bool proxied = o->proxy.kind != PROXY_NONE;

	memcpy(to.host, proxied ? o->proxy.host : o->to.host,
	    sizeof(to.host));
	to.port = proxied ? o->proxy.port : o->to.port;
	o->step = 0;
	o->dial = dial_start(o->dialer, &to, o->config.step_ms,
	    on_opening_dialled, o);
}

static void
on_step_done(void *arg, struct transport *t, const struct error *why)
{
	struct opening *o = arg;

	o->run = NULL;
	if (t != NULL)
		next_step(o, t);
	else if (o->step == PROXY_STEP + 1 && o->address != NULL &&
	    o->address->ai_next != NULL) {
		o->address = o->address->ai_next;
		opening_dial(o);
	} else
		opening_over(o, NULL, why);
}

/* --- names that a proxy is not to look up ------------------------- */

static void
on_server_found(void *arg, struct addrinfo *list, int error)
{
	struct opening *o = arg;

	o->lookup = NULL;
	event_del(o->deadline);
	o->addresses = o->address = list;
	if (list == NULL)
		opening_failed(o, error);
	else
		opening_dial(o);
}

static void
on_lookup_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct opening *o = arg;

	(void)fd;
	(void)what;
	if (o->lookup != NULL)
		lookup_cancel(o->lookup);
	opening_failed(o, o->lookup != NULL ? ETIMEDOUT : EAGAIN);
}

/* Where there is no place for a lookup, the deadline says so at once. */
static void
find_server(struct opening *o)
{
	o->deadline = deadline_new(o->base, on_lookup_deadline, o);
	o->lookup = resolver_ask(dialer_resolver(o->dialer), o->to.host,
	    o->to.port, on_server_found, o);
	timer_set(o->deadline, o->lookup != NULL ? o->config.step_ms : 0);
}

static bool
is_name(const struct server *server)
{
	struct addrinfo *literal = resolve_literal(server->host, server->port);

	if (literal != NULL)
		freeaddrinfo(literal);
	return literal == NULL;
}

/* --- the beginning ------------------------------------------------ */

struct opening *
transport_open(struct event_base *base, struct dialer *dialer,
    const struct server *to, const struct transport_config *config,
    handshake_done *done, void *arg)
{
	struct opening *o = xcalloc(1, sizeof(*o));
	const struct proxy *proxy;

	o->base = base;
	o->dialer = dialer;
	o->to = *to;
	o->config = *config;
	o->done = done;
	o->arg = arg;
	proxy = config->proxies != NULL ? proxies_find(config->proxies, to) :
	    NULL;
	if (proxy != NULL)
		o->proxy = *proxy;
	if (config->commands != NULL)
		o->command = command_start(config->commands, to, config->step_ms,
		    on_opening_command, o);
	else if (o->proxy.kind == PROXY_SOCKS5 && is_name(to))
		find_server(o);
	else
		opening_dial(o);
	return o;
}

const char *
opening_waits_for(const struct opening *o)
{
	static const char *const words[NSTEPS] = {
		"the proxy to answer",
		"the other side to take part in TLS",
		"the web server to hand over to SSH (WebSocket)"
	};

	if (o->command != NULL)
		return "the proxy command to connect";
	if (o->run != NULL)
		return words[o->step - 1];
	if (o->lookup != NULL || (o->dial != NULL &&
	    dial_is_resolving(o->dial)))
		return "a name server to answer";
	return o->proxy.kind != PROXY_NONE ? "the proxy to take the "
	    "connection" : "the host to take the connection (TCP)";
}

void
opening_cancel(struct opening *o)
{
	if (o == NULL)
		return;
	if (o->command != NULL)
		command_cancel(o->command);
	if (o->lookup != NULL)
		lookup_cancel(o->lookup);
	if (o->dial != NULL)
		dial_cancel(o->dial);
	handshake_cancel(o->run);
	opening_free(o);
}
