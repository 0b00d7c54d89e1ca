/* SPDX-License-Identifier: ISC */
/* The Muzzle as a local proxy: a listener in front of the engine's socket. */
#include "config.h"

#include "muzzle_proxy.h"

#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/confine.h"
#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/notify.h"
#include "orthrus/base/service.h"
#include "orthrus/muzzle/muzzle.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"
#include "orthrus/transport/dial.h"
#include "orthrus/transport/listener.h"

#define DRAIN_SECONDS 2

/* A client of the listener, kept only so that it can be ended. */
struct proxy_client {
	TAILQ_ENTRY(proxy_client) next;
	struct proxy *proxy;
	struct relay *relay;
};

struct proxy {
	struct event_base *base;
	struct dialer *dialer;
	struct listener *listener;
	struct muzzle *muzzle;
	struct service *service;
	struct event *drain;
	TAILQ_HEAD(, proxy_client) clients;
};

static void
on_proxy_client_done(void *arg, uint64_t up, uint64_t down)
{
	struct proxy_client *c = arg;

	(void)up;
	(void)down;
	TAILQ_REMOVE(&c->proxy->clients, c, next);
	free(c);
}

static void
on_proxy_accept(void *arg, int fd)
{
	struct proxy *p = arg;
	struct proxy_client *c = xcalloc(1, sizeof(*c));

	c->proxy = p;
	TAILQ_INSERT_TAIL(&p->clients, c, next);
	c->relay = relay_start(socket_endpoint_new(p->base, fd, NULL, 0),
	    muzzle_endpoint_new(p->muzzle, NULL), on_proxy_client_done, c);
}

static void
on_proxy_stop(void *arg, int sig)
{
	struct proxy *p = arg;

	(void)sig;
	notify_send("STOPPING=1");
	if (p->listener == NULL || TAILQ_EMPTY(&p->clients)) {
		event_base_loopbreak(p->base);	/* asked twice, or idle */
		return;
	}
	log_info("stopping");
	listener_free(p->listener);
	p->listener = NULL;
	timer_set(p->drain, DRAIN_SECONDS * 1000);
}

static void
on_proxy_drained(evutil_socket_t fd, short what, void *arg)
{
	struct proxy *p = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(p->base);
}

static void
proxy_free(struct proxy *p)
{
	struct proxy_client *c;

	while ((c = TAILQ_FIRST(&p->clients)) != NULL)
		relay_abort(c->relay);
	listener_free(p->listener);
	muzzle_free(p->muzzle);
	dialer_free(p->dialer);
	socket_endpoints_end();
	service_free(p->service);
	event_free(p->drain);
	loop_free(p->base);
}

/*
 * Gives the socket its group and then its mode, so that until the end of this
 * only its owner can use it.
 */
static int
share_socket(const struct muzzle_proxy_config *c, struct error *e)
{
	const char *path = c->listen.path;

	if (!c->shared)
		return 0;
	if (c->group != MUZZLE_PROXY_NO_GROUP && chown(path, (uid_t)-1,
	    c->group) == -1)
		return error_set(e, EX_OSERR, "cannot give %s to group %u: %s",
		    path, (unsigned)c->group, strerror(errno));
	if (chmod(path, c->mode) == -1)
		return error_set(e, EX_OSERR, "cannot give %s mode %04o: %s",
		    path, (unsigned)c->mode, strerror(errno));
	return 0;
}

/*
 * Warns when the engine's socket cannot be used.  Nothing connects to it before
 * a client does, since that would start an engine that systemd starts on
 * demand.
 */
static void
look_for_engine(const struct muzzle *m, const struct address *at)
{
	char text[ERROR_TEXT_MAX];

	if (access(at->path, R_OK | W_OK) == -1)
		log_warn("clients are answered 502 for now: %s",
		    muzzle_advice(m, errno, text));
}

/* The engine's socket is connected to, and files none. */
static int
confine_proxy(const struct address *listen, struct error *e)
{
	struct confinement *w = confinement_new(CONFINE_MUZZLE);

	if (listen->kind == ADDRESS_UNIX)
		confinement_beside(w, listen->path, CONFINE_SOCKETS);
	return confinement_apply(w, e);
}

int
muzzle_proxy_run(const struct muzzle_proxy_config *c)
{
	static const struct service_events events = { on_proxy_stop, NULL };
	struct proxy p = { .base = loop_new() };
	char listen[DOCKER_HOST_MAX], engine[ADDRESS_TEXT_MAX];
	struct error e;
	int code = 0;

	TAILQ_INIT(&p.clients);
	p.dialer = dialer_new(p.base);
	p.muzzle = muzzle_new(p.base, p.dialer, &c->engine, &c->policy);
	muzzle_keep_spares(p.muzzle);
	p.service = service_new(p.base, &events, &p);
	p.drain = evtimer_new(p.base, on_proxy_drained, &p);
	p.listener = listener_new(p.base, &c->listen, on_proxy_accept, &p, &e);
	look_for_engine(p.muzzle, &c->engine);
	if (p.listener == NULL || share_socket(c, &e) == -1 ||
	    confine_proxy(&c->listen, &e) == -1) {
		log_error("%s", e.text);
		code = e.code;
	} else {
		address_format(&c->listen, listen);
		log_info("the Muzzle listens on %s for the Docker engine at %s",
		    listen, address_format(&c->engine, engine));
		log_info("use it with DOCKER_HOST=%s",
		    docker_host(&c->listen, listen));
		notify_send("READY=1");
		event_base_dispatch(p.base);
	}
	proxy_free(&p);
	return code;
}
