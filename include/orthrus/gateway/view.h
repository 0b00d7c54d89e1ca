/* SPDX-License-Identifier: ISC */
/*
 * The gateway that runs as others see it: its agents, their Docker, and the
 * numbers that it counts.  What is pointed to lives until the loop's next turn.
 */
#ifndef ORTHRUS_GATEWAY_VIEW_H
#define ORTHRUS_GATEWAY_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/gateway/refused.h"
#include "orthrus/registry/describe.h"

struct account;
struct agent;
struct gateway;
struct muzzle;

/* What is wrong with it, NULL: nothing. */
const char *gateway_trouble(const struct gateway *g);
/* Are agents served at all ([agents] enabled)? */
bool gateway_is_enabled(const struct gateway *g);
/* The directory of its sockets. */
const char *gateway_runtime(const struct gateway *g);

/* --- agents ------------------------------------------------------- */

/* By name, in constant time; NULL. */
struct agent *gateway_agent(const struct gateway *g, const char *name);
size_t gateway_agents(const struct gateway *g);
/* Another number whenever one of them came or went. */
uint64_t gateway_agents_version(const struct gateway *g);
/* In no order. */
void gateway_each_agent(const struct gateway *g, void (*each)(void *arg,
    struct agent *a), void *arg);

const char *agent_name(const struct agent *a);

/* As the registry has it, with what only the gateway knows. */
struct agent_view {
	struct peer peer;		/* with all ports that there are */
	enum agent_status status;
	uint16_t docker_tcp;		/* its loopback port, 0: none */
	int64_t since;			/* of its session, UNIX seconds */
	const char *from;		/* address; NULL: it is offline */
	/* Of its link, when it has a session: as struct inbound_links. */
	const char *transport;		/* "": it waits for another one */
	int64_t linked;			/* since when, UNIX seconds */
	uint64_t resumed, parked_ms, resent;
};
void agent_view(const struct agent *a, struct agent_view *v);

/*
 * Judges requests to its Docker, which *payer pays for; NULL and *why while it
 * is offline.
 */
struct muzzle *agent_docker(const struct agent *a, struct account **payer,
    const char **why);

/*
 * The requests to what it offers: i from 0 until false is returned.  port is
 * 0 for its Docker; to others it is connections that are counted.
 */
bool agent_requests(const struct agent *a, size_t i, uint16_t *port,
    uint64_t *requests);

/* What /metrics has of an agent: cheap, for thousands are asked for. */
struct agent_numbers {
	enum agent_status status;
	int64_t last_seen;		/* UNIX seconds, 0: never */
	int64_t since;			/* of its session, 0: it has none */
	double load;			/* of 1 minute */
	uint64_t memory_used, memory_total;	/* bytes, total 0: unknown */
	const char *transport;		/* of its link, "": it has none */
	uint64_t resumed;		/* links after its session's first */
	uint64_t resent;		/* bytes, over those */
};
void agent_numbers(const struct agent *a, struct agent_numbers *n);

/* --- numbers ------------------------------------------------------ */

struct gateway_numbers {
	size_t online, offline, pending;	/* agents */
	size_t agents, clients, enrolling;	/* sessions */
	/* SSH, see struct acceptor_counters. */
	uint64_t unauthenticated, accepted, handshakes, logins;
	uint64_t login_failures, login_timeouts, dropped, penalised;
	size_t streams;				/* now */
	uint64_t streams_total;
	uint64_t bytes_in, bytes_out;		/* in: towards agents */
	uint64_t heartbeats, heartbeat_delay_ms;
	uint64_t renewals, enrolments;
	size_t memory_used, memory_limit;	/* bytes, [limits] memory */
	uint64_t refusals[NREFUSALS];
};
void gateway_numbers(const struct gateway *g, struct gateway_numbers *n);

#endif
