/* SPDX-License-Identifier: ISC */
/*
 * What every part of the channel manager stands on: its way out to the
 * connection, its turns to come, the channels by their numbers, and its
 * counters.  Nothing here calls the other parts.
 */
#include "config.h"

#include <event2/event.h>

#include "mux_private.h"

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

/* A timer, not event_active(): descriptors get their turn in between. */
void
mux_soon(struct mux *m)
{
	if (!evtimer_pending(m->turn, NULL))
		timer_set(m->turn, 0);
}

/* --- channels by number ----------------------------------------------- */

static uint32_t
free_number(struct mux *m)
{
	size_t i, n;

	if (m->nfree == 0) {
		n = m->nslots == 0 ? 16 : m->nslots * 2;
		m->channels = xreallocarray(m->channels, n,
		    sizeof(*m->channels));
		m->free_ids = xreallocarray(m->free_ids, n,
		    sizeof(*m->free_ids));
		for (i = n; i > m->nslots; i--) {
			m->channels[i - 1] = NULL;
			m->free_ids[m->nfree++] = (uint32_t)(i - 1);
		}
		m->nslots = n;
	}
	return m->free_ids[--m->nfree];
}

void
mux_add(struct mux *m, struct channel *ch)
{
	ch->id = free_number(m);
	m->channels[ch->id] = ch;
	m->nopen++;
}

void
mux_remove(struct mux *m, const struct channel *ch)
{
	m->channels[ch->id] = NULL;
	m->free_ids[m->nfree++] = ch->id;
	m->nopen--;
	m->nsessions -= ch->is_session;
}

/* --- whom it serves --------------------------------------------------- */

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

bool
mux_is_parted(const struct mux *m)
{
	return connection_is_parted(m->connection);
}

bool
mux_is_over(const struct mux *m)
{
	return connection_is_over(m->connection);
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
