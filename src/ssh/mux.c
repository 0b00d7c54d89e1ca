/* SPDX-License-Identifier: ISC */
/*
 * The session's side of the channel manager: dispatch of what arrives, and
 * whose turn it is to send.
 */
#include "config.h"

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>

#include "orthrus/relay/relay.h"

#include "mux_private.h"

/* --- dispatch --------------------------------------------------------- */

void
mux_packet(struct mux *m, uint8_t type, const uint8_t *p, size_t len)
{
	struct wire w;
	uint32_t id;

	wire_init(&w, p, len);
	switch (type) {
	case MSG_DEBUG:
		mux_debug(m, &w);
		return;
	case MSG_GLOBAL_REQUEST:
		mux_global_request(m, &w);
		return;
	case MSG_REQUEST_SUCCESS:
	case MSG_REQUEST_FAILURE:
		mux_answer(m, type == MSG_REQUEST_SUCCESS, &w);
		return;
	case MSG_CHANNEL_OPEN:
		mux_on_open(m, &w);
		return;
	}
	if (type < MSG_CHANNEL_OPEN)	/* 83 to 89 are not assigned */
		return;
	id = wire_u32(&w);
	if (w.bad || id >= m->nslots || m->channels[id] == NULL) {
		mux_violation(m, "message for a channel that does not exist");
		return;
	}
	channel_message(m->channels[id], type, &w);
}

/* --- the way out ------------------------------------------------------ */

void
mux_violation(struct mux *m, const char *what)
{
	connection_violation(m->connection, what);
}

size_t
mux_room(struct mux *m)
{
	return connection_room(m->connection);
}

bool
mux_congested(struct mux *m)
{
	return mux_room(m) == 0;
}

int
mux_send(struct mux *m, const struct iovec *iov, int n)
{
	return connection_send(m->connection, iov, n);
}

int
mux_send_to_peer(struct channel *ch, uint8_t type)
{
	uint8_t b[5];
	struct iovec iov = { b, sizeof(b) };

	b[0] = type;
	wire_put_u32(b + 1, ch->peer);
	return mux_send(ch->mux, &iov, 1);
}

/* --- turns ------------------------------------------------------------ */

/* Those that queue again while they are served wait for the next turn. */
static void
wake_readers(struct mux *m)
{
	struct channel *ch;

	while ((ch = TAILQ_FIRST(&m->readers)) != NULL &&
	    ch->read_turn != m->turn_number) {
		TAILQ_REMOVE(&m->readers, ch, readers);
		ch->in_readers = false;
		if (ch->want_read && ch->ep.relay != NULL)
			relay_readable(&ch->ep);
	}
}

static void
wake_writers(struct mux *m)
{
	struct channel *ch;

	while ((ch = TAILQ_FIRST(&m->writers)) != NULL &&
	    ch->write_turn != m->turn_number && !mux_congested(m)) {
		TAILQ_REMOVE(&m->writers, ch, writers);
		ch->in_writers = false;
		if (!ch->want_write || ch->ep.relay == NULL)
			continue;
		if (channel_room(ch) > 0)
			relay_writable(&ch->ep);
		else if (ch->send_window > 0)
			channel_queue_writer(ch);	/* held meanwhile */
	}
}

/* What was put off while packets were handled. */
void
mux_turn(struct mux *m)
{
	struct channel *ch;

	m->turn_number++;
	wake_readers(m);
	wake_writers(m);
	while ((ch = TAILQ_FIRST(&m->dead)) != NULL)
		channel_destroy(ch);
	if (!TAILQ_EMPTY(&m->readers) ||
	    (!TAILQ_EMPTY(&m->writers) && !mux_congested(m)))
		mux_soon(m);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	mux_turn(arg);
}

/* A timer, not event_active(): descriptors get their turn in between. */
void
mux_soon(struct mux *m)
{
	if (!evtimer_pending(m->turn, NULL))
		timer_set(m->turn, 0);
}

/* --- life ------------------------------------------------------------- */

void
mux_serve(struct mux *m, const struct mux_service *service, void *arg)
{
	m->service = *service;
	m->arg = arg;
	m->served = true;
}

void
mux_peer_is_ours(struct mux *m)
{
	m->ours = true;
}

struct mux *
mux_new(struct event_base *base, struct connection *c)
{
	struct mux *m = xcalloc(1, sizeof(*m));

	m->connection = c;
	m->turn = evtimer_new(base, on_turn, m);
	TAILQ_INIT(&m->readers);
	TAILQ_INIT(&m->writers);
	TAILQ_INIT(&m->dead);
	TAILQ_INIT(&m->held);
	pace_init(&m->pace);
	TAILQ_INIT(&m->requests);
	return m;
}

void
mux_free(struct mux *m)
{
	struct channel *ch;
	struct request *r;
	size_t i;

	while ((r = TAILQ_FIRST(&m->requests)) != NULL) {
		TAILQ_REMOVE(&m->requests, r, next);
		if (r->answered != NULL)
			r->answered(r->arg, MUX_REFUSED, r->port);
		free(r);
	}
	for (i = 0; i < m->nslots; i++)
		if (m->channels[i] != NULL)
			channel_session_ended(m->channels[i]);
	while ((ch = TAILQ_FIRST(&m->dead)) != NULL)
		channel_destroy(ch);
	event_free(m->turn);
	free(m->channels);
	free(m->free_ids);
	free(m);
}

void
mux_counters(const struct mux *m, struct mux_counters *out)
{
	out->open = m->nopen;
	out->total = m->total;
	out->in = m->in;
	out->out = m->out;
	out->backlog = connection_backlog(m->connection);
	out->received = connection_received(m->connection);
}
