/* GET /metrics: what the gateway counts (docs/charon-api.md lists it). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>

#include "gateway.h"
#include "http.h"
#include "prometheus.h"

#define REQUESTS "charon_agent_requests_total"

/* One sample, with one label or none. */
struct sample {
	const char *label, *value;
	uint64_t n;
};

static void
family(struct evbuffer *out, const char *name, enum prometheus_kind kind,
    const char *help, const struct sample *samples, size_t n)
{
	const char *label[1][2];
	size_t i;

	prometheus_family(out, name, kind, help);
	for (i = 0; i < n; i++) {
		label[0][0] = samples[i].label;
		label[0][1] = samples[i].value;
		prometheus_sample(out, name, label,
		    samples[i].label != NULL, samples[i].n);
	}
}

static void
one(struct evbuffer *out, const char *name, enum prometheus_kind kind,
    const char *help, uint64_t value)
{
	const struct sample s = { NULL, NULL, value };

	family(out, name, kind, help, &s, 1);
}

/* --- the families ------------------------------------------------- */

static void
count_status(void *arg, struct agent *a)
{
	struct sample *s = arg;

	s[a->session != NULL ? 0 : a->last_seen != 0 ? 1 : 2].n++;
}

static void
write_peers(const struct gateway *g, struct evbuffer *out)
{
	struct sample agents[] = { { "status", "online", 0 },
	    { "status", "offline", 0 }, { "status", "pending", 0 } };
	const struct sample sessions[] = {
	    { "kind", "agent", g->nsessions[SESSION_AGENT] },
	    { "kind", "client", g->nsessions[SESSION_CLIENT] },
	    { "kind", "enroll", g->nsessions[SESSION_ENROLL] } };

	agents_each(g->agents, count_status, agents);
	family(out, "charon_agents", PROMETHEUS_GAUGE,
	    "Registered agents by status.", agents, 3);
	family(out, "charon_sessions", PROMETHEUS_GAUGE,
	    "SSH sessions that are logged in.", sessions, 3);
}

static void
write_logins(const struct gateway *g, struct evbuffer *out)
{
	struct acceptor_counters c;

	acceptor_counters(g->acceptor, &c);
	one(out, "charon_unauthenticated", PROMETHEUS_GAUGE,
	    "SSH connections that have not logged in yet.",
	    c.unauthenticated);
	one(out, "charon_connections_total", PROMETHEUS_COUNTER,
	    "SSH connections that were accepted.", c.accepted);
	one(out, "charon_handshakes_total", PROMETHEUS_COUNTER,
	    "First key exchanges that succeeded.", c.handshakes);
	one(out, "charon_logins_total", PROMETHEUS_COUNTER,
	    "Logins that succeeded.", c.logins);
	one(out, "charon_login_failures_total", PROMETHEUS_COUNTER,
	    "Attempts to log in that were refused.", c.refused);
	one(out, "charon_login_timeouts_total", PROMETHEUS_COUNTER,
	    "Connections that did not log in within the grace time.",
	    c.timeouts);
	one(out, "charon_dropped_total", PROMETHEUS_COUNTER,
	    "Connections dropped before their login to make room.",
	    c.dropped);
}

static void
write_refusals(const struct gateway *g, struct evbuffer *out)
{
	struct sample s[NREFUSALS];
	size_t i;

	for (i = 0; i < NREFUSALS; i++)
		s[i] = (struct sample){ "reason", refusal_names[i],
		    g->refusals[i] };
	family(out, "charon_refusals_total", PROMETHEUS_COUNTER,
	    "Channels, requests, logins and the like that were refused.", s,
	    NREFUSALS);
}

static void
write_streams(const struct gateway *g, struct evbuffer *out)
{
	struct sample bytes[] = { { "direction", "in", 0 },
	    { "direction", "out", 0 } };
	struct stream_counters c;

	gateway_counters(g, &c);
	bytes[0].n = c.bytes_in;
	bytes[1].n = c.bytes_out;
	one(out, "charon_channels", PROMETHEUS_GAUGE,
	    "Streams that are open.", c.open);
	one(out, "charon_channels_total", PROMETHEUS_COUNTER,
	    "Streams that were opened.", c.total);
	family(out, "charon_bytes_total", PROMETHEUS_COUNTER,
	    "Bytes that streams moved, in: towards agents.", bytes, 2);
}

static void
write_leashes(const struct gateway *g, struct evbuffer *out)
{
	static const char delay[] = "charon_heartbeat_delay_seconds_total";

	one(out, "charon_heartbeats_total", PROMETHEUS_COUNTER,
	    "Heartbeats of agents.", g->heartbeats);
	prometheus_family(out, delay, PROMETHEUS_COUNTER,
	    "How much later than agreed they came, all together.");
	prometheus_seconds(out, delay, g->heartbeat_delay_ms);
	one(out, "charon_renewals_total", PROMETHEUS_COUNTER,
	    "Certificates that were renewed.", g->renewals);
	one(out, "charon_enrolments_total", PROMETHEUS_COUNTER,
	    "Enrolments that succeeded.", g->enrolments);
}

/* --- for each agent ----------------------------------------------- */

static void
write_endpoint(const struct agent *a, const struct agent_endpoint *ep,
    struct evbuffer *out)
{
	uint16_t port = agent_endpoint_port(ep);
	char text[8] = "docker";
	const char *const labels[][2] = { { "agent", a->name },
	    { "endpoint", text } };

	if (port != 0)
		snprintf(text, sizeof(text), "%u", (unsigned)port);
	prometheus_sample(out, REQUESTS, labels, 2,
	    agent_endpoint_requests(ep));
}

static void
write_agent(struct agent *a, bool first, struct evbuffer *out)
{
	size_t i;

	(void)first;
	write_endpoint(a, a->docker, out);
	for (i = 0; i < a->nports; i++)
		write_endpoint(a, a->ports[i], out);
}

void
http_metrics(struct http *h, struct http_conn *c, struct evhttp_request *req)
{
	static const struct sample build = { "version", PACKAGE_VERSION, 1 };
	const struct gateway *g = h->gateway;
	struct evbuffer *out = evbuffer_new();

	family(out, "charon_build_info", PROMETHEUS_GAUGE,
	    "Always 1; the version is in the label.", &build, 1);
	write_peers(g, out);
	write_logins(g, out);
	write_refusals(g, out);
	write_streams(g, out);
	write_leashes(g, out);
	prometheus_family(out, REQUESTS, PROMETHEUS_COUNTER,
	    "Requests to an agent's Docker socket, connections to its ports.");
	http_list(h, c, req, PROMETHEUS_TYPE, out, write_agent, "");
}
