/* SPDX-License-Identifier: ISC */
/*
 * Answers about every agent there is: thousands of them take some megabytes
 * and some time, so that they are made as the client takes them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"

#include "api_private.h"

#define PIECE (32 * 1024)	/* bytes, and then others get their turn */
#define PIECE_MAX (1024 * 1024)	/* with the last agent's, which is long */
#define READ_SECONDS 5		/* and then a client counts as slow */

struct list {
	struct gateway *gateway;
	struct http_conn *conn;
	char *names;			/* each with its NUL */
	size_t at, len;
	bool any;
	list_each *each;
	const char *tail;
};

/* --- who is to be told of ----------------------------------------- */

struct gathering {
	struct agent **agents;
	size_t n, len;
};

static void
gather(void *arg, struct agent *a)
{
	struct gathering *g = arg;

	g->agents[g->n++] = a;
	g->len += strlen(agent_name(a)) + 1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(agent_name(*(struct agent *const *)a),
	    agent_name(*(struct agent *const *)b));
}

/* They may go while the list is sent, so that their names are kept. */
static void
take_names(struct list *l)
{
	struct gathering g = { NULL, 0, 0 };
	size_t i, n;

	g.agents = xcalloc(gateway_agents(l->gateway) + 1,
	    sizeof(struct agent *));
	gateway_each_agent(l->gateway, gather, &g);
	qsort(g.agents, g.n, sizeof(struct agent *), by_name);
	l->names = xcalloc(1, g.len + 1);
	for (i = 0; i < g.n; i++) {
		n = strlen(agent_name(g.agents[i])) + 1;
		memcpy(l->names + l->len, agent_name(g.agents[i]), n);
		l->len += n;
	}
	free(g.agents);
}

/* --- telling it --------------------------------------------------- */

static void
list_free(void *arg)
{
	struct list *l = arg;

	free(l->names);
	free(l);
}

static void
on_more(void *arg)
{
	struct list *l = arg;
	struct buffer out;
	struct agent *a;

	list_buffer(&out);
	while (l->at < l->len && out.len < PIECE) {
		a = gateway_agent(l->gateway, l->names + l->at);
		l->at += strlen(l->names + l->at) + 1;
		if (a == NULL)
			continue;
		l->each(l->gateway, a, !l->any, &out);
		l->any = true;
	}
	if (l->at == l->len)
		buffer_put(&out, l->tail, strlen(l->tail));
	http_put(l->conn, buffer_head(&out), out.len);
	buffer_clear(&out);
	if (l->at < l->len)
		http_wait(l->conn);
	else {
		http_end(l->conn);
		list_free(l);
	}
}

/* Nothing is ever late here but the client. */
static void
on_late(void *arg)
{
	http_wait(((struct list *)arg)->conn);
}

void
list_buffer(struct buffer *out)
{
	buffer_init(out, PIECE_MAX);
}

void
list_answer(struct gateway *g, struct http_conn *c, const char *lines,
    struct buffer *head, list_each *each, const char *tail)
{
	static const struct http_producer producer = { NULL, on_more, on_late,
	    list_free };
	struct list *l = xcalloc(1, sizeof(*l));

	l->gateway = g;
	l->conn = c;
	l->each = each;
	l->tail = tail;
	http_hold(c, &producer, l, READ_SECONDS);
	http_begin(c, 200, lines);
	http_put(c, buffer_head(head), head->len);
	buffer_clear(head);
	if (!http_is_head(c))
		take_names(l);
	http_wait(c);
}
