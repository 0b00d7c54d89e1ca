/* SPDX-License-Identifier: ISC */
/*
 * A stream socket as an endpoint.  It reads into one scratch space that all
 * share; only what the other side did not take is kept with the socket.
 */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"

#define LINGER_TICK_US 100000
#define LINGER_TICKS 100	/* 10 s without a byte taken */
#define DROP_READS 64		/* more than a receive buffer holds */

struct socket_endpoint {
	struct endpoint ep;	/* first */
	int fd;
	struct event *readable, *writable;
	bool reading, writing;	/* the events are added */
	bool drained;		/* the last read found less than it asked for */
	size_t peeked;		/* bytes of scratch that are this socket's */
	struct buffer in;	/* read before, not taken by the other side */
	bool ended;		/* read() said so: the peer sends no more */

	TAILQ_ENTRY(socket_endpoint) next;
	struct event *tick;	/* while it lingers after its close */
	bool lingers, aborted;
	int left, idle_ticks;
};

static TAILQ_HEAD(, socket_endpoint) lingering =
    TAILQ_HEAD_INITIALIZER(lingering);

/*
 * All sockets share one space: there is one thread, and peeked bytes are valid
 * until the next peek().
 */
static uint8_t scratch[RELAY_QUANTUM];

static ssize_t
sock_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct socket_endpoint *s = (struct socket_endpoint *)ep;
	ssize_t n;

	if (s->in.len > 0) {
		*p = buffer_head(&s->in);
		return (ssize_t)(s->in.len < max ? s->in.len : max);
	}
	if (s->drained) {	/* spares a call that would say EAGAIN */
		s->drained = false;
		errno = EAGAIN;
		return -1;
	}
	if (max > sizeof(scratch))
		max = sizeof(scratch);
	do
		n = read(s->fd, scratch, max);
	while (n == -1 && errno == EINTR);
	if (n > 0) {
		s->drained = (size_t)n < max;
		s->peeked = (size_t)n;	/* until consume() says what went */
		*p = scratch;
	}
	if (n == 0)
		s->ended = true;
	return n;
}

static void
sock_consume(struct endpoint *ep, size_t n)
{
	struct socket_endpoint *s = (struct socket_endpoint *)ep;

	if (s->peeked == 0) {
		buffer_drop(&s->in, n);
		return;
	}
	if (n < s->peeked)
		buffer_put(&s->in, scratch + n, s->peeked - n);
	s->peeked = 0;
}

/* The kernel does not tell how much it would take; write() finds out. */
static size_t
sock_room(struct endpoint *ep)
{
	(void)ep;
	return SIZE_MAX;
}

static ssize_t
sock_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct socket_endpoint *s = (struct socket_endpoint *)ep;
	ssize_t w;

	do
		w = send(s->fd, p, n, MSG_NOSIGNAL);
	while (w == -1 && errno == EINTR);
	return w;
}

static int
sock_finish(struct endpoint *ep)
{
	struct socket_endpoint *s = (struct socket_endpoint *)ep;

	return shutdown(s->fd, SHUT_WR);
}

static void
watch_one(struct event *ev, bool *is, bool wanted)
{
	if (*is == wanted)
		return;
	*is = wanted;
	if (wanted)
		event_add(ev, NULL);
	else
		event_del(ev);
}

static void
sock_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct socket_endpoint *s = (struct socket_endpoint *)ep;

	watch_one(s->readable, &s->reading, readable);
	watch_one(s->writable, &s->writing, writable);
	/* What was read before causes no event of the descriptor. */
	if (readable && s->in.len > 0)
		event_active(s->readable, EV_READ, 0);
}

static void
sock_finalize(struct event *ev, void *arg)
{
	struct socket_endpoint *s = arg;

	(void)ev;
	event_free(s->writable);
	if (s->tick != NULL)
		event_free(s->tick);
	buffer_clear(&s->in);
	free(s);
}

/*
 * Drops input that nobody takes any more.  Unread, it would turn close(2) into
 * a reset, by which a Unix socket's peer loses even the end that it was told of
 * before.
 */
static void
drop_input(struct socket_endpoint *s)
{
	int i;

	shutdown(s->fd, SHUT_RD);
	for (i = 0; i < DROP_READS; i++)
		if (read(s->fd, scratch, sizeof(scratch)) <= 0)
			break;
}

/* Closes the descriptor; with a reset where bytes were lost before. */
static void
sock_release(struct socket_endpoint *s)
{
	static const struct linger reset = { 1, 0 };

	if (s->lingers)
		TAILQ_REMOVE(&lingering, s, next);
	event_del(s->readable);
	event_del(s->writable);
	if (s->tick != NULL)
		event_del(s->tick);
	if (s->aborted)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset,
		    sizeof(reset));
	else if (!s->ended)
		drop_input(s);
	close(s->fd);
	s->fd = -1;
	/* The memory is freed when none of its callbacks can be under way. */
	event_free_finalize(0, s->readable, sock_finalize);
}

/*
 * Ends the lingering when all was taken, or nothing for some time.  What a Unix
 * socket took is its peer's already.
 */
static void
on_linger_tick(evutil_socket_t fd, short what, void *arg)
{
	struct socket_endpoint *s = arg;
	int left = os_tcp_unacknowledged(s->fd);

	(void)fd;
	(void)what;
	if (left < s->left)
		s->idle_ticks = 0;
	s->left = left;
	if (left == 0 || ++s->idle_ticks >= LINGER_TICKS)
		sock_release(s);
}

/*
 * TCP throws away what the peer has not acknowledged when a connection is
 * reset, and close(2) itself resets it when input is unread.  So while the
 * peer still has bytes to take, the descriptor stays, and what the peer goes
 * on sending is read and dropped.
 */
static void
sock_linger(struct socket_endpoint *s)
{
	static const struct timeval tick = { 0, LINGER_TICK_US };

	s->lingers = true;
	TAILQ_INSERT_TAIL(&lingering, s, next);
	s->left = os_tcp_unacknowledged(s->fd);
	s->tick = event_new(event_get_base(s->readable), -1, EV_PERSIST,
	    on_linger_tick, s);
	event_add(s->tick, &tick);
	watch_one(s->writable, &s->writing, false);
	watch_one(s->readable, &s->reading, !s->aborted && !s->ended);
}

static void
sock_close(struct endpoint *ep, bool aborted)
{
	struct socket_endpoint *s = (struct socket_endpoint *)ep;

	s->aborted = aborted;
	buffer_clear(&s->in);
	if (os_tcp_unacknowledged(s->fd) > 0 && (aborted || !s->ended))
		sock_linger(s);
	else
		sock_release(s);
}

/* Unix sockets say when the peer has closed both ways; TCP does not. */
static int
sock_reads(struct endpoint *ep)
{
	struct socket_endpoint *s = (struct socket_endpoint *)ep;
	struct pollfd p = { .fd = s->fd };

	if (os_socket_family(s->fd) != AF_UNIX)
		return -1;
	return poll(&p, 1, 0) == 0;	/* no POLLHUP */
}

bool
socket_endpoints_linger(void)
{
	return !TAILQ_EMPTY(&lingering);
}

void
socket_endpoints_end(void)
{
	struct socket_endpoint *s;

	while ((s = TAILQ_FIRST(&lingering)) != NULL)
		sock_release(s);
}

static const struct endpoint_ops socket_ops = {
	sock_peek, sock_consume, sock_room, sock_write, sock_finish,
	sock_watch, sock_close, sock_reads
};

static void
on_socket_readable(evutil_socket_t fd, short what, void *arg)
{
	struct socket_endpoint *s = arg;
	ssize_t n;

	(void)what;
	loop_doing(LOOP_STREAM);
	if (s->ep.relay != NULL)
		relay_readable(&s->ep);
	else if (s->lingers) {
		n = read(fd, scratch, sizeof(scratch));
		if (n == 0)
			watch_one(s->readable, &s->reading, false);
		else if (n == -1 && errno != EAGAIN && errno != EINTR)
			sock_release(s);
	}
}

static void
on_socket_writable(evutil_socket_t fd, short what, void *arg)
{
	struct socket_endpoint *s = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_STREAM);
	if (s->ep.relay != NULL)
		relay_writable(&s->ep);
}

struct endpoint *
socket_endpoint_new(struct event_base *base, int fd, const uint8_t *early,
    size_t n)
{
	struct socket_endpoint *s = xcalloc(1, sizeof(*s));

	s->ep.ops = &socket_ops;
	s->fd = fd;
	s->readable = event_new(base, fd, EV_READ | EV_PERSIST,
	    on_socket_readable, s);
	s->writable = event_new(base, fd, EV_WRITE | EV_PERSIST,
	    on_socket_writable, s);
	buffer_init(&s->in, sizeof(scratch));
	if (n > 0)
		buffer_put(&s->in, early, n);
	return &s->ep;
}
