/* SPDX-License-Identifier: ISC */
/* See get.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/http/get.h"
#include "orthrus/http/reader.h"
#include "orthrus/http/upstream.h"

#define PIECE (64 * 1024)	/* that is read at a time */

struct http_get {
	struct http_upstream *upstream;
	struct http_reader reader;
	struct buffer body;
	struct event *timer;		/* its time is up, or it is over */
	const char *why;		/* there is no answer */
	http_got *got;
	void *arg;
};

/* Has the timer tell of the end, because the relay may be on the stack. */
static void
get_settle(struct http_get *g, const char *why)
{
	g->why = why;
	timer_set(g->timer, 0);
}

static size_t
on_get_room(void *arg)
{
	struct http_get *g = arg;

	return g->reader.done || g->why != NULL ? 0 : PIECE;
}

static void
on_get_data(void *arg, const uint8_t *p, size_t n)
{
	struct http_get *g = arg;
	const char *why = NULL;
	const uint8_t *data;
	size_t len;
	long used;

	while (n > 0 && !g->reader.done) {
		used = http_reader_feed(&g->reader, p, n, &data, &len, &why);
		if (used == -1) {
			get_settle(g, why);
			return;
		}
		if (buffer_put(&g->body, data, len) == -1) {
			get_settle(g, "an answer that is too long");
			return;
		}
		p += used;
		n -= (size_t)used;
	}
	if (g->reader.done)
		get_settle(g, NULL);
}

static void
on_get_lost(void *arg, const char *why)
{
	struct http_get *g = arg;

	if (!g->reader.done && g->why == NULL)
		get_settle(g, why);
}

static void
on_get_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_get *g = arg;
	http_got *got = g->got;
	void *to = g->arg;
	struct buffer body = g->body;
	int status = g->why == NULL && g->reader.done ?
	    g->reader.answer.status : 0;
	const char *why = status != 0 ? NULL : g->why != NULL ? g->why :
	    "it does not answer";

	(void)fd;
	(void)what;
	buffer_init(&g->body, 0);
	http_get_cancel(g);
	got(to, status, buffer_head(&body), body.len, why);
	buffer_clear(&body);
}

struct http_get *
http_get_start(struct event_base *base, const struct http_way *way,
    const char *request, size_t max, unsigned seconds, http_got *got,
    void *arg)
{
	static const struct http_upstream_events events = { on_get_room,
	    on_get_data, on_get_lost };
	struct http_get *g = xcalloc(1, sizeof(*g));

	g->got = got;
	g->arg = arg;
	http_reader_init(&g->reader, strncmp(request, "HEAD ", 5) == 0);
	buffer_init(&g->body, max);
	g->timer = deadline_new(base, on_get_timer, g);
	timer_set(g->timer, seconds * 1000);
	g->upstream = http_upstream_new(base, way, &events, g);
	http_upstream_send(g->upstream, request, strlen(request));
	return g;
}

void
http_get_cancel(struct http_get *g)
{
	if (g == NULL)
		return;
	http_upstream_free(g->upstream);
	http_reader_clear(&g->reader);
	buffer_clear(&g->body);
	event_del(g->timer);
	event_free_finalize(0, g->timer, event_free_arg);
}
