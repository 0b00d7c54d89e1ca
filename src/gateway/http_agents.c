/* Agents as the HTTP API shows them: all, and one. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <jansson.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/registry/describe.h"

#include "gateway.h"
#include "http.h"

#define JSON "application/json"

/* What it listens on without a Hello that says so, as ssh -R does. */
static void
add_ports(const struct agent *a, struct leash_message *hello)
{
	size_t i, k, told = hello->hello.nports;
	uint16_t port;

	for (i = 0; i < a->nports; i++) {
		port = agent_endpoint_port(a->ports[i]);
		for (k = 0; k < told && hello->hello.ports[k].port != port; k++)
			;
		if (k < told || hello->hello.nports == LEASH_PORTS_MAX)
			continue;
		k = hello->hello.nports++;
		hello->hello.ports[k].port = port;
		hello->hello.ports[k].name[0] = '\0';
	}
}

static void
fill(const struct agent *a, struct peer *p)
{
	memcpy(p->name, a->name, sizeof(p->name));
	p->created = a->created;
	p->enrolled = a->enrolled;
	p->docker_port = a->docker_port;
	p->last_seen = a->last_seen;
	p->load = a->load;
	p->memory_used = a->memory_used;
	p->memory_total = a->memory_total;
	agent_facts(a, &p->hello);
	if (p->hello.kind != LEASH_HELLO && a->nports > 0) {
		memset(&p->hello, 0, sizeof(p->hello));
		p->hello.kind = LEASH_HELLO;
	}
	if (p->hello.kind == LEASH_HELLO)
		add_ports(a, &p->hello);
}

/* Of when it logged in there is only the monotonic time. */
static json_t *
session_json(const struct session *s)
{
	char since[TIME_TEXT_MAX];
	int64_t ago;

	if (s == NULL)
		return json_null();
	ago = (int64_t)(clock_ms() - s->since) / 1000;
	return json_pack("{s:s, s:s}", "since",
	    time_text((int64_t)time(NULL) - ago, since), "peer",
	    inbound_peer(s->in));
}

static json_t *
describe(const struct agent *a)
{
	static struct peer p;
	uint16_t tcp = agent_endpoint_tcp(a->docker);
	json_t *o;

	fill(a, &p);
	o = agent_json(&p, a->session != NULL ? AGENT_ONLINE :
	    a->last_seen != 0 ? AGENT_OFFLINE : AGENT_PENDING,
	    a->gateway->runtime);
	json_object_set_new(json_object_get(o, "docker"), "tcp", tcp == 0 ?
	    json_null() : json_sprintf("127.0.0.1:%u", (unsigned)tcp));
	json_object_set_new(o, "session", session_json(a->session));
	return o;
}

static int
append(const char *text, size_t n, void *out)
{
	return evbuffer_add(out, text, n);
}

static void
write_agent(struct agent *a, bool first, struct evbuffer *out)
{
	json_t *o = describe(a);

	evbuffer_add(out, ",\n", first ? 0 : 2);
	json_dump_callback(o, append, out, JSON_COMPACT);
	json_decref(o);
}

void
http_agents(struct http *h, struct http_conn *c, struct evhttp_request *req)
{
	struct evbuffer *head = evbuffer_new();

	evbuffer_add(head, "[", 1);
	http_list(h, c, req, JSON, head, write_agent, "]\n");
}

void
http_agent(struct evhttp_request *req, struct agent *a)
{
	json_t *o = describe(a);
	char *text = json_dumps(o, JSON_INDENT(2)), *line;

	line = xasprintf("%s\n", text);
	http_say(req, 200, JSON, line);
	free(line);
	free(text);
	json_decref(o);
}
