/* SPDX-License-Identifier: ISC */
/* "charon agent list": everybody's status, as a table or as JSON. */
#include "config.h"

#include "orthrus/base/shown.h"
#include "orthrus/registry/describe.h"

#include "listing.h"

#define PORTS_SHOWN 6

/* The first few ports, and how many more there are. */
static void
add_port_cell(struct table *t, const struct peer *p)
{
	const struct leash_port *ports = p->hello.hello.ports;
	size_t i, len = 0, n = p->hello.hello.nports;
	char text[PORTS_SHOWN * 8 + 8] = "-";

	for (i = 0; i < n && i < PORTS_SHOWN; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u",
		    i == 0 ? "" : ",", ports[i].port);
	if (i < n)
		snprintf(text + len, sizeof(text) - len, ",+%zu", n - i);
	table_add(t, text);
}

static enum agent_status
listed_status(const struct listing *l, const struct peer *p)
{
	return agent_status(p, l->served, l->call->config->timeout, l->now);
}

/*
 * Adds an agent's row.  Load and memory are left out unless it is online, since
 * they would be old.
 */
static void
agent_row(struct listing *l, const struct peer *p)
{
	enum agent_status status = listed_status(l, p);
	char text[2 * SHOWN_TEXT_MAX], used[SHOWN_TEXT_MAX],
	    all[SHOWN_TEXT_MAX];
	bool hello = p->hello.kind == LEASH_HELLO;
	bool fresh = status == AGENT_ONLINE && p->memory_total > 0;
	struct table *t = &l->table;
	const char *version = p->hello.hello.docker_version;

	table_add(t, p->name);
	table_add(t, agent_status_text(status));
	table_add(t, p->last_seen == 0 ? "-" :
	    shown_age(p->last_seen, l->now, text));
	table_add(t, hello ? p->hello.hello.version : "-");
	snprintf(text, sizeof(text), "%.2f", p->load);
	table_add(t, fresh ? text : "-");
	snprintf(text, sizeof(text), "%s / %s",
	    shown_size(p->memory_used, used),
	    shown_size(p->memory_total, all));
	table_add(t, fresh ? text : "-");
	table_add(t, !hello || !p->hello.hello.docker ? "-" :
	    *p->hello.hello.docker_trouble != '\0' ? "no answer" :
	    *version == '\0' ? "shared" : version);
	if (hello)
		add_port_cell(t, p);
	else
		table_add(t, "-");
}

static json_t *
agent_object(const struct listing *l, const struct peer *p)
{
	json_t *agent = agent_json(p, listed_status(l, p),
	    l->call->config->runtime);

	live_add(agent, json_object_get(l->live, p->name));
	return agent;
}

int
agent_list(const struct call *c)
{
	static const char *const head[] = { "NAME", "STATUS", "LAST SEEN",
	    "VERSION", "LOAD", "MEMORY", "DOCKER", "PORTS" };
	static const struct listing_kind agents = {
		.peers = PEER_AGENT,
		.head = head, .columns = sizeof(head) / sizeof(head[0]),
		.row = agent_row, .json = agent_object,
		.none = "There are no agents; \"charon agent add NAME\" "
		    "registers one."
	};

	return listing_run(c, &agents);
}
