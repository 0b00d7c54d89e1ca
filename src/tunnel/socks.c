/* SPDX-License-Identifier: ISC */
/*
 * A SOCKS5 client of a tunnel: its handshake up to the request, the answer to
 * it, and the farewell where there is nothing to relay.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/socks5.h"

#include "tunnel_private.h"

bool
is_socks(const struct tunnel_stream *s)
{
	return s->tunnel->config.kind == TUNNEL_SOCKS5;
}

void
socks_leave_handshake(struct tunnel_stream *s)
{
	if (s->socks == NULL)
		return;
	TAILQ_REMOVE(&s->set->handshakes, s, handshake);
	s->set->nhandshakes--;
	socks5_clear(s->socks);
	free(s->socks);
	s->socks = NULL;
}

/* Some dozen bytes on a fresh connection: what does not fit is not needed. */
static bool
send_words(const struct tunnel_stream *s, const uint8_t *p, size_t n)
{
	return n == 0 || send(s->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/*
 * Waits for the client to close first, so that no reset for what it has sent
 * meanwhile overtakes our answer.
 */
static void
bid_farewell(struct tunnel_stream *s)
{
	socks_leave_handshake(s);
	shutdown(s->fd, SHUT_WR);
	event_add(s->readable, NULL);
	stream_wait(&s->st, FAREWELL_SECONDS * 1000);
}

/* --- the answer --------------------------------------------------- */

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

void
socks_refuse(struct tunnel_stream *s, enum open_failure reason,
    const char *text)
{
	uint8_t out[SOCKS5_OUT_MAX];

	send_words(s, out, socks5_reply(reply_code(reason, text), out));
	bid_farewell(s);
}

void
socks_accept(struct tunnel_stream *s)
{
	uint8_t out[SOCKS5_OUT_MAX];

	/* The relay finds out that the client has gone. */
	if (!send_words(s, out, socks5_reply(SOCKS5_SUCCEEDED, out)))
		log_debug("SOCKS5: a client left early");
}

/* --- the handshake ------------------------------------------------ */

/* What came behind the request is for the far end. */
static void
on_socks_request(struct tunnel_stream *s, const uint8_t *early, size_t n)
{
	s->to = s->socks->to;
	s->nearly = n;
	if (n > 0) {
		s->early = xcalloc(1, n);
		memcpy(s->early, early, n);
	}
	socks_leave_handshake(s);
	event_del(s->readable);
	s->requested(s);
}

static void
on_socks_input(struct tunnel_stream *s, const uint8_t *in, size_t n)
{
	uint8_t out[SOCKS5_OUT_MAX];
	size_t consumed, nout;
	enum socks5_verdict verdict = socks5_feed(s->socks, in, n, &consumed,
	    out, &nout);

	if (!send_words(s, out, nout))
		stream_end(&s->st);
	else if (verdict == SOCKS5_CLOSE)
		bid_farewell(s);
	else if (verdict == SOCKS5_CONNECT)
		on_socks_request(s, in + consumed, n - consumed);
}

/* What comes after the handshake, before the farewell is over, is waste. */
static void
on_socks_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tunnel_stream *s = arg;
	uint8_t in[512];
	ssize_t n = recv(fd, in, sizeof(in), 0);

	(void)what;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		stream_end(&s->st);
	else if (s->socks != NULL)
		on_socks_input(s, in, (size_t)n);
}

void
socks_start(struct tunnel_stream *s,
    void (*requested)(struct tunnel_stream *s))
{
	struct tunnels *set = s->set;

	/* The one who has been silent longest makes room. */
	if (set->nhandshakes >= HANDSHAKES_MAX)
		stream_end(&TAILQ_FIRST(&set->handshakes)->st);
	s->requested = requested;
	s->socks = xcalloc(1, sizeof(*s->socks));
	socks5_init(s->socks, s->tunnel->config.username,
	    s->tunnel->config.password);
	TAILQ_INSERT_TAIL(&set->handshakes, s, handshake);
	set->nhandshakes++;
	s->readable = event_new(set->base, s->fd, EV_READ | EV_PERSIST,
	    on_socks_readable, s);
	event_add(s->readable, NULL);
	stream_wait(&s->st, HANDSHAKE_SECONDS * 1000);
}
