/* SPDX-License-Identifier: ISC */
/* Agents as the HTTP API shows them: all, and one. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/base/mem.h"

#include "api_private.h"

/* With the names and units that "orthrus status --json" has. */
static json_t *
link_json(const struct agent_view *v)
{
	char since[TIME_TEXT_MAX];
	bool now = *v->transport != '\0';

	return json_pack("{s:o, s:o, s:I, s:I, s:I}",
	    "transport", now ? json_string(v->transport) : json_null(),
	    "since", now ? json_string(time_text(v->linked, since)) :
		json_null(),
	    "resumed", (json_int_t)v->resumed,
	    "parked", (json_int_t)v->parked_ms,
	    "resent_bytes", (json_int_t)v->resent);
}

static json_t *
session_json(const struct agent_view *v)
{
	char since[TIME_TEXT_MAX];

	if (v->from == NULL)
		return json_null();
	return json_pack("{s:s, s:s, s:o}", "since", time_text(v->since, since),
	    "peer", v->from, "link", link_json(v));
}

static json_t *
describe_agent(const struct agent *a, const char *runtime)
{
	static struct agent_view v;	/* with a Hello: large */
	json_t *o;

	agent_view(a, &v);
	o = agent_json(&v.peer, v.status, runtime);
	json_object_set_new(json_object_get(o, "docker"), "tcp",
	    v.docker_tcp == 0 ? json_null() :
	    json_sprintf("127.0.0.1:%u", (unsigned)v.docker_tcp));
	json_object_set_new(o, "session", session_json(&v));
	return o;
}

static int
append_json(const char *text, size_t n, void *out)
{
	return buffer_put(out, text, n);
}

static void
write_agent_json(const void *arg, const struct gateway *g, struct agent *a,
    bool first, struct buffer *out)
{
	json_t *o = describe_agent(a, gateway_runtime(g));

	(void)arg;
	buffer_put(out, ",\n", first ? 0 : 2);
	json_dump_callback(o, append_json, out, JSON_COMPACT);
	json_decref(o);
}

void
answer_agents(struct gateway *g, struct http_conn *c)
{
	static const struct list_part part = { NULL, write_agent_json, NULL };
	struct buffer head;

	list_buffer(&head);
	buffer_put(&head, "[", 1);
	list_answer(g, c, API_JSON, &head, &part, 1, "]\n");
}

void
answer_agent(struct gateway *g, struct http_conn *c, struct agent *a)
{
	json_t *o = describe_agent(a, gateway_runtime(g));
	char *text = json_dumps(o, JSON_INDENT(2)), *line;

	line = xasprintf("%s\n", text);
	http_reply(c, 200, API_JSON, line, strlen(line));
	free(line);
	free(text);
	json_decref(o);
}
