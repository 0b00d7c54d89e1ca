/* SPDX-License-Identifier: ISC */
/* Runs a handshake in the loop: see handshake.h. */
#include "config.h"

#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/transport/handshake.h"

struct handshake_run {
	struct transport *t;
	struct handshake *h;
	uint64_t ms;
	struct event *readable, *writable;
	struct event *deadline;
	handshake_done *done;
	void *arg;
};

static void
run_free(struct handshake_run *r)
{
	event_free(r->readable);
	event_free(r->writable);
	event_free(r->deadline);
	r->h->ops->free(r->h);
	free(r);
}

static void
run_over(struct handshake_run *r, struct transport *t, struct error *why)
{
	handshake_done *done = r->done;
	void *arg = r->arg;

	if (t == NULL) {
		error_prefix(why, "%s", r->h->ops->name);
		/* Its events go before its descriptor does. */
		event_del(r->readable);
		event_del(r->writable);
		transport_free(r->t);
	}
	run_free(r);
	done(arg, t, why);
}

static void
on_handshake_ready(evutil_socket_t fd, short what, void *arg)
{
	struct handshake_run *r = arg;
	struct transport *t = r->t;
	struct error e = { 0 };

	(void)fd;
	(void)what;
	loop_doing(LOOP_LOGIN);
	switch (r->h->ops->go_on(r->h, &t, &e)) {
	case HANDSHAKE_READ:
		event_add(r->readable, NULL);
		break;
	case HANDSHAKE_WRITE:
		event_add(r->writable, NULL);
		break;
	case HANDSHAKE_DONE:
		run_over(r, t, &e);
		break;
	case HANDSHAKE_FAILED:
		run_over(r, NULL, &e);
		break;
	}
}

static void
on_handshake_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct handshake_run *r = arg;
	struct error e;

	(void)fd;
	(void)what;
	error_set(&e, EX_UNAVAILABLE, "%s did not come within %.3g s",
	    r->h->ops->awaited(r->h), (double)r->ms / 1000);
	run_over(r, NULL, &e);
}

struct handshake_run *
handshake_run(struct event_base *base, struct transport *t,
    struct handshake *h, uint64_t ms, handshake_done *done, void *arg)
{
	struct handshake_run *r = xcalloc(1, sizeof(*r));

	r->t = t;
	r->h = h;
	r->ms = ms;
	r->done = done;
	r->arg = arg;
	r->readable = event_new(base, t->fd, EV_READ, on_handshake_ready, r);
	r->writable = event_new(base, t->fd, EV_WRITE, on_handshake_ready, r);
	r->deadline = deadline_new(base, on_handshake_deadline, r);
	timer_set(r->deadline, ms);
	event_active(r->readable, EV_READ, 0);
	return r;
}

void
handshake_cancel(struct handshake_run *r)
{
	if (r == NULL)
		return;
	event_del(r->readable);
	event_del(r->writable);
	transport_free(r->t);
	run_free(r);
}
