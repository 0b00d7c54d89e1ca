/* SPDX-License-Identifier: ISC */
/* What all transports have in common, and the simplest one: a socket. */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/mem.h"
#include "orthrus/transport/transport.h"

ssize_t
transport_socket_read(struct transport *t, uint8_t *p, size_t n)
{
	ssize_t got;

	do
		got = recv(t->fd, p, n, 0);
	while (got == -1 && errno == EINTR);
	return got;
}

ssize_t
transport_socket_write(struct transport *t, const uint8_t *p, size_t n)
{
	ssize_t sent;

	if (n == 0)
		return 0;
	do
		sent = send(t->fd, p, n, MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return sent;
}

static void
socket_free(struct transport *t)
{
	close(t->fd);
	free(t);
}

static const struct transport_ops socket_ops = {
	.name = "tcp",
	.read = transport_socket_read,
	.write = transport_socket_write,
	.free = socket_free
};

struct transport *
transport_socket(int fd)
{
	struct transport *t = xcalloc(1, sizeof(*t));

	t->ops = &socket_ops;
	t->fd = fd;
	return t;
}

bool
transport_is_socket(const struct transport *t)
{
	return t->ops == &socket_ops;
}

/* --- bytes that were read too early ----------------------------------- */

struct unread {
	struct transport head;
	struct transport_ops ops;	/* under the name of lower */
	struct transport *lower;
	size_t off, len;
	uint8_t bytes[];
};

static ssize_t
unread_read(struct transport *t, uint8_t *p, size_t n)
{
	struct unread *u = (struct unread *)t;
	size_t left = u->len - u->off;

	if (left == 0)
		return transport_read(u->lower, p, n);
	if (n > left)
		n = left;
	memcpy(p, u->bytes + u->off, n);
	u->off += n;
	return (ssize_t)n;
}

static ssize_t
unread_write(struct transport *t, const uint8_t *p, size_t n)
{
	return transport_write(((struct unread *)t)->lower, p, n);
}

static bool
unread_holds_input(const struct transport *t)
{
	const struct unread *u = (const struct unread *)t;

	return u->off < u->len || transport_holds_input(u->lower);
}

static bool
unread_holds_output(const struct transport *t)
{
	return transport_holds_output(((const struct unread *)t)->lower);
}

static const char *
unread_why(const struct transport *t)
{
	const struct transport *lower = ((const struct unread *)t)->lower;

	return lower->ops->why != NULL ? lower->ops->why(lower) : NULL;
}

static int
unread_finish(struct transport *t)
{
	return transport_finish(((struct unread *)t)->lower);
}

static void
unread_free(struct transport *t)
{
	transport_free(((struct unread *)t)->lower);
	free(t);
}

struct transport *
transport_unread(struct transport *lower, const uint8_t *p, size_t n)
{
	struct unread *u = xcalloc(1, sizeof(*u) + n);

	u->ops = (struct transport_ops){
		lower->ops->name, unread_read, unread_write,
		unread_holds_input, unread_holds_output, unread_why,
		unread_free, unread_finish
	};
	u->head.ops = &u->ops;
	u->head.fd = lower->fd;
	u->lower = lower;
	u->len = n;
	memcpy(u->bytes, p, n);
	return &u->head;
}

/* --- the hooks -------------------------------------------------------- */

ssize_t
transport_read(struct transport *t, uint8_t *p, size_t n)
{
	return t->ops->read(t, p, n);
}

ssize_t
transport_write(struct transport *t, const uint8_t *p, size_t n)
{
	return t->ops->write(t, p, n);
}

bool
transport_holds_input(const struct transport *t)
{
	return t->ops->holds_input != NULL && t->ops->holds_input(t);
}

bool
transport_holds_output(const struct transport *t)
{
	return t->ops->holds_output != NULL && t->ops->holds_output(t);
}

int
transport_finish(struct transport *t)
{
	return t->ops->finish != NULL ? t->ops->finish(t) :
	    shutdown(t->fd, SHUT_WR);
}

const char *
transport_why(const struct transport *t, int error)
{
	const char *why = t->ops->why != NULL ? t->ops->why(t) : NULL;

	if (why != NULL)
		return why;
	return error == 0 ? "connection closed" : strerror(error);
}

void
transport_free(struct transport *t)
{
	if (t != NULL)
		t->ops->free(t);
}
