/* SPDX-License-Identifier: ISC */
/* See stream.h. */
#include "config.h"

#include <errno.h>
#include <stddef.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"
#include "orthrus/stream/stream.h"
#include "orthrus/transport/dial.h"

static void
on_stream_timer(evutil_socket_t fd, short what, void *arg)
{
	struct stream *st = arg;

	(void)fd;
	(void)what;
	if (st->opening == NULL) {
		st->events->late(st);
		return;
	}
	channel_cancel(st->opening);
	st->opening = NULL;
	st->events->failed(st, OPEN_CONNECT_FAILED, NULL);
}

/* The session of the channel that asks ended before it was answered. */
static void
on_stream_gone(void *arg)
{
	struct stream *st = arg;

	st->from = NULL;
	stream_end(st);
}

void
stream_init(struct stream *st, struct event_base *base,
    const struct stream_events *events, struct channel *from)
{
	st->base = base;
	st->events = events;
	st->from = from;
	st->timer = deadline_new(base, on_stream_timer, st);
	if (from != NULL)
		channel_on_gone(from, on_stream_gone, st);
}

void
stream_wait(struct stream *st, unsigned ms)
{
	timer_set(st->timer, ms);
}

/* --- the end ---------------------------------------------------------- */

static void
finish_stream(struct stream *st, uint64_t out, uint64_t in)
{
	st->over = true;
	if (st->opening != NULL)
		channel_cancel(st->opening);
	if (st->dial != NULL)
		dial_cancel(st->dial);
	if (st->from != NULL)
		channel_refuse(st->from, OPEN_CONNECT_FAILED, "shutting down");
	st->events->ended(st, out, in);
	/* No callback of it is under way when the loop frees it. */
	event_del(st->timer);
	event_free_finalize(0, st->timer, event_free_arg);
}

static void
on_stream_done(void *arg, uint64_t out, uint64_t in)
{
	struct stream *st = arg;

	st->whole = relay_was_whole(st->relay);
	st->relay = NULL;
	finish_stream(st, out, in);
}

void
stream_end(struct stream *st)
{
	if (st->relay != NULL)
		relay_abort(st->relay);
	else if (!st->over)
		finish_stream(st, 0, 0);
}

void
stream_refuse(struct stream *st, enum open_failure reason, const char *text)
{
	channel_refuse(st->from, reason, text);
	st->from = NULL;
	stream_end(st);
}

/* --- the awaited end -------------------------------------------------- */

void
stream_join(struct stream *st, struct endpoint *wanted)
{
	struct channel *from = st->from;
	struct endpoint *here;

	event_del(st->timer);
	if (from != NULL) {
		st->from = NULL;
		channel_on_gone(from, NULL, NULL);
		channel_accept(from);
		here = channel_endpoint(from);
	} else
		here = st->events->here(st);
	st->relay = relay_start(wanted, here, on_stream_done, st);
}

static void
on_stream_opened(void *arg, enum open_failure reason, const char *text)
{
	struct stream *st = arg;
	struct channel *ch = st->opening;

	st->opening = NULL;
	event_del(st->timer);
	if (reason == OPEN_OK)
		stream_join(st, channel_endpoint(ch));
	else
		st->events->failed(st, reason, text);
}

bool
stream_open(struct stream *st, stream_opener *open, struct mux *m,
    const struct address *at, unsigned ms)
{
	st->opening = open(m, at, st->payer, on_stream_opened, st);
	if (st->opening != NULL)
		timer_set(st->timer, ms);
	return st->opening != NULL;
}

static void
on_stream_dialled(void *arg, int fd, int error)
{
	struct stream *st = arg;

	st->dial = NULL;
	if (fd != -1)
		stream_join(st, socket_endpoint_new(st->base, fd, NULL, 0));
	else
		st->events->failed(st, error == EACCES ? OPEN_PROHIBITED :
		    OPEN_CONNECT_FAILED, dial_strerror(error));
}

void
stream_dial(struct stream *st, struct dialer *d, const struct address *to,
    unsigned ms)
{
	st->dial = dial_start(d, to, ms, on_stream_dialled, st);
}
