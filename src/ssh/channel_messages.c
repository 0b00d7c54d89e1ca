/* SPDX-License-Identifier: ISC */
/*
 * What the peer says of one channel: the answer to our opening, windows, data
 * and the two ends (RFC 4254 sections 5.1 to 5.3).
 */
#include "config.h"

#include <string.h>

#include "orthrus/base/text.h"
#include "orthrus/relay/relay.h"

#include "mux_private.h"

static void
on_open_confirmation(struct channel *ch, struct wire *w)
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
			channel_start_subsystem(ch);
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
on_open_failure(struct channel *ch, struct wire *w)
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

static void
on_channel_data(struct channel *ch, struct wire *w)
{
	size_t len;
	const uint8_t *p = wire_string(w, &len);

	if (w->bad || len > PACKET_MAX || ch->got_eof ||
	    !window_arrived(&ch->window, len)) {
		mux_violation(ch->mux, "channel data beyond its window or end");
		return;
	}
	if (len == 0 || channel_exits(ch) || !ch->owned)
		return;		/* the peer has not seen our CLOSE yet */
	ch->mux->in += len;
	channel_moved(ch, len);
	channel_land(ch, p, len);
}

/*
 * Drops standard error.  It counts against the window like data (RFC 4254
 * section 5.2), so that as much is granted again at once.
 */
static void
on_extended_data(struct channel *ch, struct wire *w)
{
	size_t len;

	wire_u32(w);
	wire_string(w, &len);
	if (w->bad || !window_arrived(&ch->window, len)) {
		mux_violation(ch->mux, "channel data beyond its window");
		return;
	}
	channel_credit(ch, len);
}

static void
on_window_adjust(struct channel *ch, struct wire *w)
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
on_channel_close(struct channel *ch)
{
	ch->got_close = true;
	channel_withdraw_window(ch);
	if (!ch->mux->ours)
		ch->got_eof = true;
	if (ch->subsystem != NULL && ch->opened != NULL) {
		channel_subsystem_failed(ch);
		return;
	}
	if (channel_is_unused(ch))
		ch->owned = false;
	if (!ch->owned)
		channel_send_close(ch);
	else if (ch->ep.relay != NULL) {
		if (ch->want_read)
			channel_queue_reader(ch);
		relay_hangup(&ch->ep);
	}
	channel_retire(ch);
}

void
channel_message(struct channel *ch, uint8_t type, struct wire *w)
{
	if (type == MSG_CHANNEL_OPEN_CONFIRMATION) {
		on_open_confirmation(ch, w);
		return;
	}
	if (type == MSG_CHANNEL_OPEN_FAILURE) {
		on_open_failure(ch, w);
		return;
	}
	if (ch->state != CHANNEL_OPEN || ch->got_close) {
		mux_violation(ch->mux, "message for a channel that is not "
		    "open");
		return;
	}
	/*
	 * What came before this message must be delivered before it is acted
	 * upon.
	 */
	if (type != MSG_CHANNEL_DATA)
		channel_deliver();
	switch (type) {
	case MSG_CHANNEL_WINDOW_ADJUST:
		on_window_adjust(ch, w);
		break;
	case MSG_CHANNEL_DATA:
		on_channel_data(ch, w);
		break;
	case MSG_CHANNEL_EXTENDED_DATA:
		/*
		 * Only a subsystem has a standard error; nobody reads it here.
		 */
		if (ch->subsystem != NULL) {
			on_extended_data(ch, w);
			break;
		}
		mux_violation(ch->mux, "extended data on a forwarded stream");
		break;
	case MSG_CHANNEL_EOF:
		ch->got_eof = true;
		channel_withdraw_window(ch);
		channel_exits(ch);
		if (ch->want_read)
			channel_queue_reader(ch);
		break;
	case MSG_CHANNEL_CLOSE:
		on_channel_close(ch);
		break;
	case MSG_CHANNEL_REQUEST:
		channel_on_peer_request(ch, w);
		break;
	default:
		channel_on_request_answer(ch, type == MSG_CHANNEL_SUCCESS);
	}
}
