/*
 * The sockets of this machine that lead to one agent: docker.sock, one for
 * each exposed port, and with docker_tcp a loopback port.  They are there
 * whether the agent is or not.
 */
#include "config.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/transport/listener.h"

#include "gateway.h"

struct agent_endpoint {
	struct agent *agent;
	uint16_t port;			/* 0: Docker */
	char *path;
	struct listener *listener;	/* of path */
	struct listener *tcp;		/* docker_tcp; NULL: none now */
	uint64_t requests;
};

static void
on_accept(void *arg, int fd)
{
	struct agent_endpoint *ep = arg;
	struct agent *a = ep->agent;

	if (ep->port != 0) {
		ep->requests++;
		stream_to_agent(a, ep->port, fd, NULL);
	} else
		stream_to_docker(a, fd, NULL);
}

struct agent_endpoint *
agent_endpoint_new(struct agent *a, uint16_t port)
{
	struct agent_endpoint *ep = xcalloc(1, sizeof(*ep));
	struct address at = { .kind = ADDRESS_UNIX };
	char file[16] = "docker";
	struct error e;

	ep->agent = a;
	ep->port = port;
	if (port != 0)
		snprintf(file, sizeof(file), "%u", (unsigned)port);
	ep->path = xasprintf("%s/agents/%s/%s.sock", a->gateway->runtime,
	    a->name, file);
	if (strlen(ep->path) >= sizeof(at.path)) {
		log_error("%s is too long for a socket; choose a shorter "
		    "runtime directory", ep->path);
		return ep;
	}
	strcpy(at.path, ep->path);
	ep->listener = listener_new(a->gateway->base, &at, on_accept, ep, &e);
	if (ep->listener == NULL)
		log_error("agent %s: %s", a->name, e.text);
	else
		chmod(ep->path, 0660);	/* its group may use it, too */
	return ep;
}

void
agent_endpoint_free(struct agent_endpoint *ep)
{
	listener_free(ep->listener);
	listener_free(ep->tcp);
	free(ep->path);
	free(ep);
}

void
agent_endpoint_online(struct agent_endpoint *ep, bool online)
{
	static const struct address loopback = { .kind = ADDRESS_TCP,
	    .host = "127.0.0.1" };
	struct gateway *g = ep->agent->gateway;
	struct error e;

	if (!g->docker_tcp || ep->port != 0)
		return;
	listener_free(ep->tcp);
	ep->tcp = NULL;
	if (!online)
		return;
	ep->tcp = listener_new(g->base, &loopback, on_accept, ep, &e);
	if (ep->tcp == NULL)
		log_error("agent %s: %s", ep->agent->name, e.text);
	else
		log_info("agent %s: Docker at tcp://127.0.0.1:%u",
		    ep->agent->name, (unsigned)listener_port(ep->tcp));
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
