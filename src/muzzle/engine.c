/* See engine.h. */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/muzzle/muzzle.h"
#include "orthrus/transport/dial.h"

#include "engine.h"

#define CONNECT_MS 5000
#define REQUEST_MAX (64 * 1024)		/* a target and some headers */

struct engine {
	struct event_base *base;
	struct engine_events events;
	void *arg;
	struct dial *dial;
	const struct muzzle_way *way;
	void *handle;			/* of way's attempt */
	int fd;
	struct event *readable, *writable;
	struct event *soon;		/* tells a loss from the loop */
	const char *why;
	struct buffer out;
	bool paused;
};

/* All engines read here; what is read is handed on before the next read. */
static uint8_t scratch[64 * 1024];

static void
lose(struct engine *e, const char *why)
{
	if (e->why != NULL)
		return;
	e->why = why;
	event_active(e->soon, EV_TIMEOUT, 0);
}

static void
on_lost(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;

	(void)fd;
	(void)what;
	e->events.lost(e->arg, e->why);
}

static void
flush(struct engine *e)
{
	ssize_t n;

	while (e->out.len > 0) {
		n = send(e->fd, buffer_head(&e->out), e->out.len,
		    MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			event_add(e->writable, NULL);
			return;
		}
		if (n == -1) {
			lose(e, strerror(errno));
			return;
		}
		buffer_drop(&e->out, (size_t)n);
	}
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;
	ssize_t n = recv(fd, scratch, sizeof(scratch), 0);

	(void)what;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		e->events.data(e->arg, scratch, (size_t)n);
		return;
	}
	event_del(e->readable);
	lose(e, n == 0 ? "it closed the connection" : strerror(errno));
}

static void
connected(void *arg, int fd, const char *why)
{
	struct engine *e = arg;

	e->handle = NULL;
	if (fd == -1) {
		lose(e, why);
		return;
	}
	e->fd = fd;
	e->readable = event_new(e->base, fd, EV_READ | EV_PERSIST,
	    on_readable, e);
	e->writable = event_new(e->base, fd, EV_WRITE, on_writable, e);
	if (!e->paused)
		event_add(e->readable, NULL);
	flush(e);
}

static void
on_dialled(void *arg, int fd, int error)
{
	struct engine *e = arg;

	e->dial = NULL;
	connected(e, fd, fd == -1 ? dial_strerror(error) : NULL);
}

struct engine *
engine_new(struct event_base *base, struct dialer *dialer,
    const struct address *at, const struct muzzle_way *way,
    const struct engine_events *events, void *arg)
{
	struct engine *e = xcalloc(1, sizeof(*e));

	e->base = base;
	e->events = *events;
	e->arg = arg;
	e->fd = -1;
	buffer_init(&e->out, REQUEST_MAX);
	e->soon = evtimer_new(base, on_lost, e);
	e->way = way;
	if (way != NULL)
		e->handle = way->connect(way->arg, connected, e);
	else
		e->dial = dial_start(dialer, at, CONNECT_MS, on_dialled, e);
	return e;
}

void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	if (e->dial != NULL)
		dial_cancel(e->dial);
	if (e->handle != NULL)
		e->way->cancel(e->handle);
	if (e->readable != NULL)
		event_free(e->readable);
	if (e->writable != NULL)
		event_free(e->writable);
	if (e->fd != -1)
		close(e->fd);
	buffer_clear(&e->out);
	event_del(e->soon);
	event_free_finalize(0, e->soon, event_free_arg);
}

void
engine_send(struct engine *e, const char *p, size_t n)
{
	if (buffer_put(&e->out, p, n) == -1)
		lose(e, "the request is too long");
	else if (e->fd != -1)
		flush(e);
}

bool
engine_is_quiet(const struct engine *e)
{
	char c;

	return e->fd != -1 && e->why == NULL &&
	    recv(e->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
	    errno == EAGAIN;
}

void
engine_pause(struct engine *e, bool paused)
{
	if (e->paused == paused)
		return;
	e->paused = paused;
	if (e->fd == -1 || e->why != NULL)
		return;
	if (paused)
		event_del(e->readable);
	else
		event_add(e->readable, NULL);
}
