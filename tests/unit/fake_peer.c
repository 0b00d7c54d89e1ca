/* SPDX-License-Identifier: ISC */
/* See fake_peer.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/wire.h"

#include "../../src/ssh/carrier.h"
#include "../../src/ssh/mux_private.h"
#include "../../src/ssh/output.h"
#include "fake_peer.h"

#define FEED_MAX 70000

uint64_t __wrap_clock_us(void);

struct packet_tap {
	int unused;
};

struct connection {
	struct output out;
	struct mux *mux;
	const struct mux_ops *ops;
	bool over;
};

struct fake_peer fake;
static struct packet_tap the_tap;
static struct connection the_connection;
static struct sent *queue, last;
static size_t head, tail, size;
static size_t pending;
static uint64_t received;

static void
append(const struct sent *s)
{
	if (tail == size) {
		size = size == 0 ? 64 : size * 2;
		queue = realloc(queue, size * sizeof(*queue));
		if (queue == NULL)
			abort();
	}
	queue[tail++] = *s;
}

int
packet_send(struct packet_tap *tap, const struct iovec *iov, int n)
{
	struct sent s = { 0 };
	size_t len = 0, at = 0;
	uint8_t *whole;
	int i;

	if (tap != &the_tap)
		abort();
	if (fake.broken)
		return -1;
	for (i = 0; i < n; i++)
		len += iov[i].iov_len;
	if (len == 0 || (whole = malloc(len)) == NULL)
		abort();
	for (i = 0; i < n; i++) {
		memcpy(whole + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	if (fake.stalled && !fake.rekeying)
		pending += len + 32;
	s.type = whole[0];
	s.len = len - 1;
	s.p = malloc(s.len + 1);
	if (s.p == NULL)
		abort();
	memcpy(s.p, whole + 1, s.len);
	free(whole);
	if (fake.watch == NULL) {
		append(&s);
		return fake.rekeying ? 1 : 0;
	}
	fake.watch(&s);
	free(s.p);
	return fake.rekeying ? 1 : 0;
}

uint64_t
__wrap_clock_us(void)
{
	return fake.now;
}

const uint8_t *
packet_unsent(const struct packet_tap *tap, size_t *n)
{
	(void)tap;
	*n = pending;
	return (const uint8_t *)"";	/* there is no carrier to send it on */
}

void
packet_sent(struct packet_tap *tap, size_t n)
{
	(void)tap;
	(void)n;
	abort();
}

bool
packet_waits(const struct packet_tap *tap)
{
	(void)tap;
	return pending > 0;
}

size_t
packet_backlog(const struct packet_tap *tap)
{
	(void)tap;
	return pending;
}

void
packet_keep(struct packet_tap *tap, bool keep)
{
	(void)tap;
	(void)keep;
}

size_t
packet_kept(const struct packet_tap *tap)
{
	(void)tap;
	return 0;
}

uint64_t
packet_received(const struct packet_tap *tap)
{
	(void)tap;
	return received;
}

ssize_t
carrier_write(struct carrier *k, const uint8_t *p, size_t n)
{
	(void)k;
	(void)p;
	(void)n;
	errno = EAGAIN;
	return -1;
}

bool
carrier_holds_output(const struct carrier *k)
{
	(void)k;
	return false;
}

struct mux *
fake_mux(struct event_base *loop)
{
	memset(&the_connection, 0, sizeof(the_connection));
	the_connection.out.tap = &the_tap;
	return mux_new(loop, &the_connection);
}

/* --- the connection ----------------------------------------------- */

void
connection_carry(struct connection *c, const struct mux_ops *ops,
    struct mux *m)
{
	c->ops = ops;
	c->mux = m;
}

int
connection_send(struct connection *c, const struct iovec *iov, int n)
{
	const char *why;
	int rc;

	if (c->over)
		return -1;
	rc = output_send(&c->out, iov, n, &why);
	if (rc == -1)
		connection_violation(c, why);
	return rc == -1 ? -1 : 0;
}

size_t
connection_room(struct connection *c)
{
	return c->over ? 0 : output_room(&c->out);
}

void
connection_violation(struct connection *c, const char *what)
{
	if (c->over)
		return;
	c->over = true;
	if (fake.violation != NULL)
		fake.violation(what);
}

bool
connection_is_over(const struct connection *c)
{
	return c->over;
}

void
connection_asked(struct connection *c)
{
	(void)c;
}

void
connection_be_frugal(struct connection *c, bool frugal)
{
	c->out.frugal = frugal;
}

size_t
connection_unsent(const struct connection *c)
{
	return output_unsent(&c->out);
}

bool
connection_is_asked(struct connection *c, const uint8_t *name, size_t len,
    struct wire *w, bool *ok)
{
	(void)c;
	(void)name;
	(void)len;
	(void)w;
	(void)ok;
	return false;
}

bool
connection_is_parted(const struct connection *c)
{
	(void)c;
	return fake.parted;
}

size_t
connection_kept(const struct connection *c)
{
	return packet_kept(c->out.tap);
}

size_t
connection_backlog(const struct connection *c)
{
	return packet_backlog(c->out.tap);
}

uint64_t
connection_received(const struct connection *c)
{
	return packet_received(c->out.tap);
}

/* --- the test ------------------------------------------------------- */

void
fake_reset(void)
{
	while (fake_next() != NULL)
		;
	free(queue);
	queue = NULL;
	head = tail = size = pending = 0;
	memset(&fake, 0, sizeof(fake));
	fake.now = 1000000;
}

const struct sent *
fake_next(void)
{
	free(last.p);
	last.p = NULL;
	if (head == tail)
		return NULL;
	last = queue[head++];
	return &last;
}

size_t
fake_queued(void)
{
	return tail - head;
}

void
fake_drain(size_t n)
{
	if (n > pending)
		n = pending;
	pending -= n;
}

size_t
fake_pending(void)
{
	return pending;
}

void
fake_feed_raw(uint8_t type, const uint8_t *p, size_t len)
{
	/* Memory of just that size: the sanitizer sees one byte beyond. */
	uint8_t *copy = malloc(len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, p, len);
	received += len + 32;
	if (type == MSG_NEWKEYS)
		output_has_keys(&the_connection.out);
	else if (!the_connection.over)
		the_connection.ops->packet(the_connection.mux, type, copy, len);
	the_connection.ops->deliver();	/* each packet is a turn of its own here */
	free(copy);
}

void
fake_feed(uint8_t type, const char *format, ...)
{
	static uint8_t b[FEED_MAX];	/* fake_feed_raw() takes a copy first */
	uint8_t *p = b;
	const void *data;
	va_list ap;

	va_start(ap, format);
	for (; *format != '\0'; format++)
		switch (*format) {
		case 'u':
			p = wire_put_u32(p, va_arg(ap, uint32_t));
			break;
		case 'b':
			*p++ = (uint8_t)va_arg(ap, int);
			break;
		case 's':
			data = va_arg(ap, const char *);
			p = wire_put_string(p, data, strlen(data));
			break;
		case 'd':
			data = va_arg(ap, const void *);
			p = wire_put_string(p, data, va_arg(ap, size_t));
			break;
		default:
			abort();
		}
	va_end(ap);
	fake_feed_raw(type, b, (size_t)(p - b));
}
