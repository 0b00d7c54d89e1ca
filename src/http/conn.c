/* SPDX-License-Identifier: ISC */
/*
 * One connection: reads a request, has it answered, and again.  To the relay
 * it is an endpoint; what it does is put off to an event of its own, so that
 * the relay is never called from inside its own calls.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/relay/relay.h"

#include "conn.h"

#define BODY_SECONDS 10		/* for its body */
#define IDLE_SECONDS 60		/* between two requests */
#define CLOSE_SECONDS 2		/* for the client to see our end */
#define READ_SECONDS 5		/* between two looks at a slow reader */
#define READ_LEAST 4096		/* bytes it is to have read by the next look */
#define READ_TRIES 12		/* looks without that, then it is cut off */
#define GONE_MS 250		/* between two looks at a stream's client that
				   has ended its side */
#define LONG_SECONDS 300	/* an answer that may take so long counts as
				   one that lasts */
#define OUT_MAX (64 * 1024 * 1024)	/* unread bytes of one answer */

void
conn_soon(struct http_conn *c)
{
	if (!c->closed)
		event_active(c->work, EV_TIMEOUT, 0);
}

void
conn_set_timer(struct http_conn *c, unsigned seconds)
{
	timer_set(c->timer, seconds * 1000);
}

bool
conn_is_stream(const struct http_conn *c)
{
	return c->producer != NULL && c->seconds == 0;
}

/*
 * Counts an answer's bytes that are kept elsewhere, and those that the client
 * has not read where they are many.  The sum of all connections has a limit.
 */
void
conn_recount(struct http_conn *c)
{
	size_t now = c->elsewhere;

	if (c->out.len > 4 * HTTP_OUT_HIGH)
		now += c->out.len;
	c->server->held += now - c->held;
	c->held = now;
}

/* --- the end of a request, and of the connection ------------------ */

static void
conn_drop_body(struct http_conn *c)
{
	if (c->body == NULL)
		return;
	buffer_clear(&c->body->data);
	free(c->body);
	c->body = NULL;
}

/* Ends the answer at hand; its producer hears of it where that is gone. */
void
conn_release(struct http_conn *c, bool gone)
{
	const struct http_producer *p = c->producer;

	conn_drop_body(c);
	if (p == NULL)
		return;
	c->producer = NULL;
	c->waits = false;
	c->elsewhere = 0;
	conn_recount(c);
	c->server->nholds--;
	if (gone)
		p->gone(c->arg);
}

void
conn_drop_kept(struct http_conn *c)
{
	struct http_kept *k = c->kept;

	if (k == NULL)
		return;
	http_unkeep(k);
	k->dropped(k);
}

static void
conn_close_soon(struct http_conn *c)
{
	conn_release(c, true);
	conn_drop_kept(c);
	buffer_clear(&c->in);
	c->state = CONN_CLOSING;
	conn_set_timer(c, CLOSE_SECONDS);
	conn_soon(c);
}

/* Ends the connection so that what was sent does not look whole. */
void
conn_break_off(struct http_conn *c)
{
	c->broken = true;
	conn_close_soon(c);
}

static void
conn_be_idle(struct http_conn *c)
{
	const struct http_server *s = c->server;

	c->state = CONN_IDLE;
	c->seen = 0;
	conn_set_timer(c, c->in.len > 0 ? HEAD_SECONDS :
	    s->nconns >= s->service->conns_max ? FULL_SECONDS : IDLE_SECONDS);
}

void
conn_next_request(struct http_conn *c)
{
	conn_release(c, false);
	if (c->last) {
		conn_close_soon(c);
		return;
	}
	conn_be_idle(c);
	conn_soon(c);
}

/* --- requests ----------------------------------------------------- */

/*
 * Answers what is no request.  What follows it is not read, because it could
 * pass for one.
 */
void
conn_refuse(struct http_conn *c, int status, bool body, const char *why)
{
	status = c->server->service->refused(c->server->arg, status, body,
	    &why);
	c->last = true;
	conn_release(c, true);
	if (status == 0)
		conn_close_soon(c);
	else
		http_reply_message(c, status, "", "%s", why);
}

/* The next request, if its head is there. */
static void
read_request(struct http_conn *c)
{
	struct http_request r = { .body = false };
	const char *why;
	int status = 0;
	long n;

	n = c->in.len == 0 ? 0 : http_head_end(buffer_head(&c->in), c->in.len,
	    HTTP_HEAD_MAX, &c->seen, &status);
	if (n == 0) {
		if (c->ended)
			conn_close_soon(c);
		return;
	}
	c->head = c->http10 = false;
	if (n == -1) {
		conn_refuse(c, status, false, status == 431 ?
		    "the request's head is longer than 16 KiB" :
		    "a line that does not end with CR LF, or a NUL");
		return;
	}
	status = http_request_read(buffer_head(&c->in), (size_t)n, &r, &why);
	c->head = strcmp(r.method, "HEAD") == 0;
	if (status != 0) {
		conn_refuse(c, status, r.body, why);
		return;
	}
	c->state = CONN_BUSY;
	c->http10 = r.http10;
	c->last |= !r.keep_alive;
	c->server->service->request(c->server->arg, c, &r);
	if (c->state == CONN_CLOSING)
		return;
	buffer_drop(&c->in, (size_t)n);
	if (c->state == CONN_IDLE)
		conn_be_idle(c);
}

void
http_take_body(struct http_conn *c, const struct http_request *r, size_t max)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	c->body = xcalloc(1, sizeof(*c->body));
	c->body->framing = r->framing;
	c->body->left = r->length;
	buffer_init(&c->body->data, max);
	c->state = CONN_BODY;
	conn_set_timer(c, BODY_SECONDS);
	if (r->expects && !r->http10 && r->framing != FRAMING_NONE &&
	    r->length <= max)
		buffer_put(&c->out, go_on, sizeof(go_on) - 1);
	conn_soon(c);
}

/*
 * Moves what is there of the body out of in: 0 and *done when that was all of
 * it, or the status to answer.
 */
static int
collect_body(struct http_conn *c, bool *done)
{
	struct request_body *b = c->body;
	const uint8_t *p, *data;
	size_t len;
	long used;

	if (b->framing == FRAMING_NONE)
		return 400;
	if (b->framing == FRAMING_LENGTH && b->left > b->data.max)
		return 413;
	while (c->in.len > 0 && !*done) {
		p = data = buffer_head(&c->in);
		len = c->in.len < b->left ? c->in.len : (size_t)b->left;
		used = (long)len;
		if (b->framing == FRAMING_CHUNKED)
			used = http_chunks_read(&b->chunks, p, c->in.len,
			    &data, &len, done);
		if (used == -1)
			return 400;
		if (buffer_put(&b->data, data, len) == -1)
			return 413;
		buffer_drop(&c->in, (size_t)used);
		if (b->framing == FRAMING_LENGTH)
			*done = (b->left -= len) == 0;
	}
	return 0;
}

static void
read_body(struct http_conn *c)
{
	bool done = false;
	int status = collect_body(c, &done);
	struct request_body *b = c->body;

	if (status != 0)
		conn_refuse(c, status, false, status == 413 ?
		    "the request's body is too long" :
		    "a body that is malformed");
	else if (done) {
		c->body = NULL;
		c->state = CONN_BUSY;
		http_wrote(c, 0);
		c->producer->body(c->arg, buffer_head(&b->data), b->data.len);
		buffer_clear(&b->data);
		free(b);
	} else if (c->ended)
		conn_close_soon(c);
}

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
		read_request(c);
	else if (c->state == CONN_BODY)
		read_body(c);
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
}

static void
on_conn_work(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
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
conn_new(struct http_server *s)
{
	struct http_conn *c = xcalloc(1, sizeof(*c));

	c->ep.ops = &conn_ops;
	c->server = s;
	buffer_init(&c->in, HTTP_HEAD_MAX);
	buffer_init(&c->out, OUT_MAX);
	c->work = evtimer_new(s->base, on_conn_work, c);
	c->timer = evtimer_new(s->base, on_conn_timer, c);
	conn_set_timer(c, HEAD_SECONDS);
	LIST_INSERT_HEAD(&s->conns, c, next);
	s->nconns++;
	return c;
}
