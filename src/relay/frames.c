/* SPDX-License-Identifier: ISC */
/*
 * A conversation in frames as an endpoint.  Its owner may do anything when it
 * is told of something, so it is told from an event of its own, and the relay
 * is, too.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/budget.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/relay/frames.h"
#include "orthrus/relay/relay.h"

#define HEAD 4			/* bytes of a frame's length */
#define UNREAD_MAX (128 * 1024)	/* beside a frame that is not complete */
#define TURN_FRAMES 16		/* told in one turn: others want theirs ... */
#define TURN_US 10000		/* ... as long as it has not taken longer */
#define LET_GO_SECONDS 10	/* for the peer to read the rest and to end */

struct frames {
	struct endpoint ep;	/* first */
	size_t max;
	const struct frames_events *events;
	void *arg;
	struct event *work;	/* soon: the next step */
	struct event *timer;	/* once its owner has let go of it */
	struct buffer in, out;
	struct account *account;	/* whose memory they are, or NULL */
	size_t noted;			/* bytes of it there */
	bool want_read, want_write;	/* watch() */
	bool joined;		/* a relay knows it */
	bool closed;		/* and has closed it */
	bool ended;		/* the peer sends no more */
	bool finished;		/* we send no more */
	bool over;		/* the owner was told, or has let go */
	bool let_go;
};

static void
frames_soon(struct frames *f)
{
	event_active(f->work, EV_TIMEOUT, 0);
}

/* Runs the next step, but not before the loop has looked at everything else. */
static void
frames_later(struct frames *f)
{
	timer_set(f->work, 0);
}

static void
note_memory(struct frames *f, size_t now)
{
	if (f->account != NULL)
		account_note(f->account, &f->noted, now);
}

static void
recount(struct frames *f)
{
	note_memory(f, f->in.size + f->out.size);
}

static bool
is_short_of_memory(const struct frames *f)
{
	return f->account != NULL && account_left(f->account) == 0;
}

static void
frames_finalize(struct event *ev, void *arg)
{
	struct frames *f = arg;

	(void)ev;
	if (f->timer != NULL)
		event_free(f->timer);
	buffer_clear(&f->in);
	buffer_clear(&f->out);
	free(f);
}

/*
 * Frees it, when neither owner nor relay has it any more.  Its events may still
 * be under way, so libevent does it later.
 */
static void
frames_release(struct frames *f)
{
	event_del(f->work);
	if (f->timer != NULL)
		event_del(f->timer);
	note_memory(f, 0);
	f->account = NULL;
	event_free_finalize(0, f->work, frames_finalize);
}

/* --- what the owner is told --------------------------------------- */

static size_t
frame_length(const struct frames *f)
{
	const uint8_t *p = buffer_head(&f->in);

	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 |
	    p[3];
}

static void
frames_tell_end(struct frames *f, const char *why)
{
	f->over = true;
	buffer_clear(&f->in);
	f->events->ended(f->arg, why);
}

/*
 * Tells of one frame, or that there will be no more: true when there may be
 * another.
 */
static bool
frames_tell_one(struct frames *f)
{
	size_t n = f->in.len < HEAD ? 0 : frame_length(f);

	if (n > f->max) {
		frames_tell_end(f, "a frame over its limit");
		return false;
	}
	if (f->in.len < HEAD || f->in.len < HEAD + n) {
		if (f->ended && f->in.len > 0)
			frames_tell_end(f, "an end in the middle of a frame");
		else if (f->ended || f->closed)
			frames_tell_end(f, NULL);
		return false;
	}
	f->events->frame(f->arg, buffer_head(&f->in) + HEAD, n);
	buffer_drop(&f->in, HEAD + n);
	return !f->over;
}

/*
 * There is no room while a whole frame is at hand, of which the owner is told
 * first.
 */
static size_t
frames_room(struct endpoint *ep)
{
	struct frames *f = (struct frames *)ep;
	size_t whole = HEAD + f->max;

	if (f->over)
		return SIZE_MAX;
	if (f->in.len >= whole)
		return 0;
	return (is_short_of_memory(f) ? whole : f->in.max) - f->in.len;
}

static void
on_frames_work(evutil_socket_t fd, short what, void *arg)
{
	struct frames *f = arg;
	unsigned left = TURN_FRAMES;

	(void)fd;
	(void)what;
	while (!f->over && left > 0 && frames_tell_one(f))
		left = loop_turn_us() > TURN_US ? 0 : left - 1;
	if (left == 0)
		frames_later(f);
	if (f->over)
		buffer_clear(&f->in);
	recount(f);
	if (f->ep.relay != NULL && f->want_read &&
	    (f->out.len > 0 || f->finished))
		relay_readable(&f->ep);
	if (f->ep.relay != NULL && f->want_write && frames_room(&f->ep) > 0)
		relay_writable(&f->ep);
}

/* --- what the relay asks ------------------------------------------ */

static ssize_t
frames_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct frames *f = (struct frames *)ep;

	if (f->out.len > 0) {
		*p = buffer_head(&f->out);
		return (ssize_t)(f->out.len < max ? f->out.len : max);
	}
	if (f->finished)
		return 0;
	errno = EAGAIN;
	return -1;
}

static void
frames_consume(struct endpoint *ep, size_t n)
{
	struct frames *f = (struct frames *)ep;

	buffer_drop(&f->out, n);
	recount(f);
}

static ssize_t
frames_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct frames *f = (struct frames *)ep;
	size_t room = frames_room(ep);

	if (f->over)		/* so that our last words arrive */
		return (ssize_t)n;
	if (n > room)
		n = room;
	if (n == 0) {
		errno = EAGAIN;
		return -1;
	}
	buffer_put(&f->in, p, n);
	recount(f);
	frames_soon(f);
	return (ssize_t)n;
}

static int
frames_end(struct endpoint *ep)
{
	struct frames *f = (struct frames *)ep;

	f->ended = true;
	frames_soon(f);
	return 0;
}

static void
frames_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct frames *f = (struct frames *)ep;

	f->joined = true;
	f->want_read = readable;
	f->want_write = writable;
	if ((readable && (f->out.len > 0 || f->finished)) ||
	    (writable && frames_room(ep) > 0))
		frames_soon(f);
}

static void
frames_close(struct endpoint *ep, bool aborted)
{
	struct frames *f = (struct frames *)ep;

	(void)aborted;
	f->closed = true;
	if (f->let_go)
		frames_release(f);
	else
		frames_soon(f);
}

static const struct endpoint_ops frames_ops = {
	frames_peek, frames_consume, frames_room, frames_write, frames_end,
	frames_watch, frames_close, NULL
};

/* --- what the owner asks ------------------------------------------ */

struct frames *
frames_new(struct event_base *base, size_t max,
    const struct frames_events *events, void *arg)
{
	struct frames *f = xcalloc(1, sizeof(*f));

	f->ep.ops = &frames_ops;
	f->max = max;
	f->events = events;
	f->arg = arg;
	f->work = evtimer_new(base, on_frames_work, f);
	buffer_init(&f->in, HEAD + max + UNREAD_MAX);
	buffer_init(&f->out, 4 * max);
	return f;
}

void
frames_set_account(struct frames *f, struct account *a)
{
	note_memory(f, 0);
	f->account = a;
	recount(f);
}

struct endpoint *
frames_endpoint(struct frames *f)
{
	return &f->ep;
}

int
frames_send(struct frames *f, const void *p, size_t n)
{
	if (f->over || f->closed || f->finished ||
	    (f->out.len > f->max && is_short_of_memory(f)) ||
	    buffer_put(&f->out, p, n) == -1)
		return -1;
	recount(f);
	frames_soon(f);
	return 0;
}

void
frames_finish(struct frames *f)
{
	f->finished = true;
	frames_soon(f);
}

/*
 * Cuts off a peer that neither reads the rest nor ends its side, and so would
 * keep all this for ever.  LCOV_EXCL_START: in a fuzzer no time goes by.
 */
static void
on_frames_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct frames *f = arg;

	(void)fd;
	(void)what;
	if (f->ep.relay != NULL)
		relay_abort(f->ep.relay);
}
/* LCOV_EXCL_STOP */

void
frames_free(struct frames *f)
{
	if (f == NULL)
		return;
	f->let_go = f->over = f->finished = true;
	if (f->closed || !f->joined) {
		frames_release(f);
		return;
	}
	f->timer = deadline_new(event_get_base(f->work), on_frames_deadline, f);
	timer_set(f->timer, LET_GO_SECONDS * 1000);
	frames_soon(f);
}
