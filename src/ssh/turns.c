/* SPDX-License-Identifier: ISC */
/*
 * Whose turn it is: the channels of a mux that have something to be read, or
 * room for more, stand in queues, and bulk that would delay small streams
 * (pace.h) stands in one of its own until a mark is answered.
 */
#include "config.h"

#include "orthrus/base/loop.h"
#include "orthrus/relay/relay.h"

#include "mux_private.h"

/* --- how much a channel may send -------------------------------------- */

bool
channel_cannot_send(const struct channel *ch)
{
	return ch->lost || ch->got_close || ch->sent_close || ch->sent_eof;
}

/*
 * Without a round trip the peer is not known to answer marks, and bulk that
 * waited for one might wait for ever.
 */
bool
channel_is_paced(const struct channel *ch)
{
	return ch->rate.bulk && ch->mux->round_trip.least != 0 &&
	    pace_holds(&ch->mux->pace, &ch->rate, clock_us());
}

/*
 * A subsystem belongs to our two programs.  Nobody waits for its heartbeats as
 * for the echo of a key, so that bulk need not slow down for them: they are
 * not counted.
 */
void
channel_moved(struct channel *ch, size_t n)
{
	if (!ch->is_session && ch->subsystem == NULL)
		pace_moved(&ch->mux->pace, &ch->rate, n, clock_us());
}

size_t
channel_room(struct channel *ch)
{
	size_t room;

	if (channel_cannot_send(ch))
		return SIZE_MAX;	/* write() then says EPIPE */
	room = mux_room(ch->mux);
	if (ch->send_window < room)
		room = ch->send_window;
	if (channel_is_paced(ch) && pace_room(&ch->mux->pace) < room)
		room = pace_room(&ch->mux->pace);
	return room;
}

/* --- the queues ------------------------------------------------------- */

void
channel_queue_reader(struct channel *ch)
{
	if (ch->in_readers || ch->mux == NULL)
		return;
	ch->in_readers = true;
	ch->read_turn = ch->mux->turn_number;
	TAILQ_INSERT_TAIL(&ch->mux->readers, ch, readers);
	mux_soon(ch->mux);
}

void
channel_queue_writer(struct channel *ch)
{
	if (ch->in_writers || ch->in_held)
		return;
	if (!channel_cannot_send(ch) && channel_is_paced(ch) &&
	    pace_room(&ch->mux->pace) == 0) {
		ch->in_held = true;
		TAILQ_INSERT_TAIL(&ch->mux->held, ch, writers);
		return;
	}
	ch->in_writers = true;
	ch->write_turn = ch->mux->turn_number;
	TAILQ_INSERT_TAIL(&ch->mux->writers, ch, writers);
	/*
	 * A congested session serves the queue in the turn that its next flush
	 * brings.
	 */
	if (!mux_congested(ch->mux))
		mux_soon(ch->mux);
}

void
mux_release_held(struct mux *m)
{
	struct channel_list held = TAILQ_HEAD_INITIALIZER(held);
	struct channel *ch;

	TAILQ_CONCAT(&held, &m->held, writers);
	while ((ch = TAILQ_FIRST(&held)) != NULL) {
		TAILQ_REMOVE(&held, ch, writers);
		ch->in_held = false;
		channel_queue_writer(ch);
	}
}

void
channel_unqueue(struct channel *ch)
{
	struct mux *m = ch->mux;

	if (ch->in_readers)
		TAILQ_REMOVE(&m->readers, ch, readers);
	if (ch->in_writers)
		TAILQ_REMOVE(&m->writers, ch, writers);
	if (ch->in_held)
		TAILQ_REMOVE(&m->held, ch, writers);
	if (ch->in_dead)
		TAILQ_REMOVE(&m->dead, ch, dead);
	ch->in_readers = ch->in_writers = ch->in_held = ch->in_dead = false;
}

/* --- a turn ----------------------------------------------------------- */

/*
 * Serves those that were queued before this turn.  Who queues again meanwhile
 * waits for the next one, so that nobody is served twice.
 */
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
			channel_queue_writer(ch);	/* it is paced by now */
	}
}

void
mux_wake(struct mux *m)
{
	wake_readers(m);
	wake_writers(m);
}
