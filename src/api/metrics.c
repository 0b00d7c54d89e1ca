/* SPDX-License-Identifier: ISC */
/* GET /metrics: what the gateway counts (docs/charon-api.md lists it). */
#include "config.h"

#include <string.h>

#include "orthrus/base/loop.h"

#include "api_private.h"
#include "prometheus.h"

/* One sample, with one label or none. */
struct sample {
	const char *label, *value;
	uint64_t n;
};

static void
put_family(struct buffer *out, const char *name, enum prometheus_kind kind,
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
put_number(struct buffer *out, const char *name, enum prometheus_kind kind,
    const char *help, uint64_t value)
{
	const struct sample s = { NULL, NULL, value };

	put_family(out, name, kind, help, &s, 1);
}

/* --- the families ------------------------------------------------- */

static void
write_peers(const struct gateway_numbers *n, struct buffer *out)
{
	const struct sample agents[] = { { "status", "online", n->online },
	    { "status", "offline", n->offline },
	    { "status", "pending", n->pending } };
	const struct sample sessions[] = { { "kind", "agent", n->agents },
	    { "kind", "client", n->clients },
	    { "kind", "enroll", n->enrolling } };

	put_family(out, "charon_agents", PROMETHEUS_GAUGE,
	    "Registered agents by status.", agents, 3);
	put_family(out, "charon_sessions", PROMETHEUS_GAUGE,
	    "SSH sessions that are logged in.", sessions, 3);
}

static void
write_logins(const struct gateway_numbers *n, struct buffer *out)
{
	put_number(out, "charon_unauthenticated", PROMETHEUS_GAUGE,
	    "SSH connections that have not logged in yet.",
	    n->unauthenticated);
	put_number(out, "charon_connections_total", PROMETHEUS_COUNTER,
	    "SSH connections that were accepted.", n->accepted);
	put_number(out, "charon_handshakes_total", PROMETHEUS_COUNTER,
	    "First key exchanges that succeeded.", n->handshakes);
	put_number(out, "charon_logins_total", PROMETHEUS_COUNTER,
	    "Logins that succeeded.", n->logins);
	put_number(out, "charon_login_failures_total", PROMETHEUS_COUNTER,
	    "Attempts to log in that were refused.", n->login_failures);
	put_number(out, "charon_login_timeouts_total", PROMETHEUS_COUNTER,
	    "Connections that did not log in within the grace time.",
	    n->login_timeouts);
	put_number(out, "charon_dropped_total", PROMETHEUS_COUNTER,
	    "Connections dropped before their login to make room.",
	    n->dropped);
	put_number(out, "charon_penalised_total", PROMETHEUS_COUNTER,
	    "Connections refused for what came from their address before.",
	    n->penalised);
}

static void
write_refusals(const struct gateway_numbers *n, struct buffer *out)
{
	struct sample s[NREFUSALS];
	size_t i;

	for (i = 0; i < NREFUSALS; i++)
		s[i] = (struct sample){ "reason", refusal_names[i],
		    n->refusals[i] };
	put_family(out, "charon_refusals_total", PROMETHEUS_COUNTER,
	    "Channels, requests, logins and the like that were refused.", s,
	    NREFUSALS);
}

static void
write_streams(const struct gateway_numbers *n, struct buffer *out)
{
	const struct sample bytes[] = { { "direction", "in", n->bytes_in },
	    { "direction", "out", n->bytes_out } };

	put_number(out, "charon_channels", PROMETHEUS_GAUGE,
	    "Streams that are open.", n->streams);
	put_number(out, "charon_channels_total", PROMETHEUS_COUNTER,
	    "Streams that were opened.", n->streams_total);
	put_family(out, "charon_bytes_total", PROMETHEUS_COUNTER,
	    "Bytes that streams moved, in: towards agents.", bytes, 2);
}

static void
write_leashes(const struct gateway_numbers *n, struct buffer *out)
{
	static const char delay[] = "charon_heartbeat_delay_seconds_total";

	put_number(out, "charon_heartbeats_total", PROMETHEUS_COUNTER,
	    "Heartbeats of agents.", n->heartbeats);
	prometheus_family(out, delay, PROMETHEUS_COUNTER,
	    "How much later than agreed they came, all together.");
	prometheus_seconds(out, delay, NULL, 0, n->heartbeat_delay_ms);
	put_number(out, "charon_renewals_total", PROMETHEUS_COUNTER,
	    "Certificates that were renewed.", n->renewals);
	put_number(out, "charon_enrolments_total", PROMETHEUS_COUNTER,
	    "Enrolments that succeeded.", n->enrolments);
}

static void
write_memory(const struct gateway_numbers *n, struct buffer *out)
{
	put_number(out, "charon_memory_used_bytes", PROMETHEUS_GAUGE,
	    "Memory that is accounted for.", n->memory_used);
	put_number(out, "charon_memory_limit_bytes", PROMETHEUS_GAUGE,
	    "Memory from which on more is refused.", n->memory_limit);
}

/* The turns of the loop that others had to wait for. */
static void
write_held(struct buffer *out)
{
	static const char time[] = "charon_loop_held_seconds_total";
	struct sample s[NLOOP_WORKS];
	const char *label[1][2];
	enum loop_work i;

	for (i = LOOP_OTHER; i < NLOOP_WORKS; i++)
		s[i] = (struct sample){ "by", loop_held(i)->by,
		    loop_held(i)->turns };
	put_family(out, "charon_loop_held_total", PROMETHEUS_COUNTER,
	    "Turns of the loop that took longer than 50 ms.", s, NLOOP_WORKS);
	prometheus_family(out, time, PROMETHEUS_COUNTER,
	    "How long those were, all together.");
	for (i = LOOP_OTHER; i < NLOOP_WORKS; i++) {
		label[0][0] = "by";
		label[0][1] = loop_held(i)->by;
		prometheus_seconds(out, time, label, 1,
		    loop_held(i)->us / 1000);
	}
}

void
answer_metrics(struct gateway *g, struct http_conn *c)
{
	static const struct sample build = { "version", PACKAGE_VERSION, 1 };
	struct gateway_numbers n;
	struct buffer out;

	list_buffer(&out);
	gateway_numbers(g, &n);
	put_family(&out, "charon_build_info", PROMETHEUS_GAUGE,
	    "Always 1; the version is in the label.", &build, 1);
	write_peers(&n, &out);
	write_logins(&n, &out);
	write_refusals(&n, &out);
	write_streams(&n, &out);
	write_leashes(&n, &out);
	write_memory(&n, &out);
	write_held(&out);
	list_answer(g, c, "Content-Type: " PROMETHEUS_TYPE "\r\n", &out,
	    agent_metrics, nagent_metrics, "");
}
