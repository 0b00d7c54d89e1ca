/* SPDX-License-Identifier: ISC */
/*
 * One channel of the connection protocol as an endpoint of the relay: its
 * windows, what has arrived unread, and its two half-closes.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/text.h"
#include "orthrus/relay/relay.h"

#include "mux_private.h"

#define CUT_OFF 1		/* exit status of what did not end by itself */

static const struct endpoint_ops channel_ops;

/* --- life ------------------------------------------------------------- */

static uint32_t
new_id(struct mux *m)
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

struct channel *
channel_create(struct mux *m, enum channel_state state)
{
	struct channel *ch = xcalloc(1, sizeof(*ch));

	ch->ep.ops = &channel_ops;
	ch->mux = m;
	ch->state = state;
	ch->id = new_id(m);
	m->channels[ch->id] = ch;
	m->nopen++;
	ch->owned = true;
	window_init(&ch->window, m->nopen);
	/* A peer that ignores its window is cut off before this is reached. */
	buffer_init(&ch->in, WINDOW_LARGEST);
	return ch;
}

static void
unqueue(struct channel *ch)
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

void
channel_destroy(struct channel *ch)
{
	struct mux *m = ch->mux;

	if (m != NULL) {
		unqueue(ch);
		window_end(&ch->window, &m->grown);
		m->channels[ch->id] = NULL;
		m->free_ids[m->nfree++] = ch->id;
		m->nopen--;
		m->nsessions -= ch->is_session;
	}
	buffer_clear(&ch->in);
	if (ch->dismissal != NULL)
		event_free(ch->dismissal);
	free(ch);
}

/*
 * Frees the channel at the end of the turn if nobody needs it any more: the
 * owner has let go, and the number may be used again because both sides have
 * said CLOSE (RFC 4254 section 5.3) or the channel never opened.
 */
void
channel_retire(struct channel *ch)
{
	if (ch->owned || ch->in_dead)
		return;
	if (ch->mux == NULL) {
		channel_destroy(ch);
		return;
	}
	if (ch->state != CHANNEL_REFUSED && !(ch->sent_close && ch->got_close))
		return;
	ch->in_dead = true;
	TAILQ_INSERT_TAIL(&ch->mux->dead, ch, dead);
	mux_soon(ch->mux);
}

void
channel_send_close(struct channel *ch)
{
	if (ch->sent_close)
		return;
	ch->sent_close = true;
	mux_send_to_peer(ch, MSG_CHANNEL_CLOSE);
}

/* A session channel on which nothing was asked for that we do. */
static bool
is_unused(const struct channel *ch)
{
	return ch->is_session && ch->ep.relay == NULL;
}

/* The session is gone: whoever waits is told, what has arrived stays. */
void
channel_session_ended(struct channel *ch)
{
	struct mux *m = ch->mux;
	channel_opened *opened = ch->opened;
	void (*gone)(void *) = ch->gone;
	void *arg = ch->arg;

	unqueue(ch);
	m->channels[ch->id] = NULL;
	ch->mux = NULL;
	ch->lost = true;
	if (!ch->owned || ch->state != CHANNEL_OPEN || opened != NULL ||
	    is_unused(ch)) {
		channel_destroy(ch);
		if (opened != NULL)
			opened(arg, OPEN_CONNECT_FAILED, "the session ended");
		if (gone != NULL)
			gone(arg);
		return;
	}
	/*
	 * What has arrived is still delivered; then, and at once for a stream
	 * that waits, peek() says ECONNRESET.
	 */
	if (ch->ep.relay != NULL)
		relay_hangup(&ch->ep);
}

void
channel_cancel(struct channel *ch)
{
	ch->opened = NULL;
	ch->owned = false;
	/* Until the answer comes there is no number to send CLOSE to. */
	if (ch->state == CHANNEL_OPEN)	/* its subsystem is not there yet */
		channel_send_close(ch);
	channel_retire(ch);
}

struct endpoint *
channel_endpoint(struct channel *ch)
{
	return &ch->ep;
}

/* --- what the relay asks ---------------------------------------------- */

static void
queue_reader(struct channel *ch)
{
	if (ch->in_readers || ch->mux == NULL)
		return;
	ch->in_readers = true;
	ch->read_turn = ch->mux->turn_number;
	TAILQ_INSERT_TAIL(&ch->mux->readers, ch, readers);
	mux_soon(ch->mux);
}

static bool
cannot_send(const struct channel *ch)
{
	return ch->lost || ch->got_close || ch->sent_close || ch->sent_eof;
}

/* Bulk beside small streams, at a peer that is known to answer marks. */
static bool
held_back(const struct channel *ch)
{
	return ch->rate.bulk && ch->mux->round_trip.least != 0 &&
	    pace_holds(&ch->mux->pace, &ch->rate, clock_us());
}

/*
 * It moved n bytes.  A subsystem is the two programs' own: nobody waits for a
 * heartbeat as for a key that was pressed, and bulk need not slow down for it.
 */
static void
moved(struct channel *ch, size_t n)
{
	if (!ch->is_session && ch->subsystem == NULL)
		pace_moved(&ch->mux->pace, &ch->rate, n, clock_us());
}

void
channel_queue_writer(struct channel *ch)
{
	if (ch->in_writers || ch->in_held)
		return;
	if (!cannot_send(ch) && held_back(ch) &&
	    pace_room(&ch->mux->pace) == 0) {
		ch->in_held = true;
		TAILQ_INSERT_TAIL(&ch->mux->held, ch, writers);
		return;
	}
	ch->in_writers = true;
	ch->write_turn = ch->mux->turn_number;
	TAILQ_INSERT_TAIL(&ch->mux->writers, ch, writers);
	/* While the session is congested, its next turn serves the queue. */
	if (!mux_congested(ch->mux))
		mux_soon(ch->mux);
}

void
channel_let_go(struct mux *m)
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

static void
send_adjust(struct channel *ch, uint32_t bytes)
{
	uint8_t b[9], *p = b;
	struct iovec iov = { b, sizeof(b) };

	*p++ = MSG_CHANNEL_WINDOW_ADJUST;
	p = wire_put_u32(p, ch->peer);
	wire_put_u32(p, bytes);
	mux_send(ch->mux, &iov, 1);
}

/* Bulk that makes small streams wait. */
static bool
slowed(const struct channel *ch)
{
	return ch->mux->pace.queueing && held_back(ch);
}

/* n bytes have left for good: room for as many more, now or with others. */
static void
credit(struct channel *ch, size_t n)
{
	struct mux *m = ch->mux;
	struct window_view view;
	uint32_t bytes;

	if (m == NULL || ch->got_eof || ch->got_close || ch->sent_close)
		return;
	if (!window_consumed(&ch->window, n))
		return;
	if (held_back(ch) && pace_wants_mark(&m->pace))
		mux_mark(m);
	mux_measure(m);
	view = (struct window_view){ clock_us(), m->round_trip.least,
	    ch->in.len > 0, slowed(ch) };
	bytes = window_grant(&ch->window, &m->grown, &view);
	if (bytes > 0)
		send_adjust(ch, bytes);
}

static ssize_t
ch_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct channel *ch = (struct channel *)ep;

	if (ch->in.len > 0) {
		*p = buffer_head(&ch->in);
		return (ssize_t)(ch->in.len < max ? ch->in.len : max);
	}
	if (ch->got_eof)
		return 0;
	errno = ch->lost || ch->got_close ? ECONNRESET : EAGAIN;
	return -1;
}

static void
ch_consume(struct endpoint *ep, size_t n)
{
	struct channel *ch = (struct channel *)ep;

	buffer_drop(&ch->in, n);
	credit(ch, n);
}

size_t
channel_room(struct channel *ch)
{
	size_t room;

	if (cannot_send(ch))
		return SIZE_MAX;	/* let it try: write() says EPIPE */
	room = mux_room(ch->mux);
	if (ch->send_window < room)
		room = ch->send_window;
	if (held_back(ch) && pace_room(&ch->mux->pace) < room)
		room = pace_room(&ch->mux->pace);
	return room;
}

static size_t
ch_room(struct endpoint *ep)
{
	return channel_room((struct channel *)ep);
}

static ssize_t
ch_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct channel *ch = (struct channel *)ep;
	uint8_t head[9], *h;
	struct iovec iov[2];
	size_t done = 0, len;
	bool held;

	if (cannot_send(ch)) {
		errno = EPIPE;
		return -1;
	}
	held = held_back(ch);
	if (held && n > pace_room(&ch->mux->pace))
		n = pace_room(&ch->mux->pace);
	while (done < n && ch->send_window > 0 && !mux_congested(ch->mux)) {
		len = n - done;
		if (len > ch->send_window)
			len = ch->send_window;
		if (len > ch->send_packet)
			len = ch->send_packet;
		if (len > PACKET_MAX)
			len = PACKET_MAX;
		h = head;
		*h++ = MSG_CHANNEL_DATA;
		h = wire_put_u32(h, ch->peer);
		wire_put_u32(h, (uint32_t)len);
		iov[0].iov_base = head;
		iov[0].iov_len = sizeof(head);
		iov[1].iov_base = (uint8_t *)(uintptr_t)p + done;
		iov[1].iov_len = len;
		if (mux_send(ch->mux, iov, 2) == -1) {
			errno = EPIPE;
			return -1;
		}
		ch->send_window -= (uint32_t)len;
		ch->mux->out += len;
		done += len;
		if (!held)
			continue;
		pace_sent(&ch->mux->pace, len);
		if (pace_wants_mark(&ch->mux->pace))
			mux_mark(ch->mux);
	}
	if (done == 0) {
		errno = EAGAIN;
		return -1;
	}
	moved(ch, done);
	return (ssize_t)done;
}

static int
ch_finish(struct endpoint *ep)
{
	struct channel *ch = (struct channel *)ep;

	if (cannot_send(ch)) {
		errno = EPIPE;
		return -1;
	}
	channel_run_ended(ch, ch->exit_status);
	ch->sent_eof = true;
	return mux_send_to_peer(ch, MSG_CHANNEL_EOF);
}

static void
ch_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct channel *ch = (struct channel *)ep;

	ch->want_read = readable;
	ch->want_write = writable;
	if (ch->mux == NULL)
		return;
	if (readable && (ch->in.len > 0 || ch->got_eof || ch->got_close))
		queue_reader(ch);
	/* Without window, WINDOW_ADJUST queues it. */
	if (writable && (ch->send_window > 0 || cannot_send(ch)))
		channel_queue_writer(ch);
}

static void
ch_close(struct endpoint *ep, bool aborted)
{
	struct channel *ch = (struct channel *)ep;

	(void)aborted;		/* CLOSE without EOF is all that SSH can say */
	ch->owned = false;
	ch->want_read = ch->want_write = false;
	buffer_clear(&ch->in);
	if (ch->mux != NULL) {
		channel_run_ended(ch, CUT_OFF);
		channel_send_close(ch);
	}
	channel_retire(ch);
}

/* A program's client says that it has gone by closing all of its channel. */
static int
ch_reads(struct endpoint *ep)
{
	const struct channel *ch = (const struct channel *)ep;

	return !ch->runs ? -1 : !ch->got_close && !ch->lost;
}

static const struct endpoint_ops channel_ops = {
	ch_peek, ch_consume, ch_room, ch_write, ch_finish, ch_watch, ch_close,
	ch_reads
};

/* --- what the peer says ----------------------------------------------- */

void
channel_opened_or_failed(struct channel *ch, enum open_failure reason,
    const char *text)
{
	channel_opened *opened = ch->opened;

	ch->opened = NULL;
	if (reason != OPEN_OK) {
		ch->state = CHANNEL_REFUSED;
		ch->owned = false;
		channel_retire(ch);
	}
	if (opened != NULL)
		opened(ch->arg, reason, text);
}

static void
on_confirmation(struct channel *ch, struct wire *w)
{
	ch->peer = wire_u32(w);
	ch->send_window = wire_u32(w);
	ch->send_packet = wire_u32(w);
	if (w->bad || ch->state != CHANNEL_OPENING) {
		mux_violation(ch->mux, "unexpected channel confirmation");
		return;
	}
	ch->state = CHANNEL_OPEN;
	ch->mux->total++;
	if (ch->send_packet >= PACKET_MIN && ch->opened != NULL) {
		if (ch->subsystem != NULL) {
			channel_ask_subsystem(ch);
			return;
		}
		channel_opened_or_failed(ch, OPEN_OK, "");
		return;
	}
	channel_send_close(ch);
	if (ch->opened != NULL) {
		ch->owned = false;
		ch->opened(ch->arg, OPEN_CONNECT_FAILED,
		    "the peer's maximum packet size is too small");
		ch->opened = NULL;
	}
}

static void
on_failure(struct channel *ch, struct wire *w)
{
	char raw[160] = "", text[200];
	uint32_t reason = wire_u32(w);
	size_t len;
	const uint8_t *s = wire_string(w, &len);

	if (w->bad || ch->state != CHANNEL_OPENING) {
		mux_violation(ch->mux, "unexpected channel open failure");
		return;
	}
	memcpy(raw, s, len < sizeof(raw) ? len : sizeof(raw) - 1);
	text_escape(text, sizeof(text), raw, TEXT_PLAIN);
	if (reason < OPEN_PROHIBITED || reason > OPEN_RESOURCE_SHORTAGE)
		reason = OPEN_CONNECT_FAILED;
	channel_opened_or_failed(ch, reason, text);
}

/*
 * Data of one channel that came in a row lands here, and goes to its socket
 * with one write(2) instead of one for each packet.  For all sessions: it is
 * empty whenever the loop runs.
 */
static struct {
	struct channel *ch;		/* NULL: empty */
	size_t len;
	uint8_t data[LANDING_SIZE];
} landing;

/* Hands on what has arrived; what is not taken stays with the channel. */
static void
take_in(struct channel *ch, const uint8_t *p, size_t len)
{
	size_t taken = 0;

	if (ch->in.len == 0 && ch->want_read && ch->ep.relay != NULL)
		taken = relay_offer(&ch->ep, p, len);
	if (!ch->owned)
		return;
	if (taken < len) {
		window_left_unread(&ch->window);
		if (buffer_put(&ch->in, p + taken, len - taken) == -1) {
			mux_violation(ch->mux, "channel data over its limit");
			return;
		}
		if (ch->want_read)
			queue_reader(ch);
	}
	credit(ch, taken);
}

void
channel_deliver(void)
{
	struct channel *ch = landing.ch;

	if (ch == NULL)
		return;
	landing.ch = NULL;
	if (ch->owned)
		take_in(ch, landing.data, landing.len);
}

static void
on_data(struct channel *ch, struct wire *w)
{
	size_t len;
	const uint8_t *p = wire_string(w, &len);

	if (w->bad || len > PACKET_MAX || ch->got_eof ||
	    !window_arrived(&ch->window, len)) {
		mux_violation(ch->mux, "channel data beyond its window or end");
		return;
	}
	if (!ch->owned || len == 0)
		return;		/* closed here, CLOSE not yet seen there */
	ch->mux->in += len;
	moved(ch, len);
	if (landing.ch != ch || landing.len + len > sizeof(landing.data)) {
		channel_deliver();
		landing.ch = ch;
		landing.len = 0;
	}
	memcpy(landing.data + landing.len, p, len);
	landing.len += len;
}

/* Its window is used up as if it were data, and granted again at once. */
static void
on_extended(struct channel *ch, struct wire *w)
{
	size_t len;

	wire_u32(w);
	wire_string(w, &len);
	if (w->bad || !window_arrived(&ch->window, len)) {
		mux_violation(ch->mux, "channel data beyond its window");
		return;
	}
	credit(ch, len);
}

static void
on_adjust(struct channel *ch, struct wire *w)
{
	uint32_t bytes = wire_u32(w);

	if (w->bad || bytes > UINT32_MAX - ch->send_window) {
		mux_violation(ch->mux, "window beyond 2^32-1");
		return;
	}
	ch->send_window += bytes;
	if (ch->want_write && bytes > 0)
		channel_queue_writer(ch);
}

static void
on_close(struct channel *ch)
{
	ch->got_close = true;
	if (!ch->mux->ours)
		ch->got_eof = true;
	if (ch->subsystem != NULL && ch->opened != NULL) {
		channel_ask_failed(ch);
		return;
	}
	if (is_unused(ch))
		ch->owned = false;
	if (!ch->owned)
		channel_send_close(ch);
	else if (ch->ep.relay != NULL) {
		if (ch->want_read)
			queue_reader(ch);
		relay_hangup(&ch->ep);
	}
	channel_retire(ch);
}

void
channel_message(struct channel *ch, uint8_t type, struct wire *w)
{
	if (type == MSG_CHANNEL_OPEN_CONFIRMATION) {
		on_confirmation(ch, w);
		return;
	}
	if (type == MSG_CHANNEL_OPEN_FAILURE) {
		on_failure(ch, w);
		return;
	}
	if (ch->state != CHANNEL_OPEN || ch->got_close) {
		mux_violation(ch->mux, "message for a channel that is not open");
		return;
	}
	/* An end comes behind the data before it. */
	if (type != MSG_CHANNEL_DATA)
		channel_deliver();
	switch (type) {
	case MSG_CHANNEL_WINDOW_ADJUST:
		on_adjust(ch, w);
		break;
	case MSG_CHANNEL_DATA:
		on_data(ch, w);
		break;
	case MSG_CHANNEL_EXTENDED_DATA:
		/* What somebody's standard error says is of no use here. */
		if (ch->subsystem != NULL) {
			on_extended(ch, w);
			break;
		}
		mux_violation(ch->mux, "extended data on a forwarded stream");
		break;
	case MSG_CHANNEL_EOF:
		ch->got_eof = true;
		if (ch->want_read)
			queue_reader(ch);
		break;
	case MSG_CHANNEL_CLOSE:
		on_close(ch);
		break;
	case MSG_CHANNEL_REQUEST:
		channel_on_message_request(ch, w);
		break;
	default:
		channel_on_answer(ch, type == MSG_CHANNEL_SUCCESS);
	}
}
