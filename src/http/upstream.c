/* SPDX-License-Identifier: ISC */
/* See upstream.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/http/upstream.h"
#include "orthrus/relay/relay.h"

#define REQUEST_MAX (64 * 1024)		/* a target and some headers */

struct http_upstream {
	struct endpoint ep;		/* first */
	const struct http_way *way;
	void *handle;			/* of way's attempt, NULL: joined */
	struct http_upstream_events events;
	void *arg;
	struct event *work;		/* soon: tells the relay, or of a loss */
	struct buffer out;
	bool asked;			/* an answer is due */
	bool wants_more;		/* the relay waits for bytes of ours */
	bool wants_room;
	bool freed;
	bool over;			/* it is lost */
	const char *why;
};

static void
upstream_soon(struct http_upstream *u)
{
	event_active(u->work, EV_TIMEOUT, 0);
}

static void
upstream_lose(struct http_upstream *u, const char *why)
{
	if (u->over || u->freed)
		return;
	u->over = true;
	u->why = why;
	upstream_soon(u);
}

/* --- what the relay asks ------------------------------------------ */

static ssize_t
upstream_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct http_upstream *u = (struct http_upstream *)ep;

	if (u->out.len == 0) {
		errno = EAGAIN;
		return -1;
	}
	*p = buffer_head(&u->out);
	return (ssize_t)(u->out.len < max ? u->out.len : max);
}

static void
upstream_consume(struct endpoint *ep, size_t n)
{
	buffer_drop(&((struct http_upstream *)ep)->out, n);
}

/*
 * While nothing is asked there is room, so that a server that speaks all the
 * same is noticed.
 */
static size_t
upstream_room(struct endpoint *ep)
{
	struct http_upstream *u = (struct http_upstream *)ep;

	return u->asked && !u->over ? u->events.room(u->arg) : SIZE_MAX;
}

static ssize_t
upstream_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct http_upstream *u = (struct http_upstream *)ep;
	size_t room = upstream_room(ep);

	if (room == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (n > room) {
		n = room;
		upstream_soon(u);	/* asks for room again */
	}
	if (!u->asked)
		upstream_lose(u, "bytes that nobody asked for");
	else if (!u->over)
		u->events.data(u->arg, p, n);
	return (ssize_t)n;
}

static int
upstream_finish(struct endpoint *ep)
{
	struct http_upstream *u = (struct http_upstream *)ep;

	upstream_lose(u, u->asked ? "it closed the connection" : NULL);
	return 0;
}

static void
upstream_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct http_upstream *u = (struct http_upstream *)ep;

	u->handle = NULL;
	u->wants_more = readable;
	u->wants_room = writable;
	if (readable && u->out.len > 0)
		upstream_soon(u);
}

static void
upstream_close(struct endpoint *ep, bool aborted)
{
	struct http_upstream *u = (struct http_upstream *)ep;

	(void)aborted;
	upstream_lose(u, "the connection broke");
	if (u->freed)
		event_free_finalize(0, u->work, event_free_arg);
}

static const struct endpoint_ops upstream_ops = {
	upstream_peek, upstream_consume, upstream_room, upstream_write,
	upstream_finish, upstream_watch, upstream_close, NULL
};

static void
on_upstream_work(evutil_socket_t fd, short what, void *arg)
{
	struct http_upstream *u = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_HTTP);
	if (u->freed)
		return;
	if (u->over) {
		u->events.lost(u->arg, u->why);
		return;
	}
	if (u->ep.relay != NULL && u->wants_more && u->out.len > 0)
		relay_readable(&u->ep);
	if (u->ep.relay != NULL && u->wants_room && upstream_room(&u->ep) > 0)
		relay_writable(&u->ep);
}

/* --- what its owner asks ------------------------------------------ */

static void
on_upstream_failed(struct endpoint *ep, const char *why)
{
	struct http_upstream *u = (struct http_upstream *)ep;

	u->handle = NULL;
	upstream_lose(u, why);
}

struct http_upstream *
http_upstream_new(struct event_base *base, const struct http_way *way,
    const struct http_upstream_events *events, void *arg)
{
	struct http_upstream *u = xcalloc(1, sizeof(*u));

	u->ep.ops = &upstream_ops;
	u->way = way;
	u->events = *events;
	u->arg = arg;
	buffer_init(&u->out, REQUEST_MAX);
	u->work = evtimer_new(base, on_upstream_work, u);
	u->handle = way->connect(way->arg, &u->ep, on_upstream_failed);
	return u;
}

void
http_upstream_free(struct http_upstream *u)
{
	if (u == NULL)
		return;
	u->freed = true;
	buffer_clear(&u->out);
	event_del(u->work);
	if (u->handle != NULL)
		u->way->cancel(u->handle);
	/* A relay that is on the stack closes us when it returns. */
	if (u->ep.relay != NULL)
		relay_abort(u->ep.relay);
	else
		event_free_finalize(0, u->work, event_free_arg);
}

void
http_upstream_send(struct http_upstream *u, const char *p, size_t n)
{
	u->asked = true;
	if (buffer_put(&u->out, p, n) == -1)
		upstream_lose(u, "the request is too long");
	else
		upstream_soon(u);
}

void
http_upstream_rest(struct http_upstream *u)
{
	u->asked = false;
}

bool
http_upstream_is_quiet(struct http_upstream *u)
{
	/* Reads what has arrived: the server's end, or bytes not due. */
	if (u->ep.relay != NULL && !u->asked)
		relay_writable(&u->ep);
	return u->ep.relay != NULL && !u->asked && !u->over;
}

void
http_upstream_resume(struct http_upstream *u)
{
	if (u->ep.relay != NULL && u->wants_room)
		relay_writable(&u->ep);
}
