/* SPDX-License-Identifier: ISC */
/* See view.h. */
#include "config.h"

#include <string.h>

#include "orthrus/gateway/view.h"

#include "gateway.h"

const char *
gateway_trouble(const struct gateway *g)
{
	return g->stopping ? "stopping" : g->trouble ?
	    "the registry is in trouble" : NULL;
}

bool
gateway_is_enabled(const struct gateway *g)
{
	return g->enabled;
}

const char *
gateway_runtime(const struct gateway *g)
{
	return g->runtime;
}

/* --- agents ------------------------------------------------------- */

struct agent *
gateway_agent(const struct gateway *g, const char *name)
{
	return agents_find(g->agents, name);
}

size_t
gateway_agents(const struct gateway *g)
{
	return agents_count(g->agents);
}

uint64_t
gateway_agents_version(const struct gateway *g)
{
	return agents_version(g->agents);
}

void
gateway_each_agent(const struct gateway *g, void (*each)(void *arg,
    struct agent *a), void *arg)
{
	agents_each(g->agents, each, arg);
}

const char *
agent_name(const struct agent *a)
{
	return a->name;
}

static enum agent_status
status_of_agent(const struct agent *a)
{
	return agent_is_online(a) ? AGENT_ONLINE : a->last_seen != 0 ?
	    AGENT_OFFLINE : AGENT_PENDING;
}

void
agent_view(const struct agent *a, struct agent_view *v)
{
	struct inbound_links links = { .transport = "" };
	struct peer *p = &v->peer;

	memset(v, 0, offsetof(struct agent_view, peer.hello));
	memcpy(p->name, a->name, sizeof(p->name));
	p->created = a->created;
	p->enrolled = a->enrolled;
	p->docker_port = a->docker_port;
	p->last_seen = a->last_seen;
	p->load = a->load;
	p->memory_used = a->memory_used;
	p->memory_total = a->memory_total;
	agent_facts(a, &p->hello);
	v->status = status_of_agent(a);
	v->docker_tcp = agent_endpoint_tcp(a->docker);
	v->since = a->session != NULL ? a->session->began : 0;
	v->from = a->session != NULL ? inbound_peer(a->session->in) : NULL;
	if (a->session != NULL)
		inbound_links(a->session->in, &links);
	v->transport = links.transport;
	v->linked = links.since;
	v->resumed = links.resumed;
	v->parked_ms = links.parked_ms;
	v->resent = links.resent;
}

struct muzzle *
agent_docker(const struct agent *a, struct account **payer, const char **why)
{
	*why = a->away;
	if (a->session == NULL)
		return NULL;
	*payer = &a->session->principal->account;
	return a->muzzle;
}

bool
agent_requests(const struct agent *a, size_t i, uint16_t *port,
    uint64_t *requests)
{
	const struct agent_endpoint *ep;

	if (i > a->nports)
		return false;
	ep = i == 0 ? a->docker : a->ports[i - 1];
	*port = agent_endpoint_port(ep);
	*requests = agent_endpoint_requests(ep);
	return true;
}

void
agent_numbers(const struct agent *a, struct agent_numbers *n)
{
	struct inbound_links links;

	*n = (struct agent_numbers){ .status = status_of_agent(a),
		.last_seen = a->last_seen, .load = a->load,
		.memory_used = a->memory_used,
		.memory_total = a->memory_total, .transport = "" };
	if (a->session == NULL)
		return;
	inbound_links(a->session->in, &links);
	n->since = a->session->began;
	n->transport = links.transport;
	n->resumed = links.resumed;
	n->resent = links.resent;
}

/* --- numbers ------------------------------------------------------ */

static void
count_agent(void *arg, struct agent *a)
{
	struct gateway_numbers *n = arg;
	enum agent_status status = status_of_agent(a);

	n->online += status == AGENT_ONLINE;
	n->offline += status == AGENT_OFFLINE;
	n->pending += status == AGENT_PENDING;
}

void
gateway_numbers(const struct gateway *g, struct gateway_numbers *n)
{
	struct acceptor_counters logins;
	struct stream_counters streams;

	acceptor_counters(g->acceptor, &logins);
	gateway_counters(g, &streams);
	*n = (struct gateway_numbers){
		.agents = g->nsessions[SESSION_AGENT],
		.clients = g->nsessions[SESSION_CLIENT],
		.enrolling = g->nsessions[SESSION_ENROLL],
		.unauthenticated = logins.unauthenticated,
		.accepted = logins.accepted, .handshakes = logins.handshakes,
		.logins = logins.logins, .login_failures = logins.refused,
		.login_timeouts = logins.timeouts, .dropped = logins.dropped,
		.penalised = logins.penalised,
		.streams = streams.open, .streams_total = streams.total,
		.bytes_in = streams.bytes_in, .bytes_out = streams.bytes_out,
		.heartbeats = g->heartbeats,
		.heartbeat_delay_ms = g->heartbeat_delay_ms,
		.renewals = g->renewals, .enrolments = g->enrolments,
		.memory_used = g->memory.used, .memory_limit = g->memory.limit
	};
	memcpy(n->refusals, g->refusals, sizeof(n->refusals));
	agents_each(g->agents, count_agent, n);
}
