/* See fake_peer.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <libssh/libssh.h>

#include "orthrus/proto/wire.h"

#include "../../src/ssh/mux_private.h"
#include "fake_peer.h"

#define FEED_MAX 70000

uint64_t __wrap_clock_us(void);

struct packet_tap {
	packet_handler *handler;
	void *arg;
};

struct fake_peer fake;
static struct packet_tap *the_tap;
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

struct packet_tap *
packet_tap_new(ssh_session session, packet_handler *handler, void *arg)
{
	if (the_tap != NULL || session != fake_session())
		abort();
	the_tap = calloc(1, sizeof(*the_tap));
	if (the_tap == NULL)
		abort();
	the_tap->handler = handler;
	the_tap->arg = arg;
	return the_tap;
}

void
packet_tap_free(struct packet_tap *tap)
{
	if (tap != the_tap)
		abort();
	free(tap);
	the_tap = NULL;
}

int
packet_send(struct packet_tap *tap, const struct iovec *iov, int n)
{
	struct sent s = { 0 };
	size_t len = 0, at = 0;
	uint8_t *whole;
	int i;

	if (tap != the_tap)
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

int
packet_connect(struct packet_tap *tap, const char *identification)
{
	(void)tap;
	(void)identification;
	return SSH_OK;
}

void
packet_take_over(struct packet_tap *tap, int fd)
{
	(void)tap;
	(void)fd;
}

/* What arrives is fed by the test. */
int
packet_input(struct packet_tap *tap, size_t budget)
{
	(void)tap;
	(void)budget;
	return 0;
}

int
packet_output(struct packet_tap *tap)
{
	(void)tap;
	return pending > 0 ? 1 : 0;
}

void
packet_disconnect(struct packet_tap *tap, uint32_t reason, const char *text)
{
	(void)tap;
	(void)reason;
	(void)text;
}

void
packet_tap_logins(struct packet_tap *tap, bool (*filter)(void *arg,
    const uint8_t *p, size_t len))
{
	(void)tap;
	(void)filter;
}

size_t
packet_backlog(const struct packet_tap *tap)
{
	(void)tap;
	return pending;
}

uint64_t
packet_received(const struct packet_tap *tap)
{
	(void)tap;
	return received;
}

ssh_session
fake_session(void)
{
	static int session;	/* only its address is used */

	return (ssh_session)(void *)&session;
}

void
fake_reset(void)
{
	while (fake_next() != NULL)
		;
	free(queue);
	queue = NULL;
	head = tail = size = pending = 0;
	memset(&fake, 0, sizeof(fake));
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

	if (copy == NULL || the_tap == NULL)
		abort();
	if (len > 0)
		memcpy(copy, p, len);
	received += len + 32;
	the_tap->handler(the_tap->arg, type, copy, len);
	channel_deliver();	/* each packet is a turn of its own here */
	free(copy);
}

void
fake_feed(uint8_t type, const char *format, ...)
{
	uint8_t *b = malloc(FEED_MAX), *p = b;
	const void *data;
	va_list ap;

	if (b == NULL)
		abort();
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
	free(b);
}
