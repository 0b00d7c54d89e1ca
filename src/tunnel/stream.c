/* SPDX-License-Identifier: ISC */
/*
 * One forwarded connection, from accept or CHANNEL_OPEN to its end.  A local
 * one goes: (SOCKS5 handshake,) wait for a session, open a channel, relay.  A
 * remote one: connect to the target, accept the channel, relay.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/socks5.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"
#include "orthrus/transport/dial.h"

#include "tunnel_private.h"

enum stage {
	STAGE_HANDSHAKE,	/* SOCKS5: the request is not complete */
	STAGE_FAREWELL,		/* SOCKS5: the last words are on their way */
	STAGE_WAITING,		/* for a session, a few seconds */
	STAGE_OPENING,		/* for the far end to open the channel */
	STAGE_DIALLING,		/* for the target of a remote forward */
	STAGE_RELAYING,
	STAGE_OVER
};

struct tunnel_stream {
	TAILQ_ENTRY(tunnel_stream) next, handshake;
	struct tunnels *set;
	struct tunnel *tunnel;
	enum stage stage;
	int fd;				/* -1 when the relay has it */
	struct event *readable;		/* during the handshake */
	struct event *timer;
	struct socks5 *socks;		/* NULL for other kinds, and later */
	uint8_t *early;			/* read behind the SOCKS5 request */
	size_t nearly;
	struct address to;
	struct channel *channel;	/* opening, or waiting for our answer */
	struct dial *dial;
	struct relay *relay;
};

static void open_channel(struct tunnel_stream *s);

/* --- life ------------------------------------------------------------- */

static struct tunnel_stream *
stream_new(struct tunnel *t, int fd)
{
	struct tunnel_stream *s = xcalloc(1, sizeof(*s));

	s->tunnel = t;
	s->set = t->set;
	s->fd = fd;
	t->open++;
	t->total++;
	t->set->nstreams++;
	TAILQ_INSERT_TAIL(&t->set->streams, s, next);
	return s;
}

static void
leave_handshake(struct tunnel_stream *s)
{
	if (s->socks == NULL)
		return;
	TAILQ_REMOVE(&s->set->handshakes, s, handshake);
	s->set->nhandshakes--;
	socks5_clear(s->socks);
	free(s->socks);
	s->socks = NULL;
}

/*
 * Lets go of everything.  Nothing of a stream is used after the callback in
 * which it ended, and libevent runs none of a freed event.
 */
static void
finalize(struct event *ev, void *arg)
{
	struct tunnel_stream *s = arg;

	(void)ev;
	free(s->early);
	free(s);
}

static void
stream_end(struct tunnel_stream *s)
{
	struct tunnels *set = s->set;

	if (s->stage == STAGE_OVER)
		return;
	s->stage = STAGE_OVER;
	leave_handshake(s);
	if (s->dial != NULL)
		dial_cancel(s->dial);
	if (s->channel != NULL)
		channel_cancel(s->channel);
	if (s->fd != -1)
		close(s->fd);
	TAILQ_REMOVE(&set->streams, s, next);
	set->nstreams--;
	tunnel_release(s->tunnel);
	if (s->readable != NULL)
		event_free(s->readable);
	event_del(s->timer);
	event_free_finalize(0, s->timer, finalize);
}

static void
set_timer(struct tunnel_stream *s, unsigned seconds)
{
	timer_set(s->timer, seconds * 1000);
}

/* --- relaying --------------------------------------------------------- */

static void
on_relay_done(void *arg, uint64_t up, uint64_t down)
{
	struct tunnel_stream *s = arg;

	(void)up;
	(void)down;
	s->relay = NULL;
	stream_end(s);
}

static void
start_relay(struct tunnel_stream *s)
{
	struct endpoint *local, *remote;

	s->stage = STAGE_RELAYING;
	event_del(s->timer);
	local = s->tunnel->muzzle != NULL ?
	    muzzle_endpoint_new(s->tunnel->muzzle) :
	    socket_endpoint_new(s->set->base, s->fd, s->early, s->nearly);
	remote = channel_endpoint(s->channel);
	s->fd = -1;
	s->channel = NULL;
	free(s->early);
	s->early = NULL;
	if (s->readable != NULL)
		event_free(s->readable);
	s->readable = NULL;
	s->relay = relay_start(local, remote, on_relay_done, s);
}

/* --- SOCKS5's words --------------------------------------------------- */

/* Some dozen bytes on a fresh connection: what does not fit is not needed. */
static bool
say(struct tunnel_stream *s, const uint8_t *p, size_t n)
{
	return n == 0 || send(s->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/*
 * Waits for the client to close first, so that no reset for what it has sent
 * meanwhile overtakes our answer.
 */
static void
farewell(struct tunnel_stream *s)
{
	leave_handshake(s);
	s->stage = STAGE_FAREWELL;
	shutdown(s->fd, SHUT_WR);
	event_add(s->readable, NULL);
	set_timer(s, 1);
}

static bool
is_socks(const struct tunnel_stream *s)
{
	return s->tunnel->config.kind == TUNNEL_SOCKS5;
}

/* RFC 1928 section 6. */
static enum socks5_reply
reply_code(enum open_failure reason, const char *text)
{
	if (reason == OPEN_PROHIBITED)
		return SOCKS5_PROHIBITED;
	if (reason != OPEN_CONNECT_FAILED)
		return SOCKS5_FAILURE;
	return socks5_reply_for(text);
}

/*
 * Neither the destination nor the server's text, which may name it.  A
 * failure once a second at most is told; the tunnel shows the last one.
 */
static void
tell_failure(struct tunnel *t, enum stage stage, enum open_failure reason)
{
	static const char *const words[] = {
		[OPEN_PROHIBITED] = "the server does not allow it "
		    "(sshd_config: AllowTcpForwarding, PermitOpen)",
		[OPEN_CONNECT_FAILED] = "the server could not connect to it",
		[OPEN_UNKNOWN_TYPE] = "the server does not know this kind of "
		    "forward",
		[OPEN_RESOURCE_SHORTAGE] = "too many channels"
	};
	const char *why = stage == STAGE_WAITING ? "no session within 5 s" :
	    words[reason];
	time_t now = time(NULL);

	if (stage != STAGE_WAITING && reason == OPEN_PROHIBITED &&
	    t->set->server.name[0] != '\0')
		why = "the gateway does not allow it, or knows no such agent "
		    "or port (its log says which)";
	snprintf(t->error, sizeof(t->error), "last connection failed: %s",
	    why);
	if (now == t->told_at)
		return;
	t->told_at = now;
	log_info("%s: a connection failed: %s", tunnel_label(t), why);
}

/* The connection cannot be had. */
static void
give_up(struct tunnel_stream *s, enum open_failure reason, const char *text)
{
	uint8_t out[SOCKS5_OUT_MAX];

	tell_failure(s->tunnel, s->stage, reason);
	if (!is_socks(s)) {
		stream_end(s);
		return;
	}
	say(s, out, socks5_reply(reply_code(reason, text), out));
	farewell(s);
}

/* --- opening a channel ------------------------------------------------ */

static void
wait_for_session(struct tunnel_stream *s)
{
	s->stage = STAGE_WAITING;
	if (!evtimer_pending(s->timer, NULL))
		set_timer(s, OUTAGE_SECONDS);
}

static void
on_opened(void *arg, enum open_failure reason, const char *text)
{
	struct tunnel_stream *s = arg;
	uint8_t out[SOCKS5_OUT_MAX];

	if (reason == OPEN_OK) {
		s->tunnel->error[0] = '\0';
		if (is_socks(s) &&
		    !say(s, out, socks5_reply(SOCKS5_SUCCEEDED, out))) {
			/* The relay finds out that the client has gone. */
			log_debug("SOCKS5: a client left early");
		}
		start_relay(s);
		return;
	}
	s->channel = NULL;
	event_del(s->timer);
	/* Nothing has been sent yet: the next session serves as well. */
	if (s->set->mux == NULL)
		wait_for_session(s);
	else
		give_up(s, reason, text);
}

static void
open_channel(struct tunnel_stream *s)
{
	if (s->set->mux == NULL) {
		wait_for_session(s);
		return;
	}
	s->stage = STAGE_OPENING;
	set_timer(s, OPEN_SECONDS);
	s->channel = mux_open(s->set->mux, &s->to, on_opened, s);
	if (s->channel == NULL)
		give_up(s, OPEN_RESOURCE_SHORTAGE, "");
}

void
stream_session_up(struct tunnels *set)
{
	struct tunnel_stream *s, *following;

	for (s = TAILQ_FIRST(&set->streams); s != NULL; s = following) {
		following = TAILQ_NEXT(s, next);
		if (s->stage == STAGE_WAITING)
			open_channel(s);
	}
}

/* --- SOCKS5 handshake ------------------------------------------------- */

static void
on_input(struct tunnel_stream *s)
{
	uint8_t in[512], out[SOCKS5_OUT_MAX];
	size_t consumed, nout;
	enum socks5_verdict verdict;
	ssize_t n = recv(s->fd, in, sizeof(in), 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		stream_end(s);
		return;
	}
	verdict = socks5_feed(s->socks, in, (size_t)n, &consumed, out, &nout);
	if (!say(s, out, nout)) {
		stream_end(s);
		return;
	}
	switch (verdict) {
	case SOCKS5_MORE:
		return;
	case SOCKS5_CLOSE:
		farewell(s);
		return;
	case SOCKS5_CONNECT:
		break;
	}
	s->to = s->socks->to;
	s->nearly = (size_t)n - consumed;
	if (s->nearly > 0) {
		s->early = xcalloc(1, s->nearly);
		memcpy(s->early, in + consumed, s->nearly);
	}
	leave_handshake(s);
	event_del(s->readable);
	event_del(s->timer);
	open_channel(s);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tunnel_stream *s = arg;
	uint8_t waste[4096];
	ssize_t n;

	(void)what;
	if (s->stage == STAGE_HANDSHAKE) {
		on_input(s);
		return;
	}
	n = recv(fd, waste, sizeof(waste), 0);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		stream_end(s);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct tunnel_stream *s = arg;

	(void)fd;
	(void)what;
	if (s->stage == STAGE_WAITING)
		give_up(s, OPEN_RESOURCE_SHORTAGE, "");
	else if (s->stage == STAGE_OPENING) {
		channel_cancel(s->channel);
		s->channel = NULL;
		give_up(s, OPEN_CONNECT_FAILED, "timed out");
	} else
		stream_end(s);
}

static void
start_handshake(struct tunnel_stream *s)
{
	struct tunnels *set = s->set;

	/* The one who has been silent longest makes room. */
	if (set->nhandshakes >= HANDSHAKES_MAX)
		stream_end(TAILQ_FIRST(&set->handshakes));
	s->stage = STAGE_HANDSHAKE;
	s->socks = xcalloc(1, sizeof(*s->socks));
	socks5_init(s->socks, s->tunnel->config.username,
	    s->tunnel->config.password);
	TAILQ_INSERT_TAIL(&set->handshakes, s, handshake);
	set->nhandshakes++;
	s->readable = event_new(set->base, s->fd, EV_READ | EV_PERSIST,
	    on_readable, s);
	event_add(s->readable, NULL);
	set_timer(s, HANDSHAKE_SECONDS);
}

void
stream_accept(void *arg, int fd)
{
	struct tunnel *t = arg;
	struct tunnel_stream *s = stream_new(t, fd);

	s->timer = evtimer_new(s->set->base, on_timer, s);
	if (is_socks(s))
		start_handshake(s);
	else {
		s->to = t->config.spec.to;
		open_channel(s);
	}
}

/* --- remote ----------------------------------------------------------- */

static void
on_dialled(void *arg, int fd, int error)
{
	struct tunnel_stream *s = arg;

	s->dial = NULL;
	if (fd == -1) {
		log_warn("%s: its target: %s", tunnel_label(s->tunnel),
		    dial_strerror(error));
		channel_refuse(s->channel, OPEN_CONNECT_FAILED,
		    dial_strerror(error));
		s->channel = NULL;
		stream_end(s);
		return;
	}
	s->fd = fd;
	channel_accept(s->channel);
	start_relay(s);
}

/* The session ended before the target had answered. */
static void
on_gone(void *arg)
{
	struct tunnel_stream *s = arg;

	s->channel = NULL;
	stream_end(s);
}

void
stream_incoming(struct tunnel *t, struct channel *ch)
{
	struct tunnel_stream *s = stream_new(t, -1);

	s->timer = evtimer_new(s->set->base, on_timer, s);
	s->stage = STAGE_DIALLING;
	s->channel = ch;
	if (t->muzzle != NULL) {	/* it dials for itself */
		channel_accept(ch);
		start_relay(s);
		return;
	}
	channel_on_gone(ch, on_gone, s);
	s->dial = dial_start(s->set->dialer, &t->config.spec.to, DIAL_MS,
	    on_dialled, s);
}

/* --- the end of everything -------------------------------------------- */

void
streams_abort(struct tunnel *t)
{
	struct tunnel_stream *s, *following;

	for (s = TAILQ_FIRST(&t->set->streams); s != NULL; s = following) {
		following = TAILQ_NEXT(s, next);
		if (s->tunnel == t && s->stage == STAGE_RELAYING)
			relay_abort(s->relay);
	}
}

void
streams_free(struct tunnels *set)
{
	struct tunnel_stream *s;

	while ((s = TAILQ_FIRST(&set->streams)) != NULL) {
		if (s->stage == STAGE_RELAYING) {
			relay_abort(s->relay);
			continue;
		}
		if (s->stage == STAGE_DIALLING) {
			channel_refuse(s->channel, OPEN_CONNECT_FAILED,
			    "shutting down");
			s->channel = NULL;
		}
		stream_end(s);
	}
}
