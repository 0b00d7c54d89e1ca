/* SPDX-License-Identifier: ISC */
/* See awkward_transport.h. */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/mem.h"

#include "awkward_transport.h"

#define GIVES 7			/* bytes of what it has read, at once */
#define TAKES 1000		/* and keeps the last of them for a while */

struct awkward {
	struct transport head;
	uint8_t in[256], kept;
	size_t off, len;
	bool keeps;
};

static ssize_t
awkward_read(struct transport *t, uint8_t *p, size_t n)
{
	struct awkward *k = (struct awkward *)t;
	ssize_t got;

	if (k->off == k->len) {
		if ((got = recv(t->fd, k->in, sizeof(k->in), 0)) <= 0)
			return got;
		k->off = 0;
		k->len = (size_t)got;
	}
	if (n > k->len - k->off)
		n = k->len - k->off;
	if (n > GIVES)
		n = GIVES;
	memcpy(p, k->in + k->off, n);
	k->off += n;
	return (ssize_t)n;
}

static ssize_t
awkward_write(struct transport *t, const uint8_t *p, size_t n)
{
	struct awkward *k = (struct awkward *)t;
	ssize_t sent = 0;

	if (k->keeps && send(t->fd, &k->kept, 1, MSG_NOSIGNAL) != 1)
		return -1;
	k->keeps = false;
	if (n > TAKES)
		n = TAKES;
	if (n > 1 && (sent = send(t->fd, p, n - 1, MSG_NOSIGNAL)) == -1)
		return -1;
	if (n == 0 || (size_t)sent < n - 1)
		return sent;
	k->kept = p[n - 1];
	k->keeps = true;
	return (ssize_t)n;
}

static bool
awkward_holds_input(const struct transport *t)
{
	const struct awkward *k = (const struct awkward *)t;

	return k->off < k->len;
}

static bool
awkward_holds_output(const struct transport *t)
{
	return ((const struct awkward *)t)->keeps;
}

static void
awkward_free(struct transport *t)
{
	transport_write(t, NULL, 0);
	close(t->fd);
	free(t);
}

struct transport *
transport_awkward(int fd)
{
	static const struct transport_ops ops = {
		"awkward", awkward_read, awkward_write, awkward_holds_input,
		awkward_holds_output, NULL, awkward_free, NULL
	};
	struct awkward *k = xcalloc(1, sizeof(*k));

	k->head.ops = &ops;
	k->head.fd = fd;
	return &k->head;
}
