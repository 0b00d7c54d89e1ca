/* SPDX-License-Identifier: ISC */
/*
 * The sockets of this machine that lead to one agent: docker.sock, one for
 * each exposed port, and a loopback port for Docker where that is wanted.  But
 * for that of docker_tcp they are there whether the agent is or not.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/monitor/ask.h"
#include "orthrus/transport/listener.h"

#include "gateway.h"

#define AGAIN_MS 2000		/* after somebody else had the port */

struct agent_endpoint {
	struct agent *agent;
	uint16_t port;			/* 0: Docker */
	char *path;
	struct listener *listener;	/* of path */
	struct listener *tcp;		/* of Docker; NULL: none now */
	struct event *again;		/* tcp was taken; NULL: it was not */
	uint64_t requests;
};

static void
on_endpoint_accept(void *arg, int fd)
{
	struct agent_endpoint *ep = arg;
	struct agent *a = ep->agent;

	if (ep->port != 0)
		ep->requests++;
	a->way->visit(a, ep->port, fd);
}

struct agent_endpoint *
agent_endpoint_new(struct agent *a, uint16_t port)
{
	struct agent_endpoint *ep = xcalloc(1, sizeof(*ep));
	char file[16] = "docker";
	struct error e;
	int fd;

	ep->agent = a;
	ep->port = port;
	if (port != 0)
		snprintf(file, sizeof(file), "%u", (unsigned)port);
	ep->path = xasprintf("%s/agents/%s/%s.sock", a->gateway->runtime,
	    a->name, file);
	if (strlen(ep->path) >= UNIX_PATH_MAX_LEN) {
		log_error("%s is too long for a socket; choose a shorter "
		    "runtime directory", ep->path);
		return ep;
	}
	fd = ask_listen(a->gateway->monitor, a->name, port, &e);
	if (fd == -1)
		log_error("agent %s: %s", a->name, e.text);
	else
		ep->listener = listener_of(a->gateway->base, fd,
		    on_endpoint_accept, ep);
	return ep;
}

void
agent_endpoint_free(struct agent_endpoint *ep)
{
	const struct agent *a = ep->agent;

	if (ep->listener != NULL) {
		listener_free(ep->listener);
		ask_remove(a->gateway->monitor, a->name, ep->port);
	}
	agent_endpoint_fix(ep, 0);
	free(ep->path);
	free(ep);
}

/* --- Docker at a loopback port ------------------------------------- */

/* port 0: any. */
static int
listen_docker_tcp(struct agent_endpoint *ep, uint16_t port, struct error *e)
{
	struct gateway *g = ep->agent->gateway;
	int fd = ask_listen_tcp(g->monitor, ep->agent->name, port, e);

	if (fd == -1)
		return -1;
	ep->tcp = listener_of(g->base, fd, on_endpoint_accept, ep);
	log_info("agent %s: Docker at tcp://127.0.0.1:%u", ep->agent->name,
	    (unsigned)listener_port(ep->tcp));
	return 0;
}

static void
stop_docker_tcp(struct agent_endpoint *ep)
{
	listener_free(ep->tcp);
	ep->tcp = NULL;
}

static void
on_endpoint_again(evutil_socket_t fd, short what, void *arg)
{
	struct agent_endpoint *ep = arg;
	struct error e;

	(void)fd;
	(void)what;
	if (listen_docker_tcp(ep, ep->agent->docker_port, &e) == -1)
		timer_set(ep->again, AGAIN_MS);
}

void
agent_endpoint_fix(struct agent_endpoint *ep, uint16_t port)
{
	struct error e;

	stop_docker_tcp(ep);
	if (ep->again != NULL)
		event_free(ep->again);
	ep->again = NULL;
	if (port == 0 || listen_docker_tcp(ep, port, &e) == 0)
		return;
	log_error("agent %s: %s; trying again", ep->agent->name, e.text);
	ep->again = evtimer_new(ep->agent->gateway->base, on_endpoint_again,
	    ep);
	timer_set(ep->again, AGAIN_MS);
}

void
agent_endpoint_online(struct agent_endpoint *ep, bool online)
{
	const struct agent *a = ep->agent;
	struct error e;

	if (!a->gateway->docker_tcp || ep->port != 0 || a->docker_port != 0)
		return;
	stop_docker_tcp(ep);
	if (online && listen_docker_tcp(ep, 0, &e) == -1)
		log_error("agent %s: %s", a->name, e.text);
}

uint16_t
agent_endpoint_port(const struct agent_endpoint *ep)
{
	return ep->port;
}

const char *
agent_endpoint_path(const struct agent_endpoint *ep)
{
	return ep->path;
}

uint16_t
agent_endpoint_tcp(const struct agent_endpoint *ep)
{
	return ep->tcp != NULL ? listener_port(ep->tcp) : 0;
}

void
agent_endpoint_count(struct agent_endpoint *ep)
{
	ep->requests++;
}

/* Those of Docker are the Muzzle's to count. */
uint64_t
agent_endpoint_requests(const struct agent_endpoint *ep)
{
	struct muzzle_info info;

	if (ep->port != 0)
		return ep->requests;
	muzzle_info(ep->agent->muzzle, &info);
	return info.allowed + info.denied;
}
