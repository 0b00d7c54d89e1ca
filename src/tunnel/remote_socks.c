/* SPDX-License-Identifier: ISC */
/*
 * ssh(1)'s -R PORT: whoever connects to the far end's listener speaks SOCKS5
 * with us, and what it asks for is dialled from this host.  The handshake is an
 * endpoint of the stream's relay, in whose place the connection comes.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/socks5.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"
#include "orthrus/transport/dial.h"

#include "tunnel_private.h"

#define OUT_MAX (4 * SOCKS5_OUT_MAX)	/* a handshake has two answers */

enum asking {
	ASKING_HANDSHAKE,	/* bytes are read */
	ASKING_DIALS,		/* none are: they are for who is dialled */
	ASKING_REFUSED		/* nobody wants them */
};

struct asker {
	struct endpoint ep;	/* first */
	struct tunnel_stream *s;
	enum asking state;
	struct socks5 socks;
	struct dial *dial;
	int fd;			/* connected, until the answer has gone; -1 */
	uint8_t out[OUT_MAX];
	size_t nout;
	bool want_read, want_write;	/* watch() */
	struct event *work;	/* soon: what the relay is to be told */
	struct event *timer;	/* of the handshake, and of the farewell */
};

bool
is_remote_socks(const struct tunnel *t)
{
	return t->config.kind == TUNNEL_REMOTE &&
	    t->config.spec.to.kind == ADDRESS_NONE;
}

static void
asker_finalize(struct event *ev, void *arg)
{
	struct asker *a = arg;

	(void)ev;
	event_free(a->timer);
	free(a);
}

static void
asker_close(struct endpoint *ep, bool aborted)
{
	struct asker *a = (struct asker *)ep;

	(void)aborted;
	if (a->dial != NULL)
		dial_cancel(a->dial);
	if (a->fd != -1)
		close(a->fd);
	socks5_clear(&a->socks);
	event_del(a->work);
	event_del(a->timer);
	/* The memory is freed when none of its callbacks can be under way. */
	event_free_finalize(0, a->work, asker_finalize);
}

static void
asker_soon(struct asker *a)
{
	event_active(a->work, EV_TIMEOUT, 0);
}

/* --- what is asked, and the answer -------------------------------- */

/* Nothing follows what was said; the client is given a moment to read it. */
static void
asker_refuse(struct asker *a)
{
	a->state = ASKING_REFUSED;
	timer_set(a->timer, FAREWELL_SECONDS * 1000);
	asker_soon(a);
}

static void
asker_answer(struct asker *a, enum socks5_reply code)
{
	a->nout += socks5_reply(code, a->out + a->nout);
}

static void
on_asked_dialled(void *arg, int fd, int error)
{
	struct asker *a = arg;
	const char *why = dial_strerror(error);

	a->dial = NULL;
	a->fd = fd;
	if (fd != -1) {
		a->s->tunnel->error[0] = '\0';
		asker_answer(a, SOCKS5_SUCCEEDED);
		asker_soon(a);
		return;
	}
	tunnel_tell_failure(a->s->tunnel, why);
	asker_answer(a, error == ECONNREFUSED ? SOCKS5_REFUSED :
	    SOCKS5_HOST_UNREACHABLE);
	asker_refuse(a);
}

static void
asker_dial(struct asker *a)
{
	a->state = ASKING_DIALS;
	event_del(a->timer);
	a->dial = dial_start(a->s->set->dialer, &a->socks.to, DIAL_MS,
	    on_asked_dialled, a);
}

/* In time neither a request came nor the client left. */
static void
on_asker_late(evutil_socket_t fd, short what, void *arg)
{
	struct asker *a = arg;

	(void)fd;
	(void)what;
	stream_end(&a->s->st);
}

/*
 * Tells the relay what has become possible.  When the client has got its answer
 * the connection takes over; either call may free this.
 */
static void
on_asker_work(evutil_socket_t fd, short what, void *arg)
{
	struct asker *a = arg;
	struct endpoint *there;

	(void)fd;
	(void)what;
	loop_doing(LOOP_STREAM);
	if (a->fd != -1 && a->nout == 0) {
		there = socket_endpoint_new(a->s->set->base, a->fd, NULL, 0);
		a->fd = -1;
		relay_replace(&a->ep, there);
	} else if (a->want_read &&
	    (a->nout > 0 || a->state == ASKING_REFUSED))
		relay_readable(&a->ep);
	else if (a->want_write && a->state != ASKING_DIALS)
		relay_writable(&a->ep);
}

/* --- what the relay asks ------------------------------------------ */

static ssize_t
asker_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct asker *a = (struct asker *)ep;

	*p = a->out;
	if (a->nout > 0)
		return (ssize_t)(a->nout < max ? a->nout : max);
	if (a->state == ASKING_REFUSED)
		return 0;
	errno = EAGAIN;
	return -1;
}

static void
asker_consume(struct endpoint *ep, size_t n)
{
	struct asker *a = (struct asker *)ep;

	a->nout -= n;
	memmove(a->out, a->out + n, a->nout);
	if (a->nout == 0)
		asker_soon(a);
}

/* It takes what belongs to the handshake, while its answers find room. */
static size_t
asker_room(struct endpoint *ep)
{
	struct asker *a = (struct asker *)ep;

	if (a->state == ASKING_HANDSHAKE)
		return OUT_MAX - a->nout >= 2 * SOCKS5_OUT_MAX ? SIZE_MAX : 0;
	return a->state == ASKING_REFUSED ? SIZE_MAX : 0;
}

static ssize_t
asker_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct asker *a = (struct asker *)ep;
	enum socks5_verdict verdict;
	size_t consumed, nout;

	if (a->state == ASKING_REFUSED)
		return (ssize_t)n;
	if (asker_room(ep) == 0) {
		errno = EAGAIN;
		return -1;
	}
	verdict = socks5_feed(&a->socks, p, n, &consumed, a->out + a->nout,
	    &nout);
	a->nout += nout;
	if (verdict == SOCKS5_CONNECT)
		asker_dial(a);
	else if (verdict == SOCKS5_CLOSE)
		asker_refuse(a);
	if (nout > 0)
		asker_soon(a);
	return (ssize_t)consumed;
}

/* The client sends no more: half a handshake is none. */
static int
asker_finish(struct endpoint *ep)
{
	struct asker *a = (struct asker *)ep;

	if (a->state == ASKING_HANDSHAKE)
		asker_refuse(a);
	return 0;
}

static void
asker_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct asker *a = (struct asker *)ep;

	a->want_read = readable;
	a->want_write = writable;
	if ((readable && (a->nout > 0 || a->state == ASKING_REFUSED)) ||
	    (writable && asker_room(ep) > 0))
		asker_soon(a);
}

static const struct endpoint_ops asker_ops = {
	asker_peek, asker_consume, asker_room, asker_write, asker_finish,
	asker_watch, asker_close, NULL
};

struct endpoint *
remote_socks_endpoint(struct tunnel_stream *s)
{
	struct asker *a = xcalloc(1, sizeof(*a));

	a->ep.ops = &asker_ops;
	a->s = s;
	a->fd = -1;
	socks5_init(&a->socks, NULL, NULL);
	a->work = evtimer_new(s->set->base, on_asker_work, a);
	a->timer = deadline_new(s->set->base, on_asker_late, a);
	timer_set(a->timer, HANDSHAKE_SECONDS * 1000);
	return &a->ep;
}
