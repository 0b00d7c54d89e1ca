/* SPDX-License-Identifier: ISC */
/*
 * One registered agent: what it says of itself, the ports it exposes, whether
 * it is there, and the endpoints that lead to it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"

#include "gateway.h"

void
agent_hello(const struct agent *a, struct leash_message *hello)
{
	const char *why;

	if (a->hello == NULL ||
	    leash_decode(a->hello + 4, a->hello_len - 4, hello, &why) == -1)
		hello->kind = LEASH_UNKNOWN;
}

static bool
hello_lists(const struct leash_message *hello, uint16_t port)
{
	size_t i;

	for (i = 0; i < hello->hello.nports; i++)
		if (hello->hello.ports[i].port == port)
			return true;
	return false;
}

/*
 * What is shown and kept of it: its Hello, and the ports that it listens on
 * besides, which is all that a stock ssh has.
 */
void
agent_facts(const struct agent *a, struct leash_message *facts)
{
	size_t i, n;
	uint16_t port;

	agent_hello(a, facts);
	if (facts->kind != LEASH_HELLO) {
		memset(facts, 0, sizeof(*facts));
		facts->kind = a->nports > 0 || a->hello_unsaved ?
		    LEASH_HELLO : LEASH_UNKNOWN;
		memcpy(facts->hello.name, a->name, sizeof(a->name));
	}
	if (a->session != NULL)
		snprintf(facts->hello.key_exchange,
		    sizeof(facts->hello.key_exchange), "%s",
		    inbound_kex(a->session->in));
	for (i = 0; i < a->nports; i++) {
		port = agent_endpoint_port(a->ports[i]);
		n = facts->hello.nports;
		if (hello_lists(facts, port) || n == LEASH_PORTS_MAX)
			continue;
		facts->hello.ports[n].port = port;
		facts->hello.ports[n].name[0] = '\0';
		facts->hello.nports++;
	}
}

static void
keep_hello(struct agent *a, const struct leash_message *hello)
{
	static uint8_t frame[4 + LEASH_FRAME_MAX];
	size_t n = leash_encode(hello, frame);

	if (n == a->hello_len && memcmp(frame, a->hello, n) == 0)
		return;
	free(a->hello);
	a->hello = xcalloc(1, n);
	a->hello_len = n;
	memcpy(a->hello, frame, n);
	a->hello_unsaved = a->unsaved = true;
}

static struct agent_endpoint **
find_port(const struct agent *a, uint16_t port)
{
	size_t i;

	for (i = 0; i < a->nports; i++)
		if (agent_endpoint_port(a->ports[i]) == port)
			return &a->ports[i];
	return NULL;
}

struct agent_endpoint *
agent_port(const struct agent *a, uint16_t port)
{
	struct agent_endpoint **at = find_port(a, port);

	return at != NULL ? *at : NULL;
}

static void
remove_port(struct agent *a, uint16_t port)
{
	struct agent_endpoint **at = find_port(a, port);

	if (at == NULL)
		return;
	agent_endpoint_free(*at);
	a->nports--;
	a->hello_unsaved = a->unsaved = true;
	memmove(at, at + 1, (size_t)(a->ports + a->nports - at) * sizeof(*at));
}

/* Ports of former sessions and Hellos that nobody has taken back. */
static void
forget_ports(struct agent *a)
{
	struct leash_message *hello = xcalloc(1, sizeof(*hello));
	uint16_t port;
	size_t i;

	agent_hello(a, hello);
	for (i = a->nports; i > 0; i--) {
		port = agent_endpoint_port(a->ports[i - 1]);
		if ((hello->kind != LEASH_HELLO || !hello_lists(hello, port)) &&
		    session_listen_find(a->session, port) == NULL)
			remove_port(a, port);
	}
	free(hello);
}

bool
agent_expose(struct agent *a, uint16_t port)
{
	size_t i;

	if (find_port(a, port) != NULL)
		return true;
	if (a->nports == LEASH_PORTS_MAX)
		forget_ports(a);
	if (a->nports == LEASH_PORTS_MAX || (a->session != NULL &&
	    !principal_may_expose(a->session->principal)))
		return false;
	a->ports = xreallocarray(a->ports, a->nports + 1, sizeof(*a->ports));
	for (i = a->nports; i > 0 &&
	    agent_endpoint_port(a->ports[i - 1]) > port; i--)
		a->ports[i] = a->ports[i - 1];
	a->ports[i] = agent_endpoint_new(a, port);
	a->nports++;
	a->hello_unsaved = a->unsaved = true;
	return true;
}

/* An agent that leaves in order says so of each port: that is no change. */
void
agent_unexpose(struct agent *a, uint16_t port)
{
	struct leash_message *hello = xcalloc(1, sizeof(*hello));

	agent_hello(a, hello);
	if (hello->kind != LEASH_HELLO || !hello_lists(hello, port))
		remove_port(a, port);
	free(hello);
}

/* What is opened there is not closed here, unless the agent shares none. */
static void
set_muzzle_policy(struct agent *a, const struct leash_message *hello)
{
	struct policy p = { .actions = 0, .redact = true };

	if (hello->kind == LEASH_HELLO && hello->hello.docker) {
		p.actions = hello->hello.docker_actions;
		p.redact = hello->hello.docker_redact;
		p.hosts = hello->hello.docker_hosts;
		p.reveal = hello->hello.docker_reveal;
		p.registries = hello->hello.docker_registries;
	}
	muzzle_set_policy(a->muzzle, &p);
}

bool
agent_set_hello(struct agent *a, const struct leash_message *hello)
{
	bool ok = true;
	size_t i;

	keep_hello(a, hello);
	forget_ports(a);
	for (i = 0; i < hello->hello.nports; i++)
		if (!agent_expose(a, hello->hello.ports[i].port) &&
		    a->nports < LEASH_PORTS_MAX)
			ok = false;
	set_muzzle_policy(a, hello);
	return ok;
}

bool
agent_is_online(const struct agent *a)
{
	return a->session != NULL && !a->session->away;
}

/* s is the one that came, went, or has another link. */
static void
tell_presence(struct agent *a, struct session *s, bool before)
{
	bool online = agent_is_online(a);

	if (online != before && session_is_worth_a_line(s))
		log_event(LEVEL_INFO, LOG_FIELDS(.event = online ?
		    "agent_online" : "agent_offline", .agent = a->name,
		    .peer = s != NULL ? inbound_peer(s->in) : ""),
		    "agent %s is %s", a->name, online ? "online" : "offline");
	a->last_seen = time(NULL);
	a->unsaved = a->gateway->save_soon = true;
}

void
agent_set_session(struct agent *a, struct session *s)
{
	bool before = agent_is_online(a);
	struct session *whose = s != NULL ? s : a->session;

	a->session = s;
	if (s != NULL && s->serial != 0)
		a->enrolled = true;
	tell_presence(a, whose, before);
	agent_endpoint_online(a->docker, s != NULL);
}

void
agent_set_away(struct agent *a, bool away)
{
	bool before = agent_is_online(a);

	if (a->session == NULL || a->session->away == away)
		return;
	a->session->away = away;
	tell_presence(a, a->session, before);
}

void
agent_set_docker_port(struct agent *a, uint16_t port)
{
	if (a->docker_port == port)
		return;
	a->docker_port = port;
	agent_endpoint_fix(a->docker, port);
	agent_endpoint_online(a->docker, a->session != NULL);
}

/* --- life ------------------------------------------------------------- */

struct agent *
agent_new(struct gateway *g, const struct peer *p, const struct agent_way *way)
{
	struct agent *a = xcalloc(1, sizeof(*a));
	struct policy policy = { .actions = 0, .redact = true };
	struct http_way engine = way->docker;
	char label[NAME_MAX_LEN + 32];
	size_t i;

	budget_charge(&g->memory, AGENT_COST);
	a->gateway = g;
	a->way = way;
	a->id = p->id;
	memcpy(a->name, p->name, sizeof(a->name));
	a->created = p->created;
	a->last_seen = p->last_seen;
	a->load = p->load;
	a->memory_used = p->memory_used;
	a->memory_total = p->memory_total;
	a->away = xasprintf("agent %s is not currently connected", a->name);
	engine.arg = a;
	snprintf(label, sizeof(label), "agent %s: docker", a->name);
	a->muzzle = muzzle_new_over(g->base, &engine, label, &policy);
	a->docker = agent_endpoint_new(a, 0);
	agent_set_docker_port(a, p->docker_port);
	if (p->hello.kind == LEASH_HELLO) {
		/* Without a version it is only what agent_facts() made. */
		if (p->hello.hello.version[0] != '\0') {
			keep_hello(a, &p->hello);
			set_muzzle_policy(a, &p->hello);
		}
		for (i = 0; i < p->hello.hello.nports; i++)
			agent_expose(a, p->hello.hello.ports[i].port);
		a->hello_unsaved = a->unsaved = false;
	}
	return a;
}

void
agent_free(struct agent *a)
{
	budget_give(&a->gateway->memory, AGENT_COST);
	while (a->nports > 0)
		agent_endpoint_free(a->ports[--a->nports]);
	agent_endpoint_free(a->docker);
	muzzle_free(a->muzzle);
	copies_free(a->copies);
	free(a->ports);
	free(a->hello);
	free(a->away);
	free(a);
}
