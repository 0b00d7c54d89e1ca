/* SPDX-License-Identifier: ISC */
/* See dial_service.h; and the process that does the work. */
#include "config.h"

#include "dial_service.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/hand.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/wire.h"
#include "orthrus/transport/dial.h"

#define ASK_MAX (8 + 8 + 4 + 4 + HOST_MAX)
#define ANSWER_LEN 12
#define SERVED_MAX 4096		/* under way; more are told to come again */

struct served {
	struct dial_service *service;
	uint64_t id;
};

struct dial_service {
	int fd;
	struct dialer *dialer;
	struct event *asked;
	struct dial_service_events events;
	void *arg;
	size_t n;
};

/* --- who asks ----------------------------------------------------- */

int
dial_ask(int fd, uint64_t id, const struct address *to, uint64_t ms)
{
	uint8_t b[ASK_MAX], *p = b;

	p = wire_put_u64(p, id);
	p = wire_put_u64(p, ms);
	p = wire_put_u32(p, to->port);
	p = wire_put_string(p, to->host, strlen(to->host));
	return hand_send(fd, b, (size_t)(p - b), -1, MSG_DONTWAIT) == -1 ?
	    -1 : 0;
}

int
dial_hear(int fd, struct dial_answer *a)
{
	uint8_t b[ANSWER_LEN];
	struct wire w;
	ssize_t n = hand_receive(fd, b, sizeof(b), &a->fd, MSG_DONTWAIT);

	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n != ANSWER_LEN)
		return -1;
	wire_init(&w, b, sizeof(b));
	a->id = wire_u64(&w);
	a->error = (int)wire_u32(&w);
	return 1;
}

/* --- who is asked ------------------------------------------------- */

static void
answer_dial(const struct dial_service *s, uint64_t id, int fd, int error)
{
	uint8_t b[ANSWER_LEN];

	wire_put_u32(wire_put_u64(b, id), (uint32_t)error);
	/* Who does not read his answers has given up on them. */
	hand_send(s->fd, b, sizeof(b), fd, MSG_DONTWAIT);
	if (fd != -1)
		close(fd);
}

static void
on_served(void *arg, int fd, int error)
{
	struct served *one = arg;

	one->service->n--;
	answer_dial(one->service, one->id, fd, error);
	free(one);
}

static void
serve_dial(struct dial_service *s, uint64_t id, const struct address *to,
    uint64_t ms)
{
	struct served *one;

	if (s->n == SERVED_MAX) {
		answer_dial(s, id, -1, EAGAIN);
		return;
	}
	s->n++;
	one = xcalloc(1, sizeof(*one));
	one->service = s;
	one->id = id;
	dial_start(s->dialer, to, ms, on_served, one);
}

static void
on_dial_asked(evutil_socket_t fd, short what, void *arg)
{
	struct address to = { .kind = ADDRESS_TCP };
	struct dial_service *s = arg;
	uint8_t b[ASK_MAX];
	uint64_t id, ms;
	uint32_t port;
	struct wire w;
	int with;
	ssize_t n = hand_receive((int)fd, b, sizeof(b), &with, MSG_DONTWAIT);

	(void)what;
	if (with != -1)
		close(with);
	if (n == -1 && errno == EAGAIN)
		return;
	wire_init(&w, b, n < 0 || (size_t)n > sizeof(b) ? 0 : (size_t)n);
	id = wire_u64(&w);
	ms = wire_u64(&w);
	to.port = (uint16_t)(port = wire_u32(&w));
	wire_text(&w, to.host, sizeof(to.host));
	if (w.bad || w.left > 0 || port > UINT16_MAX || ms > UINT32_MAX) {
		event_del(s->asked);
		s->events.ended(s->arg);
	} else if (id == 0)
		s->events.reload(s->arg);
	else
		serve_dial(s, id, &to, ms);
}

struct dial_service *
dial_service_new(struct event_base *base, struct dialer *d, int fd,
    const struct dial_service_events *events, void *arg)
{
	struct dial_service *s = xcalloc(1, sizeof(*s));

	s->fd = fd;
	s->dialer = d;
	s->events = *events;
	s->arg = arg;
	s->asked = event_new(base, fd, EV_READ | EV_PERSIST, on_dial_asked, s);
	event_add(s->asked, NULL);
	return s;
}

void
dial_service_free(struct dial_service *s)
{
	if (s == NULL)
		return;
	event_free(s->asked);
	free(s);
}
