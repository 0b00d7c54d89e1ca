/* SPDX-License-Identifier: ISC */
/* A stream that is asked for by itself: see tunnel.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/socks5.h"

#include "tunnel_private.h"

struct single {
	struct stream st;		/* first */
	TAILQ_ENTRY(single) next;
	struct tunnels *set;
	struct address to;
	unsigned wait_ms;
	bool waiting;			/* for a session */
	bool joined;
	const char *why;		/* it cannot be had; NULL: not known */
	const struct single_events *events;	/* NULL: nobody asks any more */
	void *arg;
};

static void
give_up_single(struct single *s, const char *why)
{
	const struct single_events *events = s->events;
	void *arg = s->arg;

	s->events = NULL;
	stream_end(&s->st);
	if (events != NULL)
		events->failed(arg, why);
}

/* Of a TCP address the server's text may say why it could not connect. */
static const char *
connect_failure_words(const struct single *s, const char *text)
{
	if (s->to.kind == ADDRESS_TCP) {
		if (strcasestr(text, "refused") != NULL)
			return "connection refused";
		if (socks5_reply_for(text) == SOCKS5_HOST_UNREACHABLE)
			return "the server could not reach it, or does not "
			    "know the name";
	}
	return open_failure_words(s->set, OPEN_CONNECT_FAILED);
}

static void
wait_single(struct single *s)
{
	s->waiting = true;
	if (s->wait_ms > 0)
		stream_wait(&s->st, s->wait_ms);
}

static void
open_single(struct single *s)
{
	s->waiting = false;
	if (s->set->mux == NULL) {
		wait_single(s);
		return;
	}
	if (stream_open(&s->st, mux_open, s->set->mux, &s->to,
	    OPEN_SECONDS * 1000))
		return;
	s->why = open_failure_words(s->set, OPEN_RESOURCE_SHORTAGE);
	stream_wait(&s->st, 0);
}

/* --- what the stream says --------------------------------------------- */

static struct endpoint *
on_single_here(struct stream *st)
{
	struct single *s = (struct single *)st;

	s->joined = true;
	return s->events->opened(s->arg);
}

static void
on_single_failed(struct stream *st, enum open_failure reason,
    const char *text)
{
	struct single *s = (struct single *)st;

	if (text == NULL)
		give_up_single(s, "no answer from the server in time");
	else if (s->set->mux == NULL)
		/* Nothing has been sent yet: the next session serves, too. */
		wait_single(s);
	else if (reason == OPEN_CONNECT_FAILED)
		give_up_single(s, connect_failure_words(s, text));
	else
		give_up_single(s, open_failure_words(s->set, reason));
}

static void
on_single_late(struct stream *st)
{
	struct single *s = (struct single *)st;

	give_up_single(s, s->why != NULL ? s->why :
	    "there was no session with the server in time");
}

static void
on_single_ended(struct stream *st, uint64_t down, uint64_t up)
{
	struct single *s = (struct single *)st;

	(void)down;
	TAILQ_REMOVE(&s->set->singles, s, next);
	s->set->nstreams--;
	if (s->events != NULL)
		s->events->ended(s->arg, s->joined && st->whole, up);
}

/* --- life ------------------------------------------------------------- */

struct single *
tunnels_single(struct tunnels *set, const struct address *to,
    unsigned wait_ms, const struct single_events *events, void *arg)
{
	static const struct stream_events own = {
		on_single_here, on_single_failed, on_single_late,
		on_single_ended
	};
	struct single *s = xcalloc(1, sizeof(*s));

	s->set = set;
	s->to = *to;
	s->wait_ms = wait_ms;
	s->events = events;
	s->arg = arg;
	TAILQ_INSERT_TAIL(&set->singles, s, next);
	set->nstreams++;
	stream_init(&s->st, set->base, &own, NULL);
	if (!set->stopped)
		open_single(s);
	else {
		s->why = "orthrus is stopping";
		stream_wait(&s->st, 0);
	}
	return s;
}

void
single_end(struct single *s)
{
	if (s == NULL)
		return;
	s->events = NULL;
	stream_end(&s->st);
}

void
singles_session_up(struct tunnels *set)
{
	struct single *s, *following;

	for (s = TAILQ_FIRST(&set->singles); s != NULL; s = following) {
		following = TAILQ_NEXT(s, next);
		if (s->waiting)
			open_single(s);
	}
}

void
singles_free(struct tunnels *set)
{
	struct single *s;

	while ((s = TAILQ_FIRST(&set->singles)) != NULL)
		stream_end(&s->st);
}
