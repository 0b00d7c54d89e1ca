/* SPDX-License-Identifier: ISC */
/*
 * Sockets and clock of the load generator: blocking connections straight to
 * the target, through a forward, or through SOCKS5.
 */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vwarnx(fmt, ap);
	va_end(ap);
	exit(1);
}

double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void
nap(double seconds)
{
	struct timespec ts;

	ts.tv_sec = (time_t)seconds;
	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		;
}

void
no_delay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int
listen_on(const struct sockaddr_in *where)
{
	int fd, on = 1;

	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)where, sizeof(*where)) == -1)
		err(1, "bind %s:%d", inet_ntoa(where->sin_addr),
		    ntohs(where->sin_port));
	if (listen(fd, 4096) == -1)
		err(1, "listen");
	return fd;
}

/* 0, or -1 when the other side ends or fails before. */
int
read_full(int fd, void *buf, size_t len)
{
	unsigned char *p = buf;
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n) {
		n = recv(fd, p, len, 0);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return -1;
	}
	return 0;
}

/* A CONNECT to the target, 10 bytes. */
size_t
socks_request(const struct load *l, unsigned char *out)
{
	memcpy(out, "\5\1\0\1", 4);
	memcpy(out + 4, &l->target.sin_addr, 4);
	memcpy(out + 8, &l->target.sin_port, 2);
	return 10;
}

static int
socks_connect(int fd, const struct load *l)
{
	unsigned char buf[10];
	size_t len;

	if (send(fd, "\5\1\0", 3, MSG_NOSIGNAL) != 3 ||
	    read_full(fd, buf, 2) == -1 || buf[1] != 0)
		return -1;
	len = socks_request(l, buf);
	if (send(fd, buf, len, MSG_NOSIGNAL) != (ssize_t)len ||
	    read_full(fd, buf, 10) == -1 || buf[1] != 0)
		return -1;
	return 0;
}

/* A stream to the target in that role; -1 if that fails, or takes longer. */
int
try_dial(const struct load *l, enum role role, double timeout)
{
	char first = (char)role;
	struct timeval tv;
	int fd;

	tv.tv_sec = (time_t)timeout;
	tv.tv_usec = (suseconds_t)((timeout - (double)tv.tv_sec) * 1e6);
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	no_delay(fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(fd, (const struct sockaddr *)&l->via,
	    sizeof(l->via)) == -1 ||
	    (l->socks && socks_connect(fd, l) == -1) ||
	    send(fd, &first, 1, MSG_NOSIGNAL) != 1) {
		close(fd);
		return -1;
	}
	return fd;
}

int
dial(const struct load *l, enum role role)
{
	int fd;

	if ((fd = try_dial(l, role, 30)) == -1)
		err(1, "cannot reach the target through %s:%d",
		    inet_ntoa(l->via.sin_addr), ntohs(l->via.sin_port));
	return fd;
}
