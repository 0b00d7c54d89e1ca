/* SPDX-License-Identifier: ISC */
/* The steps of the way to a server: see open.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/transport/dial.h"
#include "orthrus/transport/open.h"
#include "orthrus/transport/tls.h"

struct opening {
	struct event_base *base;
	struct server to;
	struct transport_config config;
	handshake_done *done;
	void *arg;
	struct dial *dial;		/* one of these is under way */
	struct handshake_run *run;
	size_t step;			/* of steps, the next one */
};

static struct handshake *
tls_step(const struct opening *o)
{
	return o->to.transport == TRANSPORT_TCP ? NULL :
	    tls_connect(o->config.tls, o->to.host, o->config.tls_name,
	    o->to.port, TLS_ALPN_SSH);
}

/*
 * What follows the connection, in this order.  Each says NULL where it is not
 * wanted.
 */
static struct handshake *(*const steps[])(const struct opening *o) = {
	tls_step
};

#define NSTEPS (sizeof(steps) / sizeof(steps[0]))

static void on_step_done(void *arg, struct transport *t,
    const struct error *why);

static void
opening_over(struct opening *o, struct transport *t, const struct error *why)
{
	handshake_done *done = o->done;
	void *arg = o->arg;

	free(o);
	done(arg, t, why);
}

/* Takes the next step that is wanted, with t as far as it has come. */
static void
next_step(struct opening *o, struct transport *t)
{
	struct error none = { 0 };
	struct handshake *h = NULL;

	while (h == NULL && o->step < NSTEPS)
		if (steps[o->step++] != NULL)
			h = steps[o->step - 1](o);
	if (h == NULL)
		opening_over(o, t, &none);
	else
		o->run = handshake_run(o->base, t, h, o->config.step_ms,
		    on_step_done, o);
}

static void
on_step_done(void *arg, struct transport *t, const struct error *why)
{
	struct opening *o = arg;

	o->run = NULL;
	if (t != NULL)
		next_step(o, t);
	else
		opening_over(o, NULL, why);
}

static void
on_opening_dialled(void *arg, int fd, int error)
{
	struct opening *o = arg;
	struct error e;

	o->dial = NULL;
	if (fd != -1) {
		next_step(o, transport_socket(fd));
		return;
	}
	error_set(&e, EX_UNAVAILABLE, "cannot connect: %s",
	    dial_strerror(error));
	opening_over(o, NULL, &e);
}

static void
server_address(const struct server *server, struct address *to)
{
	memset(to, 0, sizeof(*to));
	to->kind = ADDRESS_TCP;
	memcpy(to->host, server->host, sizeof(to->host));
	to->port = server->port;
}

struct opening *
transport_open(struct event_base *base, struct dialer *dialer,
    const struct server *to, const struct transport_config *config,
    handshake_done *done, void *arg)
{
	struct opening *o = xcalloc(1, sizeof(*o));
	struct address first;

	o->base = base;
	o->to = *to;
	o->config = *config;
	o->done = done;
	o->arg = arg;
	server_address(to, &first);
	o->dial = dial_start(dialer, &first, config->step_ms,
	    on_opening_dialled, o);
	return o;
}

void
opening_cancel(struct opening *o)
{
	if (o == NULL)
		return;
	if (o->dial != NULL)
		dial_cancel(o->dial);
	handshake_cancel(o->run);
	free(o);
}
