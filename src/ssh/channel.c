/* SPDX-License-Identifier: ISC */
/*
 * The life of a channel (RFC 4254 section 5): from its number to its CLOSE, who
 * is told how its opening went, and when its memory may go.
 */
#include "config.h"

#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/relay/relay.h"

#include "mux_private.h"

struct channel *
channel_create(struct mux *m, const struct endpoint_ops *ops,
    enum channel_state state, bool is_stream, struct account *payer)
{
	struct channel *ch = xcalloc(1, sizeof(*ch));

	ch->ep.ops = ops;
	ch->mux = m;
	ch->state = state;
	ch->is_stream = is_stream;
	ch->owned = true;
	mux_add(m, ch);
	channel_enter_account(ch, payer != NULL ? payer : m->account);
	/* A peer that ignores its window is cut off before this is reached. */
	buffer_init(&ch->in, WINDOW_LARGEST);
	return ch;
}

void
channel_destroy(struct channel *ch)
{
	struct mux *m = ch->mux;

	if (m != NULL) {
		channel_unqueue(ch);
		mux_remove(m, ch);
	}
	channel_leave_account(ch);
	buffer_clear(&ch->in);
	if (ch->dismissal != NULL)
		event_free(ch->dismissal);
	free(ch);
}

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
mux_free_retired(struct mux *m)
{
	struct channel *ch;

	while ((ch = TAILQ_FIRST(&m->dead)) != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a queue */
		channel_destroy(ch);
}

void
channel_send_close(struct channel *ch)
{
	if (ch->sent_close)
		return;
	ch->sent_close = true;
	channel_withdraw_window(ch);
	mux_send_to_peer(ch, MSG_CHANNEL_CLOSE);
}

void
channel_opened_or_failed(struct channel *ch, enum open_failure reason,
    const char *text)
{
	channel_opened *opened = ch->opened;
	void *arg = ch->arg;	/* a channel without a mux is freed at once */

	ch->opened = NULL;
	if (reason != OPEN_OK) {
		ch->state = CHANNEL_REFUSED;
		ch->owned = false;
		channel_retire(ch);
	}
	if (opened != NULL)
		opened(arg, reason, text);
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

bool
channel_is_unused(const struct channel *ch)
{
	return ch->is_session && ch->ep.relay == NULL;
}

void
channel_session_ended(struct channel *ch)
{
	struct mux *m = ch->mux;
	channel_opened *opened = ch->opened;
	void (*gone)(void *) = ch->gone;
	void *arg = ch->arg;

	channel_unqueue(ch);
	m->channels[ch->id] = NULL;
	ch->mux = NULL;
	ch->lost = true;
	if (!ch->owned || ch->state != CHANNEL_OPEN || opened != NULL ||
	    channel_is_unused(ch)) {
		channel_destroy(ch);
		if (opened != NULL)
			opened(arg, OPEN_CONNECT_FAILED, "the session ended");
		if (gone != NULL)
			gone(arg);
		return;
	}
	if (ch->account == &m->own)
		channel_leave_account(ch);
	else
		channel_withdraw_window(ch);
	/*
	 * What has arrived is still delivered; then, and at once for a stream
	 * that waits, peek() says ECONNRESET.
	 */
	if (ch->ep.relay != NULL)
		relay_hangup(&ch->ep);
}

struct endpoint *
channel_endpoint(struct channel *ch)
{
	return &ch->ep;
}
