/* SPDX-License-Identifier: ISC */
/*
 * Where received data lands on its way to a channel's relay: data of one
 * channel that come in a row are gathered, so that its socket gets them with
 * one write(2) instead of one for each packet.
 */
#include "config.h"

#include <string.h>

#include "orthrus/relay/relay.h"

#include "mux_private.h"

/* One for all sessions: it is empty whenever the loop runs. */
static struct {
	struct channel *ch;		/* NULL: empty */
	size_t len;
	uint8_t data[LANDING_SIZE];
} landing;

/*
 * Offers what has landed to the relay.  What that does not take stays with the
 * channel.
 */
static void
offer_landed(struct channel *ch, const uint8_t *p, size_t len)
{
	size_t taken = 0;

	if (ch->in.len == 0 && ch->want_read && ch->ep.relay != NULL)
		taken = relay_offer(&ch->ep, p, len);
	if (!ch->owned)
		return;
	if (taken < len) {
		window_left_unread(&ch->window);
		/* No more than this can come until more is granted. */
		ch->in.max = ch->in.len + len - taken + ch->window.left;
		if (buffer_put(&ch->in, p + taken, len - taken) == -1) {
			mux_violation(ch->mux, "channel data over its limit");
			return;
		}
		channel_note_input(ch);
		if (ch->want_read)
			channel_queue_reader(ch);
	}
	channel_credit(ch, taken);
}

void
channel_deliver(void)
{
	struct channel *ch = landing.ch;

	if (ch == NULL)
		return;
	landing.ch = NULL;
	if (ch->owned)
		offer_landed(ch, landing.data, landing.len);
}

void
channel_land(struct channel *ch, const uint8_t *p, size_t len)
{
	if (landing.ch != ch || landing.len + len > sizeof(landing.data)) {
		channel_deliver();
		landing.ch = ch;
		landing.len = 0;
	}
	memcpy(landing.data + landing.len, p, len);
	landing.len += len;
}
