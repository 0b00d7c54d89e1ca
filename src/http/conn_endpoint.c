/* SPDX-License-Identifier: ISC */
/*
 * One connection as an endpoint of the relay: what it does is put off to an
 * event of its own, so that the relay is never called from inside its own
 * calls.  Slow, silent and vanishing clients are dealt with here.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/relay/relay.h"

#include "conn.h"

#define READ_SECONDS 5		/* between two looks at a slow reader */
#define READ_LEAST 4096		/* bytes it is to have read by the next look */
#define READ_TRIES 12		/* looks without that, then it is cut off */
#define GONE_MS 250		/* between two looks at a stream's client that
				   has ended its side */
#define LONG_SECONDS 300	/* an answer that may take so long counts as
				   one that lasts */
#define OUT_MAX (64 * 1024 * 1024)	/* unread bytes of one answer */

/* --- steps -------------------------------------------------------- */

/*
 * The client has ended its side during an answer, and we shall not hear of it
 * again.  Most often it has gone.  Where the relay knows that it still reads,
 * it is looked at again soon; else its answer is ended.
 */
static void
look_after_client(struct http_conn *c)
{
	int reads = c->ep.relay == NULL ? 0 : relay_peer_reads(&c->ep);

	if (conn_is_stream(c) ? reads != 1 : reads == 0)
		conn_break_off(c);
	else if (conn_is_stream(c))
		timer_set(c->timer, GONE_MS);
}

/* Is an answer being made for which the client may wait very long? */
static bool
answer_may_last(const struct http_conn *c)
{
	return c->producer != NULL &&
	    (c->seconds == 0 || c->seconds >= LONG_SECONDS);
}

static void
conn_step(struct http_conn *c)
{
	/*
	 * While the buffer is full, the client's end is not read.  An answer
	 * that lasts would go on for somebody who has left.
	 */
	if (c->state == CONN_BUSY && c->in.len == c->in.max &&
	    answer_may_last(c))
		conn_break_off(c);
	if (c->state == CONN_IDLE && (c->in.len > 0 || c->ended) &&
	    c->out.len < HTTP_OUT_HIGH)
		conn_read_request(c);
	else if (c->state == CONN_BODY)
		conn_read_body(c);
	else if (c->state == CONN_BUSY && c->ended)
		look_after_client(c);
	if (c->waits && c->out.len < OUT_LOW) {
		c->waits = false;
		c->producer->more(c->arg);
	}
	if (c->want_read && c->ep.relay != NULL &&
	    (c->out.len > 0 || c->state == CONN_CLOSING))
		relay_readable(&c->ep);
	if (!c->closed && c->want_write && c->ep.relay != NULL)
		relay_writable(&c->ep);
	conn_recount(c);
}

static void
on_conn_work(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_HTTP);
	if (!c->closed)
		conn_step(c);
}

/*
 * Looks how much the client has read since the last look.  A small answer it
 * may leave unread, as a pager does; one who takes next to nothing of a large
 * answer for a minute is cut off.
 */
static void
wait_for_reader(struct http_conn *c)
{
	bool small = c->state != CONN_CLOSING &&
	    c->out.len <= c->server->service->unhurried;

	if (c->out.len + READ_LEAST <= c->left || c->left == 0)
		c->stuck = 0;
	else if (!small && ++c->stuck >= READ_TRIES) {
		if (c->ep.relay != NULL)
			relay_abort(c->ep.relay);
		return;
	}
	c->left = c->out.len;
	conn_set_timer(c, READ_SECONDS);
}

static void
on_conn_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	if (!conn_is_stream(c) && c->out.len >= OUT_LOW) {
		wait_for_reader(c);
		return;
	}
	switch (c->state) {
	case CONN_IDLE:
		if (c->in.len > 0)
			conn_refuse(c, 408, false, "the request's head did not "
			    "come within 10 s");
		else
			conn_close_soon(c);
		break;
	case CONN_BODY:
		conn_refuse(c, 408, false, "the request's body did not come "
		    "within 10 s");
		break;
	case CONN_BUSY:
		if (conn_is_stream(c))
			look_after_client(c);
		else
			c->producer->late(c->arg);
		break;
	case CONN_CLOSING:
		if (c->out.len > 0)
			wait_for_reader(c);
		else if (c->ep.relay != NULL)
			relay_abort(c->ep.relay);
		break;
	}
}

/* --- what the relay asks ------------------------------------------ */

static ssize_t
conn_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct http_conn *c = (struct http_conn *)ep;

	if (c->out.len > 0) {
		*p = buffer_head(&c->out);
		return (ssize_t)(c->out.len < max ? c->out.len : max);
	}
	if (c->state == CONN_CLOSING && !c->broken)
		return 0;
	errno = c->broken ? ECONNRESET : EAGAIN;
	return -1;
}

static void
conn_consume(struct endpoint *ep, size_t n)
{
	struct http_conn *c = (struct http_conn *)ep;

	buffer_drop(&c->out, n);
	conn_recount(c);
	if (c->out.len < OUT_LOW) {
		/* The next piece is made when others have had their turn. */
		if (c->waits)
			timer_set(c->work, 0);
		/* The timer was the slow reader's: now it is the state's. */
		if (c->left > 0 && c->state == CONN_IDLE)
			conn_set_timer(c, IDLE_SECONDS);
		else if (c->left > 0 && c->state == CONN_BUSY &&
		    c->seconds > 0)
			conn_set_timer(c, c->seconds);
		c->left = 0;
	}
	if (c->state == CONN_CLOSING || (c->state == CONN_IDLE &&
	    (c->in.len > 0 || c->ended)))
		conn_soon(c);
}

static size_t
conn_room(struct endpoint *ep)
{
	struct http_conn *c = (struct http_conn *)ep;

	return c->state == CONN_CLOSING ? SIZE_MAX : c->in.max - c->in.len;
}

static ssize_t
conn_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct http_conn *c = (struct http_conn *)ep;

	if (c->state == CONN_CLOSING)	/* so that our last words arrive */
		return (ssize_t)n;
	if (n > c->in.max - c->in.len)
		n = c->in.max - c->in.len;
	if (n == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (c->in.len == 0 && c->state == CONN_IDLE)
		conn_set_timer(c, HEAD_SECONDS);
	buffer_put(&c->in, p, n);
	conn_soon(c);
	return (ssize_t)n;
}

static int
conn_finish(struct endpoint *ep)
{
	struct http_conn *c = (struct http_conn *)ep;

	c->ended = true;
	conn_soon(c);
	return 0;
}

static void
conn_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct http_conn *c = (struct http_conn *)ep;

	c->want_read = readable;
	c->want_write = writable;
	if ((readable && (c->out.len > 0 || c->state == CONN_CLOSING)) ||
	    (writable && conn_room(ep) > 0))
		conn_soon(c);
}

static void
conn_finalize(struct event *ev, void *arg)
{
	struct http_conn *c = arg;

	(void)ev;
	event_free(c->timer);
	free(c);
}

static void
conn_close(struct endpoint *ep, bool aborted)
{
	struct http_conn *c = (struct http_conn *)ep;
	struct http_server *s = c->server;

	(void)aborted;
	c->closed = true;
	conn_release(c, true);
	conn_drop_kept(c);
	buffer_clear(&c->in);
	buffer_clear(&c->out);
	conn_recount(c);
	LIST_REMOVE(c, next);
	s->nconns--;
	event_del(c->timer);
	event_del(c->work);
	event_free_finalize(0, c->work, conn_finalize);
	if (s->service->closed != NULL)
		s->service->closed(s->arg);
}

static const struct endpoint_ops conn_ops = {
	conn_peek, conn_consume, conn_room, conn_write, conn_finish,
	conn_watch, conn_close, NULL
};

/* --- life --------------------------------------------------------- */

struct http_conn *
conn_new(struct http_server *s, struct account *payer)
{
	struct http_conn *c = xcalloc(1, sizeof(*c));

	c->ep.ops = &conn_ops;
	c->server = s;
	c->payer = payer;
	buffer_init(&c->in, HTTP_HEAD_MAX);
	buffer_init(&c->out, OUT_MAX);
	c->work = evtimer_new(s->base, on_conn_work, c);
	c->timer = deadline_new(s->base, on_conn_timer, c);
	conn_set_timer(c, HEAD_SECONDS);
	LIST_INSERT_HEAD(&s->conns, c, next);
	s->nconns++;
	conn_recount(c);
	return c;
}
