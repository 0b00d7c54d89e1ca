/* SPDX-License-Identifier: ISC */
/* See endpoint.h. */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/relay/relay.h"
#include "orthrus/transport/endpoint.h"

struct transport_endpoint {
	struct endpoint ep;	/* first */
	struct transport *t;
	struct event *readable, *writable;
	bool reading, writing;	/* the relay wants to be told */
	bool finishing;		/* when what it holds is gone */
	size_t peeked;		/* bytes of scratch that are this one's */
	struct buffer in;	/* read before, not taken by the other side */
};

/*
 * All of them share one space: there is one thread, and peeked bytes are valid
 * until the next peek().
 */
static uint8_t scratch[64 * 1024];

static ssize_t
end_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct transport_endpoint *s = (struct transport_endpoint *)ep;
	ssize_t n;

	if (s->in.len > 0) {
		*p = buffer_head(&s->in);
		return (ssize_t)(s->in.len < max ? s->in.len : max);
	}
	n = transport_read(s->t, scratch, max < sizeof(scratch) ? max :
	    sizeof(scratch));
	if (n > 0) {
		s->peeked = (size_t)n;
		*p = scratch;
	}
	return n;
}

static void
end_consume(struct endpoint *ep, size_t n)
{
	struct transport_endpoint *s = (struct transport_endpoint *)ep;

	if (s->peeked == 0) {
		buffer_drop(&s->in, n);
		return;
	}
	if (n < s->peeked)
		buffer_put(&s->in, scratch + n, s->peeked - n);
	s->peeked = 0;
}

static size_t
end_room(struct endpoint *ep)
{
	(void)ep;
	return SIZE_MAX;
}

/* What is here already causes no event of the descriptor. */
static void
watch_events(struct transport_endpoint *s)
{
	if (s->reading)
		event_add(s->readable, NULL);
	else
		event_del(s->readable);
	if (s->writing || transport_holds_output(s->t))
		event_add(s->writable, NULL);
	else
		event_del(s->writable);
	if (s->reading && (s->in.len > 0 || transport_holds_input(s->t)))
		event_active(s->readable, EV_READ, 0);
}

static ssize_t
end_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct transport_endpoint *s = (struct transport_endpoint *)ep;
	ssize_t sent = transport_write(s->t, p, n);

	if (transport_holds_output(s->t))
		event_add(s->writable, NULL);
	return sent;
}

static int
end_finish(struct endpoint *ep)
{
	struct transport_endpoint *s = (struct transport_endpoint *)ep;

	s->finishing = transport_holds_output(s->t);
	return s->finishing ? 0 : transport_finish(s->t);
}

static void
end_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct transport_endpoint *s = (struct transport_endpoint *)ep;

	s->reading = readable;
	s->writing = writable;
	watch_events(s);
}

static void
end_finalize(struct event *ev, void *arg)
{
	struct transport_endpoint *s = arg;

	(void)ev;
	event_free(s->writable);
	free(s);
}

static void
end_close(struct endpoint *ep, bool aborted)
{
	static const struct linger reset = { 1, 0 };
	struct transport_endpoint *s = (struct transport_endpoint *)ep;

	event_del(s->readable);
	event_del(s->writable);
	buffer_clear(&s->in);
	if (aborted)
		setsockopt(s->t->fd, SOL_SOCKET, SO_LINGER, &reset,
		    sizeof(reset));
	transport_free(s->t);
	s->t = NULL;
	/* The memory is freed when none of its callbacks can be under way. */
	event_free_finalize(0, s->readable, end_finalize);
}

static const struct endpoint_ops end_ops = {
	end_peek, end_consume, end_room, end_write, end_finish, end_watch,
	end_close, NULL
};

static void
on_end_readable(evutil_socket_t fd, short what, void *arg)
{
	struct transport_endpoint *s = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_STREAM);
	if (s->ep.relay != NULL)
		relay_readable(&s->ep);
}

/* Sends what the transport itself holds before anything else. */
static void
flush_transport(struct transport_endpoint *s)
{
	if (transport_holds_output(s->t))
		transport_write(s->t, NULL, 0);
	if (transport_holds_output(s->t))
		return;
	if (s->finishing)
		transport_finish(s->t);
	s->finishing = false;
	watch_events(s);
}

static void
on_end_writable(evutil_socket_t fd, short what, void *arg)
{
	struct transport_endpoint *s = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_STREAM);
	flush_transport(s);
	if (s->writing && s->ep.relay != NULL)
		relay_writable(&s->ep);
}

struct endpoint *
transport_endpoint_new(struct event_base *base, struct transport *t)
{
	struct transport_endpoint *s = xcalloc(1, sizeof(*s));

	s->ep.ops = &end_ops;
	s->t = t;
	s->readable = event_new(base, t->fd, EV_READ | EV_PERSIST,
	    on_end_readable, s);
	s->writable = event_new(base, t->fd, EV_WRITE | EV_PERSIST,
	    on_end_writable, s);
	buffer_init(&s->in, sizeof(scratch));
	return &s->ep;
}
