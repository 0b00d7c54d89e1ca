/* SPDX-License-Identifier: ISC */
/* See shuttle.h. */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"
#include "orthrus/transport/transport.h"

#include "packet.h"
#include "shuttle.h"

#define SHUTTLE_SIZE 4096

/* What one way has read and not written. */
struct load {
	size_t off, len;
	uint8_t bytes[SHUTTLE_SIZE];
};

struct shuttle {
	int ours;			/* its end of the pair */
	bool ended;			/* the transport, for reading */
	struct event *written;		/* libssh has */
	struct load in, out;
};

struct shuttle *
shuttle_new(struct event_base *base, int *theirs, event_callback_fn ready,
    void *arg)
{
	struct shuttle *s;
	int pair[2];

	if (os_socketpair(SOCK_STREAM, OS_NONBLOCK, pair) == -1)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->ours = pair[0];
	*theirs = pair[1];
	s->written = event_new(base, s->ours, EV_READ | EV_PERSIST, ready, arg);
	event_add(s->written, NULL);
	return s;
}

void
shuttle_free(struct shuttle *s)
{
	if (s == NULL)
		return;
	event_free(s->written);
	close(s->ours);
	free(s);
}

/* Both return what recv(2) and send(2) do. */
static ssize_t
from_libssh(struct shuttle *s, uint8_t *p, size_t n)
{
	ssize_t got;

	do
		got = recv(s->ours, p, n, 0);
	while (got == -1 && errno == EINTR);
	return got;
}

static ssize_t
to_libssh(struct shuttle *s, const uint8_t *p, size_t n)
{
	ssize_t sent;

	do
		sent = send(s->ours, p, n, MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return sent;
}

static void
load_gone(struct load *l, size_t n)
{
	l->off += n;
	if (l->off == l->len)
		l->off = l->len = 0;
}

int
shuttle_out(struct shuttle *s, struct transport *t)
{
	struct load *l = &s->out;
	ssize_t n;

	for (;;) {
		if (l->len == 0) {
			n = from_libssh(s, l->bytes, sizeof(l->bytes));
			if (n <= 0)	/* libssh's end may be closed */
				break;
			l->len = (size_t)n;
		}
		n = transport_write(t, l->bytes + l->off, l->len - l->off);
		if (n == -1)
			return -1;
		load_gone(l, (size_t)n);
	}
	return 0;
}

/* True when libssh has taken all that was read so far. */
static bool
deliver_load(struct shuttle *s)
{
	struct load *l = &s->in;
	ssize_t n;

	if (l->len == 0)
		return true;
	n = to_libssh(s, l->bytes + l->off, l->len - l->off);
	if (n > 0)
		load_gone(l, (size_t)n);
	return l->len == 0;
}

void
shuttle_in(struct shuttle *s, struct transport *t)
{
	ssize_t n;

	if (s->ended || !deliver_load(s))
		return;
	n = transport_read(t, s->in.bytes, sizeof(s->in.bytes));
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		s->ended = true;
		shutdown(s->ours, SHUT_WR);
		return;
	}
	s->in.len = (size_t)n;
	deliver_load(s);
}

bool
shuttle_ended(const struct shuttle *s)
{
	return s->ended;
}

bool
shuttle_waits(const struct shuttle *s)
{
	return s->out.len > 0;
}

static int
feed(struct packet_tap *tap, const uint8_t *p, size_t n)
{
	size_t room;
	uint8_t *to;

	while (n > 0) {
		if ((to = packet_space(tap, &room)) == NULL) {
			errno = EMSGSIZE;
			return -1;
		}
		if (room > n)
			room = n;
		memcpy(to, p, room);
		if (packet_arrived(tap, room) == -1)
			return -1;
		p += room;
		n -= room;
	}
	return 0;
}

int
shuttle_drain(struct shuttle *s, int theirs, struct packet_tap *tap)
{
	uint8_t bytes[SHUTTLE_SIZE];
	ssize_t n;

	while ((n = recv(theirs, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0 ||
	    (n == -1 && errno == EINTR))
		if (n > 0 && feed(tap, bytes, (size_t)n) == -1)
			return -1;
	if (feed(tap, s->in.bytes + s->in.off, s->in.len - s->in.off) == -1)
		return -1;
	s->in.off = s->in.len = 0;
	return 0;
}
