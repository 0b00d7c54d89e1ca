/*
 * One of libssh's channels as an endpoint of the relay.  libssh's callbacks
 * only take notes and offer bytes to the relay; whatever calls libssh back
 * waits for the turn.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/relay/relay.h"

#include "mux_public.h"

static const struct endpoint_ops channel_ops;

void
channel_count(struct channel *ch)
{
	struct mux *m = ch->mux;
	size_t now = ch->owned ? ch->in.len + ch->unread : 0;
	bool waited;

	if (m == NULL)
		return;
	waited = m->held >= HELD_MAX;
	m->held += now - ch->held;
	ch->held = now;
	if (waited && m->held < HELD_MAX)
		mux_resume(m);
	else if (!waited && m->held >= HELD_MAX)
		mux_pause(m);
}

/* --- what libssh tells ------------------------------------------------ */

/* data is all that is unread, older bytes included; says how much was taken. */
static int
on_data(ssh_session session, ssh_channel ssh, void *data, uint32_t len,
    int is_stderr, void *arg)
{
	struct channel *ch = arg;
	size_t taken = 0;

	(void)session;
	(void)ssh;
	if (is_stderr)			/* not part of a stream */
		return (int)len;
	ch->got_data = true;
	if (len > UNREAD_MAX)
		mux_violation(ch->mux, "channel data beyond its window");
	/* To take it would make libssh grant more, behind our CLOSE. */
	if (!ch->owned)
		return 0;
	ch->mux->in += len - ch->unread;
	ch->unread = len;
	if (ch->in.len == 0 && ch->want_read && ch->ep.relay != NULL)
		taken = relay_offer(&ch->ep, data, len);
	if (!ch->owned)			/* the relay has closed it */
		return (int)taken;
	ch->unread -= taken;
	channel_count(ch);
	if (ch->unread > 0 && ch->want_read)
		mux_soon(ch->mux);
	return (int)taken;
}

static void
on_eof(ssh_session session, ssh_channel ssh, void *arg)
{
	struct channel *ch = arg;

	(void)session;
	(void)ssh;
	ch->got_eof = true;
	mux_soon(ch->mux);
}

static void
on_close(ssh_session session, ssh_channel ssh, void *arg)
{
	struct channel *ch = arg;

	(void)session;
	(void)ssh;
	ch->got_close = true;
	mux_soon(ch->mux);
}

void
channel_listen(struct channel *ch)
{
	ch->callbacks.userdata = ch;
	ch->callbacks.channel_data_function = on_data;
	ch->callbacks.channel_eof_function = on_eof;
	ch->callbacks.channel_close_function = on_close;
	ssh_callbacks_init(&ch->callbacks);
	ssh_set_channel_callbacks(ch->ssh, &ch->callbacks);
}

/* --- life ------------------------------------------------------------- */

struct channel *
channel_create(struct mux *m, enum channel_state state)
{
	struct channel *ch = xcalloc(1, sizeof(*ch));

	ch->ep.ops = &channel_ops;
	ch->mux = m;
	ch->state = state;
	ch->answer = SSH_AGAIN;
	ch->reason = OPEN_CONNECT_FAILED;
	ch->owned = true;
	buffer_init(&ch->in, SIZE_MAX);	/* libssh's own limit holds for it */
	TAILQ_INSERT_TAIL(&m->channels, ch, next);
	m->nopen++;
	return ch;
}

static void
release(struct channel *ch)
{
	if (ch->mux != NULL) {
		TAILQ_REMOVE(&ch->mux->channels, ch, next);
		ch->mux->nopen--;
		ch->mux->held -= ch->held;
	}
	buffer_clear(&ch->in);
	free(ch->words);
	free(ch);
}

/* Closed by both sides, or never open: to free it sends nothing. */
void
channel_destroy(struct channel *ch)
{
	ssh_channel ssh = ch->ssh;

	channel_detach(ch);
	ssh_channel_free(ssh);
	release(ch);
}

/*
 * An opening channel has nobody to send CLOSE to: it stays until the answer
 * has come.  A closed one stays until the far end has closed it as well:
 * libssh would free its own at any time.
 */
bool
channel_is_over(const struct channel *ch)
{
	return !ch->owned && (ch->state == CHANNEL_REFUSED ||
	    (ch->sent_close && ch->got_close));
}

struct endpoint *
channel_endpoint(struct channel *ch)
{
	return &ch->ep;
}

/* --- what the relay asks ---------------------------------------------- */

/*
 * Takes all that libssh holds.  Each read makes libssh 0.10 grant the whole
 * window again, whatever is left behind: to read in part would let the peer
 * send without limit.
 */
static void
refill(struct channel *ch)
{
	uint8_t *p = xcalloc(ch->unread, 1);
	int n = ssh_channel_read(ch->ssh, p, (uint32_t)ch->unread, 0);

	if (n > 0) {
		buffer_put(&ch->in, p, (size_t)n);
	} else {		/* a broken session gives nothing back */
		ch->lost = true;
		ch->got_eof = false;
	}
	ch->unread = 0;
	free(p);
	channel_count(ch);
}

static bool
has_news(const struct channel *ch)
{
	return ch->in.len > 0 || ch->unread > 0 || ch->got_eof ||
	    ch->got_close || ch->lost;
}

static ssize_t
ch_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct channel *ch = (struct channel *)ep;

	if (ch->in.len == 0 && ch->unread > 0) {
		refill(ch);
		mux_settle(ch->mux);
	}
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
	if (ch->mux != NULL)
		ch->moved_in = ch->mux->pauses;
	channel_count(ch);
}

static bool
cannot_send(const struct channel *ch)
{
	return ch->lost || ch->got_close || ch->sent_close || ch->sent_eof;
}

static size_t
ch_room(struct endpoint *ep)
{
	struct channel *ch = (struct channel *)ep;

	if (cannot_send(ch))
		return SIZE_MAX;	/* let it try: write() says EPIPE */
	return mux_congested(ch->mux) ? 0 : ssh_channel_window_size(ch->ssh);
}

static ssize_t
ch_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct channel *ch = (struct channel *)ep;
	size_t done = 0, len;
	int rc = 0;

	/* Each write may run callbacks, and with them change everything. */
	while (done < n && !cannot_send(ch) && (len = ch_room(ep)) > 0) {
		if (len > n - done)
			len = n - done;
		rc = ssh_channel_write(ch->ssh, p + done, (uint32_t)len);
		if (rc <= 0)
			break;
		done += (size_t)rc;
	}
	if (ch->mux != NULL) {
		ch->mux->out += done;
		if (rc == 0 && done < n && !cannot_send(ch) && ch_room(ep) > 0)
			ch->mux->rekeying = true;
		mux_settle(ch->mux);
	}
	if (done > 0)
		return (ssize_t)done;
	errno = rc < 0 || cannot_send(ch) ? EPIPE : EAGAIN;
	return -1;
}

static int
ch_finish(struct endpoint *ep)
{
	struct channel *ch = (struct channel *)ep;

	if (cannot_send(ch)) {
		errno = EPIPE;
		return -1;
	}
	ch->sent_eof = true;
	/* SSH_AGAIN: it is in the queue, behind the data. */
	if (ssh_channel_send_eof(ch->ssh) == SSH_ERROR) {
		errno = EPIPE;
		return -1;
	}
	mux_settle(ch->mux);
	return 0;
}

static void
ch_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct channel *ch = (struct channel *)ep;

	ch->want_read = readable;
	ch->want_write = writable;
	if (ch->mux != NULL && ((readable && has_news(ch)) ||
	    (writable && ch_room(ep) > 0)))
		mux_soon(ch->mux);
}

/* Often inside of libssh's callbacks: CLOSE is sent in the turn. */
static void
ch_close(struct endpoint *ep, bool aborted)
{
	struct channel *ch = (struct channel *)ep;

	(void)aborted;		/* libssh sends EOF before every CLOSE */
	ch->owned = false;
	ch->want_read = ch->want_write = false;
	buffer_clear(&ch->in);
	ch->unread = 0;
	if (ch->mux == NULL) {
		release(ch);
		return;
	}
	channel_count(ch);
	mux_soon(ch->mux);
}

static const struct endpoint_ops channel_ops = {
	ch_peek, ch_consume, ch_room, ch_write, ch_finish, ch_watch, ch_close,
	NULL
};

/* --- turns ------------------------------------------------------------ */

static void
send_close(struct channel *ch)
{
	static uint8_t waste[WINDOW_FIRST];

	/*
	 * At the first data libssh 0.10 raises the window, closed or not: to
	 * a channel that may be another's by then.  Asked to read more than
	 * was granted, it does so now.
	 */
	if (!ch->got_data && !ch->got_close)
		ssh_channel_read(ch->ssh, waste, sizeof(waste), 0);
	/* SSH_AGAIN: so far only EOF was sent. */
	if (ssh_channel_close(ch->ssh) != SSH_AGAIN)
		ch->sent_close = true;
}

bool
channel_serve(struct channel *ch)
{
	struct endpoint *ep = &ch->ep;

	if (ch->state != CHANNEL_OPEN)
		return false;
	if (!ch->owned) {
		if (!ch->sent_close)
			send_close(ch);
		return false;
	}
	if (ep->relay != NULL && ch->got_close && !ch->hung_up) {
		ch->hung_up = true;
		relay_hangup(ep);
	}
	if (ep->relay != NULL && ch->want_read && has_news(ch))
		relay_readable(ep);
	if (ep->relay == NULL || !ch->want_write || ch_room(ep) == 0)
		return false;
	relay_writable(ep);
	return true;
}

void
channel_detach(struct channel *ch)
{
	if (ch->owned && ch->state == CHANNEL_OPEN && ch->unread > 0)
		refill(ch);
	if (ch->ssh != NULL)
		ssh_remove_channel_callbacks(ch->ssh, &ch->callbacks);
	ch->ssh = NULL;
	if (ch->question != NULL)
		ssh_message_free(ch->question);
	ch->question = NULL;
}

/* The session is gone: whoever waits is told, what has arrived stays. */
void
channel_session_ended(struct channel *ch)
{
	struct mux *m = ch->mux;
	channel_opened *opened = ch->opened;
	void (*gone)(void *) = ch->gone;
	void *arg = ch->arg;

	if (!ch->owned || ch->state != CHANNEL_OPEN) {
		release(ch);
		if (opened != NULL)
			opened(arg, OPEN_CONNECT_FAILED, "the session ended");
		if (gone != NULL)
			gone(arg);
		return;
	}
	ch->lost = true;
	ch->mux = NULL;
	TAILQ_REMOVE(&m->channels, ch, next);
	m->nopen--;
	m->held -= ch->held;
	if (ch->ep.relay != NULL)
		relay_hangup(&ch->ep);
}
