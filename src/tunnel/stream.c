/* SPDX-License-Identifier: ISC */
/*
 * One forwarded connection.  A local one goes: (SOCKS5 handshake,) wait for a
 * session, open a channel, relay.  A remote one: connect to the target,
 * accept the channel, relay.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/relay/socket.h"

#include "tunnel_private.h"

/* --- life ------------------------------------------------------------- */

/* A local connection is relayed from now on. */
static struct endpoint *
on_tunnel_stream_here(struct stream *st)
{
	struct tunnel_stream *s = (struct tunnel_stream *)st;
	struct endpoint *here;

	s->tunnel->error[0] = '\0';
	s->waiting = false;
	if (is_socks(s)) {
		socks_accept(s);
		event_free(s->readable);
		s->readable = NULL;
	}
	here = socket_endpoint_new(s->set->base, s->fd, s->early, s->nearly);
	s->fd = -1;
	free(s->early);
	s->early = NULL;
	return here;
}

static void
on_tunnel_stream_ended(struct stream *st, uint64_t down, uint64_t up)
{
	struct tunnel_stream *s = (struct tunnel_stream *)st;

	(void)down;
	(void)up;
	socks_leave_handshake(s);
	if (s->readable != NULL)
		event_free(s->readable);
	if (s->fd != -1)
		close(s->fd);
	free(s->early);
	TAILQ_REMOVE(&s->set->streams, s, next);
	s->set->nstreams--;
	tunnel_release(s->tunnel);
}

const char *
open_failure_words(const struct tunnels *set, enum open_failure reason)
{
	static const char *const words[] = {
		[OPEN_PROHIBITED] = "the server does not allow it "
		    "(sshd_config: AllowTcpForwarding, PermitOpen)",
		[OPEN_CONNECT_FAILED] = "the server could not connect to it",
		[OPEN_UNKNOWN_TYPE] = "the server does not know this kind of "
		    "forward",
		[OPEN_RESOURCE_SHORTAGE] = "too many channels"
	};

	if (reason == OPEN_PROHIBITED && set->server.name[0] != '\0')
		return "the gateway does not allow it, or knows no such agent "
		    "or port (its log says which)";
	return words[reason];
}

void
tunnel_tell_failure(struct tunnel *t, const char *why)
{
	time_t now = time(NULL);

	snprintf(t->error, sizeof(t->error), "last connection failed: %s",
	    why);
	if (now == t->told_at)
		return;
	t->told_at = now;
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "stream_failed",
	    .reason = why), "%s: a connection failed: %s", tunnel_label(t),
	    why);
}

/* The connection cannot be had. */
static void
give_up_tunnel_stream(struct tunnel_stream *s, enum open_failure reason,
    const char *text)
{
	/* Neither the destination nor the server's text, which may name it. */
	tunnel_tell_failure(s->tunnel, s->waiting ? "no session within 5 s" :
	    open_failure_words(s->set, reason));
	s->waiting = false;
	if (is_socks(s))
		socks_refuse(s, reason, text);
	else
		stream_end(&s->st);
}

static void open_channel(struct tunnel_stream *s);

static void
on_tunnel_stream_failed(struct stream *st, enum open_failure reason,
    const char *text)
{
	struct tunnel_stream *s = (struct tunnel_stream *)st;

	if (st->from != NULL) {
		log_event(LEVEL_WARN, LOG_FIELDS(.event = "target_failed",
		    .reason = text), "%s: its target: %s",
		    tunnel_label(s->tunnel), text);
		stream_refuse(st, OPEN_CONNECT_FAILED, text);
	} else if (text == NULL)
		give_up_tunnel_stream(s, s->waiting ? OPEN_RESOURCE_SHORTAGE :
		    reason, "timed out");
	else if (s->via == NULL || s->set->mux == NULL)
		/* Nothing has been sent yet: another session serves, too. */
		open_channel(s);
	else
		give_up_tunnel_stream(s, reason, text);
}

/* Of a handshake, a farewell, or a session that it has waited for. */
static void
on_tunnel_stream_late(struct stream *st)
{
	struct tunnel_stream *s = (struct tunnel_stream *)st;

	if (s->waiting)
		give_up_tunnel_stream(s, OPEN_RESOURCE_SHORTAGE, "");
	else
		stream_end(st);
}

static struct tunnel_stream *
new_tunnel_stream(struct tunnel *t, int fd, struct channel *from)
{
	static const struct stream_events events = {
		on_tunnel_stream_here, on_tunnel_stream_failed,
		on_tunnel_stream_late, on_tunnel_stream_ended
	};
	struct tunnel_stream *s = xcalloc(1, sizeof(*s));

	s->tunnel = t;
	s->set = t->set;
	s->fd = fd;
	t->open++;
	t->total++;
	t->set->nstreams++;
	TAILQ_INSERT_TAIL(&t->set->streams, s, next);
	stream_init(&s->st, t->set->base, &events, from);
	return s;
}

/* --- local ------------------------------------------------------------ */

static void
open_channel(struct tunnel_stream *s)
{
	if (s->set->mux == NULL || mux_is_over(s->set->mux)) {
		s->waiting = true;
		stream_wait(&s->st, OUTAGE_SECONDS * 1000);
		return;
	}
	/* Without a link it waits as without a session. */
	s->waiting = mux_is_parted(s->set->mux);
	s->via = s->set->mux;
	if (!stream_open(&s->st, mux_open, s->set->mux, &s->to,
	    (s->waiting ? OUTAGE_SECONDS : OPEN_SECONDS) * 1000))
		give_up_tunnel_stream(s, OPEN_RESOURCE_SHORTAGE, "");
}

void
tunnel_stream_accept(void *arg, int fd)
{
	struct tunnel *t = arg;
	struct tunnel_stream *s = new_tunnel_stream(t, fd, NULL);

	if (is_socks(s))
		socks_start(s, open_channel);
	else {
		s->to = t->config.spec.to;
		open_channel(s);
	}
}

void
tunnel_streams_session_up(struct tunnels *set, const struct mux *parted)
{
	struct tunnel_stream *s, *following;

	for (s = TAILQ_FIRST(&set->streams); s != NULL; s = following) {
		following = TAILQ_NEXT(s, next);
		if (!s->waiting && (parted == NULL || s->via != parted ||
		    s->st.opening == NULL))
			continue;
		if (s->st.opening != NULL)
			channel_cancel(s->st.opening);
		s->st.opening = NULL;
		open_channel(s);
	}
}

void
tunnel_streams_session_gone(struct tunnels *set, const struct mux *mux)
{
	struct tunnel_stream *s;

	TAILQ_FOREACH(s, &set->streams, next)
		if (s->via == mux)
			s->via = NULL;
}

/* --- remote ----------------------------------------------------------- */

void
tunnel_stream_incoming(struct tunnel *t, struct channel *ch)
{
	struct tunnel_stream *s = new_tunnel_stream(t, -1, ch);

	if (t->muzzle != NULL)		/* it dials for itself */
		stream_join(&s->st, muzzle_endpoint_new(t->muzzle, NULL));
	else if (is_remote_socks(t))
		stream_join(&s->st, remote_socks_endpoint(s));
	else
		stream_dial(&s->st, s->set->dialer, &t->config.spec.to,
		    DIAL_MS);
}

/* --- the end of everything -------------------------------------------- */

void
tunnel_streams_abort(struct tunnel *t)
{
	struct tunnel_stream *s, *following;

	for (s = TAILQ_FIRST(&t->set->streams); s != NULL; s = following) {
		following = TAILQ_NEXT(s, next);
		if (s->tunnel == t && s->st.relay != NULL)
			stream_end(&s->st);
	}
}

void
tunnel_streams_free(struct tunnels *set)
{
	struct tunnel_stream *s;

	while ((s = TAILQ_FIRST(&set->streams)) != NULL)
		stream_end(&s->st);
}
