/* SPDX-License-Identifier: ISC */
/*
 * The channel manager on its connection: it begins, hands each packet to the
 * part that knows its kind, has its turns, and ends.
 */
#include "config.h"

#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"

#include "mux_private.h"

static void
dispatch_packet(struct mux *m, uint8_t type, const uint8_t *p, size_t len)
{
	struct wire w;
	uint32_t id;

	wire_init(&w, p, len);
	switch (type) {
	case MSG_DEBUG:
		mux_on_debug(m, &w);
		return;
	case MSG_GLOBAL_REQUEST:
		mux_on_request(m, &w);
		return;
	case MSG_REQUEST_SUCCESS:
	case MSG_REQUEST_FAILURE:
		mux_on_answer(m, type == MSG_REQUEST_SUCCESS, &w);
		return;
	case MSG_CHANNEL_OPEN:
		mux_on_open(m, &w);
		return;
	}
	id = wire_u32(&w);
	if (w.bad || id >= m->nslots || m->channels[id] == NULL) {
		mux_violation(m, "message for a channel that does not exist");
		return;
	}
	channel_message(m->channels[id], type, &w);
}

/* What was put off while packets were handled. */
void
mux_turn(struct mux *m)
{
	m->turn_number++;
	mux_wake(m);
	mux_note_unsent(m);
	mux_free_retired(m);
	if (!TAILQ_EMPTY(&m->readers) ||
	    (!TAILQ_EMPTY(&m->writers) && !mux_congested(m)))
		mux_soon(m);
}

static void
on_mux_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	loop_doing(LOOP_SESSION);
	mux_turn(arg);
}

struct mux *
mux_new(struct event_base *base, struct connection *c)
{
	static const struct mux_ops ops = {
		dispatch_packet, channel_deliver, mux_turn, mux_free
	};
	struct mux *m = xcalloc(1, sizeof(*m));

	m->connection = c;
	account_init(&m->own, NULL);
	m->account = &m->own;
	m->turn = evtimer_new(base, on_mux_turn, m);
	TAILQ_INIT(&m->readers);
	TAILQ_INIT(&m->writers);
	TAILQ_INIT(&m->dead);
	TAILQ_INIT(&m->held);
	pace_init(&m->pace);
	TAILQ_INIT(&m->requests);
	connection_carry(c, &ops, m);
	return m;
}

void
mux_free(struct mux *m)
{
	size_t i;

	mux_end_requests(m);
	for (i = 0; i < m->nslots; i++)
		if (m->channels[i] != NULL)
			channel_session_ended(m->channels[i]);
	mux_free_retired(m);
	mux_leave_account(m);
	event_free(m->turn);
	free(m->channels);
	free(m->free_ids);
	free(m);
}

