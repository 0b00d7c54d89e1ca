/* SPDX-License-Identifier: ISC */
/*
 * Two half-streams between two endpoints.  Each event that an endpoint tells of
 * has half_pump() move what can be moved, and relay_leave() ends the relay when
 * both halves have ended.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "orthrus/base/mem.h"
#include "orthrus/relay/relay.h"

enum half_state {
	HALF_OPEN,
	HALF_FINISHED,		/* the end of the input was passed on */
	HALF_DEAD		/* bytes were lost, or may have been */
};

struct half {
	struct endpoint *from, *to;
	enum half_state state;
	bool wait_to;		/* "to" has no room; else "from" has no input */
	bool last;		/* "from" has hung up: nothing will wake us */
	uint64_t bytes;
};

struct relay {
	struct half half[2];	/* a to b, b to a */
	relay_done *done;
	void *arg;
	unsigned depth;		/* calls under way: freed by the outermost */
	bool ended;
};

static void
relay_watch(struct relay *r)
{
	struct half *ab = &r->half[0], *ba = &r->half[1];

	ab->from->ops->watch(ab->from,
	    ab->state == HALF_OPEN && !ab->wait_to,
	    ba->state == HALF_OPEN && ba->wait_to);
	ba->from->ops->watch(ba->from,
	    ba->state == HALF_OPEN && !ba->wait_to,
	    ab->state == HALF_OPEN && ab->wait_to);
}

/* Both directions are over: release the endpoints, tell the owner. */
static void
relay_end(struct relay *r)
{
	struct endpoint *a = r->half[0].from, *b = r->half[0].to;

	r->ended = true;
	a->relay = b->relay = NULL;
	a->ops->close(a, r->half[1].state != HALF_FINISHED);
	b->ops->close(b, r->half[0].state != HALF_FINISHED);
	if (r->done != NULL)
		r->done(r->arg, r->half[0].bytes, r->half[1].bytes);
}

static void
relay_enter(struct relay *r)
{
	r->depth++;
}

static void
relay_leave(struct relay *r)
{
	if (r->depth == 1 && !r->ended) {
		if (r->half[0].state != HALF_OPEN &&
		    r->half[1].state != HALF_OPEN)
			relay_end(r);
		else
			relay_watch(r);
	}
	if (--r->depth == 0 && r->ended)
		free(r);
}

/*
 * Moves bytes in one direction, up to a quantum, so that others get their turn.
 * What an endpoint that hung up has left behind (a window at most) goes in one
 * turn, since that endpoint has no turns of its own any more.
 */
static void
half_pump(struct relay *r, struct half *h)
{
	size_t left = h->last ? SIZE_MAX : RELAY_QUANTUM, room;
	const uint8_t *p;
	ssize_t n, w;

	while (h->state == HALF_OPEN && left > 0) {
		room = h->to->ops->room(h->to);
		h->wait_to = room == 0;
		if (h->wait_to)
			return;
		n = h->from->ops->peek(h->from, &p, room < left ? room : left);
		if (n == -1 && errno == EAGAIN)
			return;
		if (n == -1) {
			/*
			 * The endpoint is broken, and not at its end: nobody is
			 * there to write to.
			 */
			r->half[0].state = r->half[1].state = HALF_DEAD;
			return;
		}
		if (n == 0) {
			h->state = h->to->ops->finish(h->to) == 0 ?
			    HALF_FINISHED : HALF_DEAD;
			return;
		}
		w = h->to->ops->write(h->to, p, (size_t)n);
		if (w == -1 && errno == EAGAIN)
			w = 0;
		if (w == -1) {
			h->state = HALF_DEAD;
			return;
		}
		h->from->ops->consume(h->from, (size_t)w);
		h->bytes += (uint64_t)w;
		left -= (size_t)w;
		if (w < n) {
			h->wait_to = true;
			return;
		}
	}
}

static struct half *
half_from(struct relay *r, const struct endpoint *ep)
{
	return &r->half[r->half[0].from == ep ? 0 : 1];
}

static struct half *
half_to(struct relay *r, const struct endpoint *ep)
{
	return &r->half[r->half[0].to == ep ? 0 : 1];
}

struct relay *
relay_start(struct endpoint *a, struct endpoint *b, relay_done *done,
    void *arg)
{
	struct relay *r = xcalloc(1, sizeof(*r));

	r->half[0].from = r->half[1].to = a;
	r->half[0].to = r->half[1].from = b;
	a->relay = b->relay = r;
	r->done = done;
	r->arg = arg;
	/* No byte moves yet, since the owner does not have its handle. */
	relay_watch(r);
	return r;
}

bool
relay_was_whole(const struct relay *r)
{
	return r->half[0].state == HALF_FINISHED;
}

void
relay_replace(struct endpoint *old, struct endpoint *fresh)
{
	struct relay *r = old->relay;
	struct half *h;
	size_t i;

	relay_enter(r);
	for (i = 0; i < 2; i++) {
		r->half[i].wait_to = false;
		if (r->half[i].from == old)
			r->half[i].from = fresh;
		else
			r->half[i].to = fresh;
	}
	fresh->relay = r;
	old->relay = NULL;
	old->ops->close(old, false);
	h = half_to(r, fresh);
	/* An input that has ended, or hung up, causes no event any more. */
	if (h->state == HALF_FINISHED && fresh->ops->finish(fresh) == -1)
		h->state = HALF_DEAD;
	if (h->last)
		half_pump(r, h);
	relay_leave(r);
}

void
relay_abort(struct relay *r)
{
	relay_enter(r);
	r->half[0].state = r->half[1].state = HALF_DEAD;
	relay_leave(r);
}

void
relay_readable(struct endpoint *ep)
{
	struct relay *r = ep->relay;

	relay_enter(r);
	half_pump(r, half_from(r, ep));
	relay_leave(r);
}

void
relay_writable(struct endpoint *ep)
{
	struct relay *r = ep->relay;

	relay_enter(r);
	half_pump(r, half_to(r, ep));
	relay_leave(r);
}

void
relay_hangup(struct endpoint *ep)
{
	struct relay *r = ep->relay;
	struct half *in = half_to(r, ep);

	relay_enter(r);
	if (in->state == HALF_OPEN)
		in->state = HALF_DEAD;
	half_from(r, ep)->last = true;
	half_pump(r, half_from(r, ep));
	relay_leave(r);
}

size_t
relay_offer(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct relay *r = ep->relay;
	struct half *h = half_from(r, ep);
	ssize_t w;

	if (h->state != HALF_OPEN || h->wait_to)
		return 0;
	relay_enter(r);
	w = h->to->ops->write(h->to, p, n);
	if (w == -1) {
		w = 0;
		if (errno != EAGAIN)
			h->state = HALF_DEAD;
	}
	h->bytes += (uint64_t)w;
	if ((size_t)w < n)
		h->wait_to = true;
	/* Only a half that has ended, or waits now, changes what is watched. */
	if (h->wait_to || h->state != HALF_OPEN)
		relay_leave(r);
	else if (--r->depth == 0 && r->ended)
		free(r);
	return (size_t)w;
}

int
relay_peer_reads(struct endpoint *ep)
{
	struct endpoint *peer = half_to(ep->relay, ep)->from;

	return peer->ops->reads == NULL ? -1 : peer->ops->reads(peer);
}

void
relay_counters(const struct relay *r, uint64_t *a_to_b, uint64_t *b_to_a)
{
	*a_to_b = r->half[0].bytes;
	*b_to_a = r->half[1].bytes;
}
