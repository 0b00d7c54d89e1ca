/* SPDX-License-Identifier: ISC */
/* The way to an engine of this machine: by its socket. */
#include "config.h"

#include <stdlib.h>

#include "orthrus/base/mem.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"
#include "orthrus/transport/dial.h"

#include "muzzle_private.h"

#define CONNECT_MS 5000

struct attempt {
	struct muzzle *m;
	struct dial *dial;
	struct endpoint *ep;
	void (*failed)(struct endpoint *ep, const char *why);
};

static void
on_engine_dialled(void *arg, int fd, int error)
{
	struct attempt *a = arg;

	a->m->dial_error = fd == -1 ? error : 0;
	if (fd == -1)
		a->failed(a->ep, dial_strerror(error));
	else
		relay_start(socket_endpoint_new(a->m->base, fd, NULL, 0), a->ep,
		    NULL, NULL);
	free(a);
}

static void *
engine_connect(void *arg, struct endpoint *ep,
    void (*failed)(struct endpoint *ep, const char *why))
{
	struct muzzle *m = arg;
	struct attempt *a = xcalloc(1, sizeof(*a));

	a->m = m;
	a->ep = ep;
	a->failed = failed;
	a->dial = dial_start(m->dialer, &m->engine, CONNECT_MS,
	    on_engine_dialled, a);
	return a;
}

static void
engine_cancel(void *handle)
{
	struct attempt *a = handle;

	dial_cancel(a->dial);
	free(a);
}

const struct http_way socket_way = { engine_connect, engine_cancel, NULL };
