/* SPDX-License-Identifier: ISC */
/* See memory_endpoint.h.  What is called after close() stops the test. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory_endpoint.h"

static struct memory *
open_one(struct endpoint *ep)
{
	struct memory *m = (struct memory *)ep;

	if (m->closed > 0)
		abort();
	return m;
}

static ssize_t
mem_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct memory *m = open_one(ep);

	if (max == 0)
		abort();
	if (m->in_len > 0) {
		*p = m->in;
		return (ssize_t)(m->in_len < max ? m->in_len : max);
	}
	if (m->in_end)
		return 0;
	errno = m->in_errno != 0 ? m->in_errno : EAGAIN;
	return -1;
}

static void
mem_consume(struct endpoint *ep, size_t n)
{
	struct memory *m = open_one(ep);

	if (n > m->in_len)
		abort();
	if (n > 0)
		m->in += n;
	m->in_len -= n;
}

static size_t
mem_room(struct endpoint *ep)
{
	struct memory *m = open_one(ep);

	return m->tells_room ? m->room : SIZE_MAX;
}

static ssize_t
mem_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct memory *m = open_one(ep);

	if (m->finished > 0)
		abort();
	if (n == 0) {		/* endpoint.h: n > 0 */
		m->empty_writes++;
		return 0;
	}
	if (m->out_errno != 0 || m->room == 0) {
		errno = m->out_errno != 0 ? m->out_errno : EAGAIN;
		return -1;
	}
	if (n > m->room)
		n = m->room;
	if (n > m->chunk)
		n = m->chunk;
	m->out = realloc(m->out, m->out_len + n);
	if (m->out == NULL)
		abort();
	memcpy(m->out + m->out_len, p, n);
	m->out_len += n;
	if (m->room != SIZE_MAX)
		m->room -= n;
	return (ssize_t)n;
}

static int
mem_finish(struct endpoint *ep)
{
	struct memory *m = open_one(ep);

	m->finished++;
	errno = m->finish_errno;
	return errno == 0 ? 0 : -1;
}

static void
mem_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct memory *m = open_one(ep);

	m->want_read = readable;
	m->want_write = writable;
}

static void
mem_close(struct endpoint *ep, bool aborted)
{
	struct memory *m = open_one(ep);

	m->closed++;
	m->aborted = aborted;
	m->want_read = m->want_write = false;
}

static const struct endpoint_ops memory_ops = {
	mem_peek, mem_consume, mem_room, mem_write, mem_finish, mem_watch,
	mem_close, NULL
};

void
memory_init(struct memory *m)
{
	memset(m, 0, sizeof(*m));
	m->ep.ops = &memory_ops;
	m->room = m->chunk = SIZE_MAX;
}

void
memory_free(struct memory *m)
{
	free(m->out);
	m->out = NULL;
}

bool
memory_step(struct memory *m)
{
	bool did = false;

	if (m->want_read && m->ep.relay != NULL &&
	    (m->in_len > 0 || m->in_end || m->in_errno != 0)) {
		relay_readable(&m->ep);
		did = true;
	}
	if (m->want_write && m->ep.relay != NULL &&
	    (m->room > 0 || m->out_errno != 0)) {
		relay_writable(&m->ep);
		did = true;
	}
	return did;
}
