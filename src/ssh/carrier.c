/* SPDX-License-Identifier: ISC */
/* See carrier.h. */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/os.h"
#include "orthrus/transport/transport.h"

#include "carrier.h"
#include "packet.h"
#include "shuttle.h"

/* Keeps what waits in the kernel short, so that small writes are not late. */
#define NOTSENT_LOWAT (128 * 1024)

void
carrier_init(struct carrier *k)
{
	k->transport = NULL;
	k->copy = -1;
	k->shuttle = NULL;
	k->readable = k->writable = NULL;
	k->broken = false;
	k->doubled = 0;
}

/* Has no effect on what is not TCP. */
static void
set_tcp_options(int fd, unsigned dead_ms)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	os_tcp_give_up_after(fd, dead_ms);
	os_tcp_keep_unsent_low(fd, NOTSENT_LOWAT);
}

static void
watch_transport(struct carrier *k, struct event_base *base, unsigned dead_ms,
    event_callback_fn ready, void *arg)
{
	int fd = k->transport->fd;

	set_tcp_options(fd, dead_ms);
	k->readable = event_new(base, fd, EV_READ | EV_PERSIST, ready, arg);
	k->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, ready, arg);
}

int
carrier_attach(struct carrier *k, struct event_base *base,
    struct transport *t, unsigned dead_ms, event_callback_fn ready, void *arg)
{
	k->transport = t;
	if (transport_is_socket(t))
		k->copy = fcntl(t->fd, F_DUPFD_CLOEXEC, 0);
	else
		k->shuttle = shuttle_new(base, &k->copy, ready, arg);
	if (k->copy == -1)
		return -1;
	watch_transport(k, base, dead_ms, ready, arg);
	return 0;
}

void
carrier_join(struct carrier *k, struct event_base *base, struct transport *t,
    unsigned dead_ms, uint64_t doubled, event_callback_fn ready, void *arg)
{
	k->transport = t;
	k->doubled = doubled;
	watch_transport(k, base, dead_ms, ready, arg);
}

void
carrier_close(struct carrier *k)
{
	if (k->readable != NULL) {
		event_free(k->readable);
		event_free(k->writable);
	}
	shuttle_free(k->shuttle);
	transport_free(k->transport);
	carrier_init(k);
}

void
carrier_part(struct carrier *k)
{
	/* libssh has a copy of a socket until the session ends. */
	if (k->transport != NULL && transport_is_socket(k->transport))
		shutdown(k->transport->fd, SHUT_RDWR);
	carrier_close(k);
}

int
carrier_fd(const struct carrier *k)
{
	return k->transport != NULL ? k->transport->fd : -1;
}

const char *
carrier_why(const struct carrier *k)
{
	const struct transport *t = k->transport;

	return t != NULL && t->ops->why != NULL ? t->ops->why(t) : NULL;
}

void
carrier_watch(const struct carrier *k, bool readable, bool writable)
{
	if (k->readable == NULL)
		return;
	if (readable)
		event_add(k->readable, NULL);
	else
		event_del(k->readable);
	if (writable)
		event_add(k->writable, NULL);
	else
		event_del(k->writable);
	/*
	 * Of what the transport has taken in already nobody else tells, nor of
	 * what it has found wrong there.
	 */
	if (readable && (transport_holds_input(k->transport) ||
	    (k->shuttle != NULL && shuttle_ended(k->shuttle))))
		carrier_read_soon(k);
}

bool
carrier_is_full(const struct carrier *k)
{
	return event_pending(k->writable, EV_WRITE, NULL);
}

void
carrier_read_soon(const struct carrier *k)
{
	event_active(k->readable, EV_READ, 0);
}

void
carrier_shuttle_in(struct carrier *k)
{
	if (k->shuttle != NULL)
		shuttle_in(k->shuttle, k->transport);
}

void
carrier_shuttle_out(struct carrier *k)
{
	if (k->shuttle == NULL)
		return;
	shuttle_out(k->shuttle, k->transport);
	if (transport_holds_output(k->transport))
		transport_write(k->transport, NULL, 0);
}

bool
carrier_holds_output(const struct carrier *k)
{
	return k->transport != NULL && ((k->shuttle != NULL &&
	    shuttle_waits(k->shuttle)) || transport_holds_output(k->transport));
}

/*
 * What the transport has, into the tap's space: 0 when there is nothing now,
 * or -1 with errno when the transport is broken.
 */
static ssize_t
read_transport(struct carrier *k, uint8_t *p, size_t room)
{
	ssize_t n = transport_read(k->transport, p, room);

	if (n > 0)
		return n;
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n == 0)
		errno = ECONNRESET;	/* SSH says goodbye before it closes */
	k->broken = true;
	return -1;
}

/* How many of n bytes are new; those are moved to the front. */
static size_t
leave_out_doubled(struct carrier *k, uint8_t *p, size_t n)
{
	size_t old = k->doubled < n ? (size_t)k->doubled : n;

	if (old == 0)
		return n;
	k->doubled -= old;
	memmove(p, p + old, n - old);
	return n - old;
}

/* One read: 1 when there may be more, 0 or -1 with errno. */
static int
read_once(struct carrier *k, struct packet_tap *tap)
{
	size_t room;
	uint8_t *p = packet_space(tap, &room);
	ssize_t got;

	if (p == NULL) {
		errno = EMSGSIZE;
		return -1;
	}
	got = read_transport(k, p, room);
	if (got <= 0)
		return (int)got;
	if (packet_arrived(tap, leave_out_doubled(k, p, (size_t)got)) == -1)
		return -1;
	return (size_t)got == room || transport_holds_input(k->transport);
}

/* The shuttle has nothing more to do but what is on its way out. */
static int
leave_shuttle(struct carrier *k, struct packet_tap *tap)
{
	if (shuttle_drain(k->shuttle, k->copy, tap) == -1)
		return -1;
	if (shuttle_out(k->shuttle, k->transport) == -1)
		return errno == EAGAIN ? 1 : -1;
	shuttle_free(k->shuttle);
	k->shuttle = NULL;
	return 1;
}

int
carrier_read(struct carrier *k, struct packet_tap *tap)
{
	int rc;

	packet_turn(tap);
	carrier_shuttle_in(k);
	rc = packet_take_over(tap);
	carrier_shuttle_out(k);
	if (rc == 1 && k->shuttle != NULL)
		rc = leave_shuttle(k, tap);
	while (rc == 1 && packet_may_read(tap))
		rc = read_once(k, tap);
	return rc;
}

ssize_t
carrier_write(struct carrier *k, const uint8_t *p, size_t n)
{
	ssize_t sent;

	if (k->transport == NULL) {
		errno = EAGAIN;
		return -1;
	}
	if (k->shuttle != NULL && shuttle_out(k->shuttle, k->transport) == -1)
		return -1;
	sent = transport_write(k->transport, p, n);
	if (sent == -1 && errno != EAGAIN)
		k->broken = true;
	return sent;
}

void
carrier_acknowledge(const struct carrier *k)
{
	if (k->transport != NULL)
		os_tcp_acknowledge(k->transport->fd);
}
