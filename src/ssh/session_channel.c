/* SPDX-License-Identifier: ISC */
/*
 * What is asked on session channels (RFC 4254 section 6): by a client, for a
 * subsystem; by a server's clients, whatever they like.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "mux_private.h"

#define TYPE_MAX 64		/* of a request's type, with NUL */
#define SAY_MAX 512
#define DISMISS_MS 100
#define EXIT_MS 2000

void
channel_start_subsystem(struct channel *ch)
{
	static const char type[] = "subsystem";
	uint8_t b[128], *p = b;
	struct iovec iov;

	*p++ = MSG_CHANNEL_REQUEST;
	p = wire_put_u32(p, ch->peer);
	p = wire_put_string(p, type, strlen(type));
	*p++ = 1;
	p = wire_put_string(p, ch->subsystem, strnlen(ch->subsystem, 64));
	iov.iov_base = b;
	iov.iov_len = (size_t)(p - b);
	mux_send(ch->mux, &iov, 1);
}

void
channel_on_request_answer(struct channel *ch, bool ok)
{
	if (ch->subsystem == NULL || ch->answered) {
		mux_violation(ch->mux, "answer to a request that was not made");
		return;
	}
	ch->answered = true;
	if (!ok)
		channel_subsystem_failed(ch);
	else if (ch->opened != NULL)	/* else it was given up */
		channel_opened_or_failed(ch, OPEN_OK, "");
}

void
channel_subsystem_failed(struct channel *ch)
{
	channel_opened *opened = ch->opened;
	void *arg = ch->arg;	/* a channel without a mux is freed at once */

	ch->opened = NULL;
	ch->owned = false;
	channel_send_close(ch);
	channel_retire(ch);
	if (opened != NULL)
		opened(arg, OPEN_UNKNOWN_TYPE,
		    "there is no such subsystem");
}

/* --- what a server's clients ask ---------------------------------- */

void
channel_say(struct channel *ch, const char *text)
{
	uint8_t b[SAY_MAX + 16], *p = b;
	size_t len = strnlen(text, SAY_MAX);
	struct iovec iov;

	if (ch->send_window < len || ch->send_packet < len)
		return;
	*p++ = MSG_CHANNEL_EXTENDED_DATA;
	p = wire_put_u32(p, ch->peer);
	p = wire_put_u32(p, 1);		/* SSH_EXTENDED_DATA_STDERR */
	p = wire_put_string(p, text, len);
	iov.iov_base = b;
	iov.iov_len = (size_t)(p - b);
	if (mux_send(ch->mux, &iov, 1) == 0)
		ch->send_window -= (uint32_t)len;
}

/*
 * Tells how it went.  Scripts look at that, and a client need not ask whether
 * its request was granted.
 */
static void
send_exit_status(struct channel *ch, uint32_t status)
{
	static const char type[] = "exit-status";
	uint8_t b[32], *p = b;
	struct iovec iov;

	*p++ = MSG_CHANNEL_REQUEST;
	p = wire_put_u32(p, ch->peer);
	p = wire_put_string(p, type, strlen(type));
	*p++ = 0;
	p = wire_put_u32(p, status);
	iov.iov_base = b;
	iov.iov_len = (size_t)(p - b);
	mux_send(ch->mux, &iov, 1);
}

static void
on_dismissal(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;

	(void)fd;
	(void)what;
	evtimer_del(ch->dismissal);
	if (ch->sent_close)
		return;
	if (ch->answer_wanted)
		mux_send_to_peer(ch, MSG_CHANNEL_FAILURE);
	send_exit_status(ch, ch->exit_status);
	if (ch->exits) {
		mux_send_to_peer(ch, MSG_CHANNEL_EOF);
		ch->sent_eof = true;
	}
	channel_send_close(ch);
	ch->owned = false;
	channel_retire(ch);
}

/* Ends the channel with status, unless the peer does it, after ms. */
static void
dismiss_within(struct channel *ch, uint32_t status, int ms)
{
	ch->exit_status = status;
	ch->dismissal = evtimer_new(event_get_base(ch->mux->turn),
	    on_dismissal, ch);
	timer_set(ch->dismissal, ms);
}

/*
 * Sends the text now and the refusal a little later: OpenSSH's client ends as
 * soon as it reads a refusal, and does not show text that came with it.
 */
void
channel_dismiss(struct channel *ch, const char *text)
{
	if (ch->sent_close)
		return;
	channel_say(ch, text);
	dismiss_within(ch, 1, DISMISS_MS);
}

static void
grant_request(struct channel *ch)
{
	if (ch->answer_wanted)
		mux_send_to_peer(ch, MSG_CHANNEL_SUCCESS);
	ch->answer_wanted = false;
}

void
channel_run(struct channel *ch, uint32_t status)
{
	grant_request(ch);
	ch->is_session = false;
	ch->mux->nsessions--;
	ch->runs = true;
	ch->exit_status = status;
}

void
channel_run_ended(struct channel *ch, uint32_t status)
{
	if (!ch->runs)
		return;
	ch->runs = false;
	if (!ch->sent_close && !ch->got_close)
		send_exit_status(ch, status);
}

/*
 * A program that has not written its question yet when its ssh ends is told of
 * a broken pipe, and never reads what was said.
 */
void
channel_exit(struct channel *ch, uint32_t status, const char *text)
{
	grant_request(ch);
	channel_say(ch, text);
	ch->exits = true;
	dismiss_within(ch, status, EXIT_MS);
}

bool
channel_exits(struct channel *ch)
{
	if (ch->exits)
		on_dismissal(-1, 0, ch);
	return ch->exits;
}

/*
 * Answers a request of the peer.  On a forwarded stream all are refused (RFC
 * 4254 section 5.4), and so is a second one on a session channel (section
 * 6.5).
 */
void
channel_on_peer_request(struct channel *ch, struct wire *w)
{
	char type[TYPE_MAX] = "";
	bool ok = false;
	const uint8_t *name;
	size_t len;

	if (ch->dismissal != NULL) {	/* its refusal comes first */
		on_dismissal(-1, 0, ch);
		return;
	}
	name = wire_string(w, &len);
	ch->answer_wanted = wire_bool(w);
	if (len < sizeof(type))		/* a longer one is not known */
		memcpy(type, name, len);
	if (ch->request != NULL && ch->ep.relay == NULL && !w->bad &&
	    !ch->sent_close)
		ok = ch->request(ch->request_arg, ch, type, w->p, w->left);
	if (ch->dismissal == NULL && ch->answer_wanted && !ch->sent_close)
		mux_send_to_peer(ch, ok ? MSG_CHANNEL_SUCCESS :
		    MSG_CHANNEL_FAILURE);
}

void
channel_on_request(struct channel *ch, bool (*request)(void *arg,
    struct channel *ch, const char *type, const uint8_t *p, size_t len),
    void *arg)
{
	ch->request = request;
	ch->request_arg = arg;
}
