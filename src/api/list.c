/* SPDX-License-Identifier: ISC */
/*
 * Answers about every agent there is: thousands of them take some megabytes
 * and some time, so that they are made as the client takes them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"

#include "api_private.h"

/*
 * Bytes that are made in one turn for each client: there may be 256 that ask
 * for a list at once, and others wait for all of them.
 */
#define PIECE (4 * 1024)
#define STEPS 64		/* agents looked at for it, of whom little is said */
#define PIECE_MAX (1024 * 1024)	/* with the text of the last agent in it */
#define READ_SECONDS 5		/* for the client to take some of it */

/*
 * The names of all agents, sorted, each with its NUL: kept because these may
 * go while they are sent, and shared by all who ask before one comes or goes.
 */
struct names {
	unsigned users;
	const struct gateway *gateway;
	uint64_t version;		/* of the gateway's agents */
	size_t len;
	char text[];
};

/* The last one that was made, if somebody still uses it. */
static struct names *last;

struct list {
	struct gateway *gateway;
	struct http_conn *conn;
	struct names *names;
	const struct list_part *part;	/* the one that is being made */
	size_t parts;			/* with those that follow it */
	size_t at;			/* of the names; 0: it begins */
	bool any;
	const char *tail;
};

/* --- which agents ------------------------------------------------- */

struct gathering {
	struct agent **agents;
	size_t n, len;
};

static void
gather_agent(void *arg, struct agent *a)
{
	struct gathering *g = arg;

	g->agents[g->n++] = a;
	g->len += strlen(agent_name(a)) + 1;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(agent_name(*(struct agent *const *)a),
	    agent_name(*(struct agent *const *)b));
}

static struct names *
make_names(const struct gateway *gateway)
{
	struct gathering g = { NULL, 0, 0 };
	struct names *names;
	size_t i, n;

	g.agents = xcalloc(gateway_agents(gateway) + 1,
	    sizeof(struct agent *));
	gateway_each_agent(gateway, gather_agent, &g);
	qsort(g.agents, g.n, sizeof(struct agent *), compare_names);
	names = xcalloc(1, sizeof(*names) + g.len);
	names->gateway = gateway;
	names->version = gateway_agents_version(gateway);
	for (i = 0; i < g.n; i++) {
		n = strlen(agent_name(g.agents[i])) + 1;
		memcpy(names->text + names->len, agent_name(g.agents[i]), n);
		names->len += n;
	}
	free(g.agents);
	return names;
}

static struct names *
take_names(const struct gateway *gateway)
{
	if (last == NULL || last->gateway != gateway ||
	    last->version != gateway_agents_version(gateway))
		last = make_names(gateway);
	last->users++;
	return last;
}

static void
leave_names(struct names *names)
{
	if (--names->users > 0)
		return;
	if (last == names)
		last = NULL;
	free(names);
}

/* --- the answer --------------------------------------------------- */

static void
list_free(void *arg)
{
	struct list *l = arg;

	leave_names(l->names);
	free(l);
}

static void
list_next_part(struct list *l)
{
	l->part++;
	l->parts--;
	l->at = 0;
	l->any = false;
}

/* The next agent, or the end of the part; work counts what others wait for. */
static void
list_step(struct list *l, struct buffer *out)
{
	const struct list_part *part = l->part;
	const char *name = l->names->text + l->at;
	struct agent *a;

	if (l->at == 0 && part->begin != NULL)
		part->begin(part->arg, out);
	if (l->at == l->names->len) {
		list_next_part(l);
		return;
	}
	l->at += strlen(name) + 1;
	if ((a = gateway_agent(l->gateway, name)) == NULL)
		return;
	part->each(part->arg, l->gateway, a, !l->any, out);
	l->any = true;
}

/* Makes the next piece, and then waits until the client has taken it. */
static void
on_list_more(void *arg)
{
	struct list *l = arg;
	struct buffer out;
	size_t steps;
	enum loop_work before = loop_doing(LOOP_LIST);

	list_buffer(&out);
	for (steps = 0; l->parts > 0 && out.len < PIECE && steps < STEPS;
	    steps++)
		list_step(l, &out);
	if (l->parts == 0)
		buffer_put(&out, l->tail, strlen(l->tail));
	http_put(l->conn, buffer_head(&out), out.len);
	buffer_clear(&out);
	if (l->parts > 0)
		http_wait(l->conn);
	else {
		http_end(l->conn);
		list_free(l);
	}
	loop_doing(before);
}

/* Makes no more for a client that does not read; the server ends it. */
static void
on_list_late(void *arg)
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
    struct buffer *head, const struct list_part *parts, size_t n,
    const char *tail)
{
	static const struct http_producer producer = { NULL, on_list_more,
	    on_list_late, list_free };
	enum loop_work before = loop_doing(LOOP_LIST);
	struct list *l = xcalloc(1, sizeof(*l));

	l->gateway = g;
	l->conn = c;
	l->part = parts;
	l->parts = n;
	l->tail = tail;
	http_hold(c, &producer, l, READ_SECONDS);
	http_begin(c, 200, lines);
	http_put(c, buffer_head(head), head->len);
	buffer_clear(head);
	l->names = take_names(g);
	if (http_is_head(c))
		l->parts = 0;
	http_wait(c);
	loop_doing(before);
}
