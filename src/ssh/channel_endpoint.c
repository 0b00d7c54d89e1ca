/* SPDX-License-Identifier: ISC */
/*
 * A channel as an endpoint of the relay: what has arrived is read here, which
 * earns the peer new window, and what is written leaves as packets within the
 * peer's window.
 */
#include "config.h"

#include <errno.h>

#include "orthrus/base/loop.h"

#include "mux_private.h"

#define CUT_OFF 1		/* exit status of what did not end by itself */

/* --- windows that we grant -------------------------------------------- */

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

/* True for bulk that makes small streams wait: its window shrinks. */
static bool
slows_small_streams(const struct channel *ch)
{
	return ch->mux->pace.queueing && channel_is_paced(ch);
}

void
channel_credit(struct channel *ch, size_t n)
{
	struct mux *m = ch->mux;
	struct window_view view;
	uint32_t bytes;

	if (m == NULL || ch->got_eof || ch->got_close || ch->sent_close)
		return;
	if (!window_consumed(&ch->window, n))
		return;
	if (channel_is_paced(ch) && pace_wants_mark(&m->pace))
		mux_mark(m);
	mux_measure(m);
	view = (struct window_view){ clock_us(), m->round_trip.least,
	    ch->in.len > 0, slows_small_streams(ch) };
	bytes = window_grant(&ch->window, ch->account, &view);
	if (bytes > 0)
		send_adjust(ch, bytes);
}

/* --- reading ---------------------------------------------------------- */

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
	channel_credit(ch, n);
	channel_note_input(ch);
}

/* --- writing ---------------------------------------------------------- */

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

	if (channel_cannot_send(ch)) {
		errno = EPIPE;
		return -1;
	}
	held = channel_is_paced(ch);
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
	channel_moved(ch, done);
	return (ssize_t)done;
}

static int
ch_finish(struct endpoint *ep)
{
	struct channel *ch = (struct channel *)ep;

	if (channel_cannot_send(ch)) {
		errno = EPIPE;
		return -1;
	}
	channel_run_ended(ch, ch->exit_status);
	ch->sent_eof = true;
	return mux_send_to_peer(ch, MSG_CHANNEL_EOF);
}

/* --- waiting and closing ---------------------------------------------- */

static void
ch_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct channel *ch = (struct channel *)ep;

	ch->want_read = readable;
	ch->want_write = writable;
	if (ch->mux == NULL)
		return;
	if (readable && (ch->in.len > 0 || ch->got_eof || ch->got_close))
		channel_queue_reader(ch);
	/* Without window, WINDOW_ADJUST queues it. */
	if (writable && (ch->send_window > 0 || channel_cannot_send(ch)))
		channel_queue_writer(ch);
}

static void
ch_close(struct endpoint *ep, bool aborted)
{
	struct channel *ch = (struct channel *)ep;

	(void)aborted;		/* SSH has only CLOSE without EOF for that */
	ch->owned = false;
	ch->want_read = ch->want_write = false;
	buffer_clear(&ch->in);
	channel_note_input(ch);
	if (ch->mux != NULL) {
		channel_run_ended(ch, CUT_OFF);
		channel_send_close(ch);
	}
	channel_retire(ch);
}

/*
 * Whether the peer still reads.  Of a program that was run that is known, for
 * its client closes the whole channel when it goes.
 */
static int
ch_reads(struct endpoint *ep)
{
	const struct channel *ch = (const struct channel *)ep;

	return !ch->runs ? -1 : !ch->got_close && !ch->lost;
}

const struct endpoint_ops channel_ops = {
	ch_peek, ch_consume, ch_room, ch_write, ch_finish, ch_watch, ch_close,
	ch_reads
};
