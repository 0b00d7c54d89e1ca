/*
 * Answers about every agent there is: thousands of them take some megabytes
 * and some time, so that they are made as the client takes them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "orthrus/base/mem.h"

#include "gateway.h"
#include "http.h"

#define PIECE (32 * 1024)	/* bytes, and then others get their turn */

struct list {
	struct http *http;
	struct http_conn *conn;
	struct evhttp_request *req;
	char *names;			/* each with its NUL */
	size_t at, len;
	bool any;
	http_each *each;
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
	g->len += strlen(a->name) + 1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(struct agent *const *)a)->name,
	    (*(struct agent *const *)b)->name);
}

/* They may go while the list is sent, so that their names are kept. */
static void
take_names(struct list *l, const struct agents *set)
{
	struct gathering g = { NULL, 0, 0 };
	size_t i, n;

	g.agents = xcalloc(agents_count(set) + 1, sizeof(*g.agents));
	agents_each(set, gather, &g);
	qsort(g.agents, g.n, sizeof(*g.agents), by_name);
	l->names = xcalloc(1, g.len + 1);
	for (i = 0; i < g.n; i++) {
		n = strlen(g.agents[i]->name) + 1;
		memcpy(l->names + l->len, g.agents[i]->name, n);
		l->len += n;
	}
	free(g.agents);
}

/* --- telling it --------------------------------------------------- */

static void
on_gone(void *arg)
{
	struct list *l = arg;

	free(l->names);
	free(l);
}

static void
on_written(struct evhttp_connection *evcon, void *arg)
{
	struct list *l = arg;
	struct evbuffer *out = evbuffer_new();
	struct agent *a;

	(void)evcon;
	while (l->at < l->len && evbuffer_get_length(out) < PIECE) {
		a = agents_find(l->http->gateway->agents, l->names + l->at);
		l->at += strlen(l->names + l->at) + 1;
		if (a == NULL)
			continue;
		l->each(a, !l->any, out);
		l->any = true;
	}
	if (l->at < l->len)
		evhttp_send_reply_chunk_with_cb(l->req, out, on_written, l);
	else {
		evbuffer_add(out, l->tail, strlen(l->tail));
		evhttp_send_reply_chunk(l->req, out);
		evhttp_send_reply_end(http_conn_release(l->conn));
		on_gone(l);
	}
	evbuffer_free(out);
}

void
http_list(struct http *h, struct http_conn *c, struct evhttp_request *req,
    const char *type, struct evbuffer *head, http_each *each, const char *tail)
{
	struct list *l;

	if (evhttp_request_get_command(req) == EVHTTP_REQ_HEAD) {
		evbuffer_free(head);
		http_own_headers(req, type);
		evhttp_send_reply(req, 200, NULL, NULL);
		return;
	}
	l = xcalloc(1, sizeof(*l));
	l->http = h;
	l->conn = c;
	l->req = req;
	l->each = each;
	l->tail = tail;
	take_names(l, h->gateway->agents);
	http_conn_hold(c, req, false, on_gone, l);
	http_own_headers(req, type);
	evhttp_send_reply_start(req, 200, NULL);
	evhttp_send_reply_chunk_with_cb(req, head, on_written, l);
	evbuffer_free(head);
}
