/* SPDX-License-Identifier: ISC */
/* "charon agent list": everybody's status, as a table or as JSON. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "orthrus/registry/describe.h"

#include "cli.h"

#define PORTS_SHOWN 6

struct list {
	const struct call *call;
	bool served;
	int64_t now;
	struct table table;
	json_t *json;			/* NULL: the table */
};

/* The first few ports, and how many more there are. */
static void
add_ports(struct table *t, const struct peer *p)
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

/* Load and memory of one that is not online say nothing any more. */
static void
add_row(struct list *l, const struct peer *p, enum agent_status status)
{
	char text[2 * TIME_TEXT_MAX], used[TIME_TEXT_MAX], all[TIME_TEXT_MAX];
	bool hello = p->hello.kind == LEASH_HELLO;
	bool fresh = status == AGENT_ONLINE && p->memory_total > 0;
	struct table *t = &l->table;
	const char *version = p->hello.hello.docker_version;

	table_add(t, p->name);
	table_add(t, agent_status_text(status));
	table_add(t, p->last_seen == 0 ? "-" :
	    age_text(p->last_seen, l->now, text));
	table_add(t, hello ? p->hello.hello.version : "-");
	snprintf(text, sizeof(text), "%.2f", p->load);
	table_add(t, fresh ? text : "-");
	snprintf(text, sizeof(text), "%s/%s",
	    bytes_text(p->memory_used, used),
	    bytes_text(p->memory_total, all));
	table_add(t, fresh ? text : "-");
	table_add(t, !hello || !p->hello.hello.docker ? "-" :
	    *version == '\0' ? "shared" : version);
	if (hello)
		add_ports(t, p);
	else
		table_add(t, "-");
}

static void
on_peer(void *arg, const struct peer *p)
{
	struct list *l = arg;
	const struct gateway_config *config = l->call->config;
	enum agent_status status;

	if (p->kind != PEER_AGENT)
		return;
	status = agent_status(p, l->served, config->timeout, l->now);
	if (l->json == NULL)
		add_row(l, p, status);
	else
		json_array_append_new(l->json, agent_json(p, status,
		    config->runtime));
}

static int
print(struct list *l)
{
	if (l->json != NULL) {
		json_dumpf(l->json, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (l->table.n > l->table.columns)
		table_print(&l->table, stdout);
	else
		fprintf(stderr, "There are no agents; \"charon agent add "
		    "NAME\" registers one.\n");
	return call_end(l->call);
}

int
agent_list(const struct call *c)
{
	static const char *const head[] = { "NAME", "STATUS", "LAST SEEN",
	    "VERSION", "LOAD", "MEMORY", "DOCKER", "PORTS" };
	struct list l = { .call = c, .now = time(NULL),
	    .table = { .columns = sizeof(head) / sizeof(head[0]) } };
	struct error e;
	struct state *s = state_open(c->config, false, &e);
	size_t i;
	int code;

	if (s == NULL)
		return call_fail(c, &e);
	l.served = state_is_served(s);
	if (c->json)
		l.json = json_array();
	for (i = 0; i < l.table.columns; i++)
		table_add(&l.table, head[i]);
	if (registry_each(s->registry, on_peer, &l, &e) == -1)
		code = call_fail(c, &e);
	else
		code = print(&l);
	json_decref(l.json);
	table_free(&l.table);
	state_close(s);
	return code;
}
