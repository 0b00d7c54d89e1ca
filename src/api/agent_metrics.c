/* SPDX-License-Identifier: ISC */
/*
 * The part of GET /metrics that has each agent.  In the format all samples of
 * a family come together, so that the agents are gone through for each.
 */
#include "config.h"

#include <stdio.h>

#include "api_private.h"
#include "prometheus.h"

struct family {
	const char *name;
	enum prometheus_kind kind;
	const char *help;
	/* Writes what there is to say: nothing, where it is not known. */
	void (*put)(const struct family *f, struct agent *a,
	    const struct agent_numbers *n, struct buffer *out);
};

static void
put_value(const struct family *f, struct agent *a, struct buffer *out,
    uint64_t value)
{
	const char *const labels[][2] = { { "agent", agent_name(a) } };

	prometheus_sample(out, f->name, labels, 1, value);
}

static void
put_up(const struct family *f, struct agent *a, const struct agent_numbers *n,
    struct buffer *out)
{
	put_value(f, a, out, n->status == AGENT_ONLINE);
}

static void
put_last_seen(const struct family *f, struct agent *a,
    const struct agent_numbers *n, struct buffer *out)
{
	if (n->last_seen > 0)
		put_value(f, a, out, (uint64_t)n->last_seen);
}

static void
put_session_start(const struct family *f, struct agent *a,
    const struct agent_numbers *n, struct buffer *out)
{
	if (n->since > 0)
		put_value(f, a, out, (uint64_t)n->since);
}

/* Memory that is known says that a heartbeat has come. */
static void
put_load(const struct family *f, struct agent *a,
    const struct agent_numbers *n, struct buffer *out)
{
	const char *const labels[][2] = { { "agent", agent_name(a) } };

	if (n->memory_total > 0)
		prometheus_real(out, f->name, labels, 1, n->load);
}

static void
put_memory_used(const struct family *f, struct agent *a,
    const struct agent_numbers *n, struct buffer *out)
{
	if (n->memory_total > 0)
		put_value(f, a, out, n->memory_used);
}

static void
put_memory(const struct family *f, struct agent *a,
    const struct agent_numbers *n, struct buffer *out)
{
	if (n->memory_total > 0)
		put_value(f, a, out, n->memory_total);
}

static void
put_link(const struct family *f, struct agent *a,
    const struct agent_numbers *n, struct buffer *out)
{
	const char *const labels[][2] = { { "agent", agent_name(a) },
	    { "transport", n->transport } };

	if (n->transport[0] != '\0')
		prometheus_sample(out, f->name, labels, 2, 1);
}

static void
put_resumes(const struct family *f, struct agent *a,
    const struct agent_numbers *n, struct buffer *out)
{
	if (n->since > 0)
		put_value(f, a, out, n->resumed);
}

static void
put_resent(const struct family *f, struct agent *a,
    const struct agent_numbers *n, struct buffer *out)
{
	if (n->since > 0)
		put_value(f, a, out, n->resent);
}

static void
put_requests(const struct family *f, struct agent *a,
    const struct agent_numbers *n, struct buffer *out)
{
	char text[8] = "docker";
	const char *const labels[][2] = { { "agent", agent_name(a) },
	    { "endpoint", text } };
	uint64_t requests;
	uint16_t port;
	size_t i;

	(void)n;
	for (i = 0; agent_requests(a, i, &port, &requests); i++) {
		if (port != 0)
			snprintf(text, sizeof(text), "%u", (unsigned)port);
		prometheus_sample(out, f->name, labels, 2, requests);
	}
}

/* --- all of them -------------------------------------------------- */

static void
begin_family(const void *arg, struct buffer *out)
{
	const struct family *f = arg;

	prometheus_family(out, f->name, f->kind, f->help);
}

static void
put_agent(const void *arg, const struct gateway *g, struct agent *a,
    bool first, struct buffer *out)
{
	const struct family *f = arg;
	struct agent_numbers n;

	(void)g;
	(void)first;
	agent_numbers(a, &n);
	f->put(f, a, &n, out);
}

#define FAMILY(...) \
	{ begin_family, put_agent, &(const struct family){ __VA_ARGS__ } }

const struct list_part agent_metrics[] = {
	FAMILY("charon_agent_up", PROMETHEUS_GAUGE,
	    "1 while the agent is online, else 0.", put_up),
	FAMILY("charon_agent_last_seen_timestamp_seconds", PROMETHEUS_GAUGE,
	    "When the agent was last heard of, in UNIX time.", put_last_seen),
	FAMILY("charon_agent_session_start_timestamp_seconds",
	    PROMETHEUS_GAUGE, "When the agent's session began, in UNIX time.",
	    put_session_start),
	FAMILY("charon_agent_load", PROMETHEUS_GAUGE,
	    "Load average of a minute, as the agent told last.", put_load),
	FAMILY("charon_agent_memory_used_bytes", PROMETHEUS_GAUGE,
	    "Memory in use on the host, as the agent told last.",
	    put_memory_used),
	FAMILY("charon_agent_memory_bytes", PROMETHEUS_GAUGE,
	    "Memory of the host, as the agent told last.", put_memory),
	FAMILY("charon_agent_link_info", PROMETHEUS_GAUGE,
	    "Always 1; the transport of the agent's link is in the label.",
	    put_link),
	FAMILY("charon_agent_resumes_total", PROMETHEUS_COUNTER,
	    "Links of the agent's session after its first.", put_resumes),
	FAMILY("charon_agent_resent_bytes_total", PROMETHEUS_COUNTER,
	    "Bytes that the agent's session sent again over another link.",
	    put_resent),
	FAMILY("charon_agent_requests_total", PROMETHEUS_COUNTER,
	    "Requests to an agent's Docker socket, connections to its ports.",
	    put_requests),
};
const size_t nagent_metrics = sizeof(agent_metrics) / sizeof(*agent_metrics);
