/* SPDX-License-Identifier: ISC */
/* See carrier.h. */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "carrier.h"
#include "packet.h"

/* Keeps what waits in the kernel short, so that small writes are not late. */
#define NOTSENT_LOWAT (128 * 1024)

void
carrier_init(struct carrier *k)
{
	k->fd = k->copy = -1;
	k->readable = k->writable = NULL;
}

int
carrier_attach(struct carrier *k, struct event_base *base, int fd,
    unsigned dead_ms, event_callback_fn ready, void *arg)
{
	int lowat = NOTSENT_LOWAT, on = 1;

	k->fd = fd;
	if ((k->copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms,
	    sizeof(dead_ms));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
	k->readable = event_new(base, fd, EV_READ | EV_PERSIST, ready, arg);
	k->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, ready, arg);
	return 0;
}

void
carrier_close(struct carrier *k)
{
	if (k->readable != NULL) {
		event_free(k->readable);
		event_free(k->writable);
	}
	if (k->fd != -1)
		close(k->fd);
	carrier_init(k);
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

/* One recv(2): 1 when it brought all there was room for, 0 or -1 with errno. */
static int
read_once(const struct carrier *k, struct packet_tap *tap, size_t *got)
{
	size_t room;
	uint8_t *p = packet_space(tap, &room);
	ssize_t n;

	*got = 0;
	if (p == NULL) {
		errno = EMSGSIZE;
		return -1;
	}
	do
		n = recv(k->fd, p, room, 0);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n == 0)
		errno = ECONNRESET;	/* SSH says goodbye before it closes */
	if (n <= 0)
		return -1;
	*got = (size_t)n;
	return packet_arrived(tap, (size_t)n) == -1 ? -1 : (size_t)n == room;
}

int
carrier_read(const struct carrier *k, struct packet_tap *tap)
{
	size_t total = 0, got;
	int rc = packet_take_over(tap);

	while (rc == 1 && total < packet_turn(tap)) {
		rc = read_once(k, tap, &got);
		total += got;
	}
	return rc;
}

void
carrier_acknowledge(const struct carrier *k)
{
	int on = 1;

	setsockopt(k->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}
