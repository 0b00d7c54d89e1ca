/* SPDX-License-Identifier: ISC */
/* See cut_link.h. */
#include <sys/socket.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "orthrus/transport/listener.h"

#include "cut_link.h"

#define PAIRS_MAX 64

struct cut_link cut_link;

/* One connection: the client's end and the server's. */
static struct pair {
	struct bufferevent *end[2];	/* NULL: it is free */
	bool ended[2];
	bool deaf;			/* nothing passes */
} pairs[PAIRS_MAX];
static struct event_base *loop;
static struct listener *listener;
static uint16_t target;

static void
drop(struct pair *p, bool reset)
{
	const struct linger hard = { 1, 0 };
	int i, fd;

	for (i = 0; i < 2; i++) {
		fd = bufferevent_getfd(p->end[i]);
		if (reset)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard,
			    sizeof(hard));
		bufferevent_free(p->end[i]);
		p->end[i] = NULL;
	}
}

void
cut_link_cut(void)
{
	size_t i;

	cut_link.left = 0;
	cut_link.cuts++;
	for (i = 0; i < PAIRS_MAX; i++)
		if (pairs[i].end[0] != NULL)
			drop(&pairs[i], cut_link.reset);
}

void
cut_link_deafen(void)
{
	size_t i;

	for (i = 0; i < PAIRS_MAX; i++)
		pairs[i].deaf = true;
}

static void
remember(const struct pair *p, const struct bufferevent *from,
    struct evbuffer *data)
{
	size_t room = sizeof(cut_link.head) - cut_link.head_len;
	ev_ssize_t n;

	if (from != p->end[0] || room == 0)
		return;
	n = evbuffer_copyout(data, cut_link.head + cut_link.head_len, room);
	cut_link.head_len += n > 0 ? (size_t)n : 0;
}

static void
on_data(struct bufferevent *from, void *arg)
{
	struct pair *p = arg;
	struct evbuffer *data = bufferevent_get_input(from);
	size_t n = evbuffer_get_length(data);

	if (p->deaf)
		return;
	remember(p, from, data);
	if (cut_link.left == 0 || n < cut_link.left) {
		if (cut_link.left != 0)
			cut_link.left -= n;
		bufferevent_write_buffer(p->end[from == p->end[0]], data);
		return;
	}
	bufferevent_write(p->end[from == p->end[0]],
	    evbuffer_pullup(data, (ev_ssize_t)cut_link.left), cut_link.left);
	cut_link_cut();
}

static void
on_event(struct bufferevent *end, short what, void *arg)
{
	struct pair *p = arg;
	int i = end == p->end[1];

	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0 ||
	    p->deaf)
		return;
	p->ended[i] = true;
	shutdown(bufferevent_getfd(p->end[!i]), SHUT_WR);
	if (p->ended[!i] || (what & BEV_EVENT_ERROR) != 0)
		drop(p, false);
}

static struct bufferevent *
end_of(int fd, struct pair *p)
{
	struct bufferevent *end = bufferevent_socket_new(loop, fd,
	    BEV_OPT_CLOSE_ON_FREE);

	bufferevent_setcb(end, on_data, NULL, on_event, p);
	bufferevent_enable(end, EV_READ | EV_WRITE);
	return end;
}

static int
connect_to_target(void)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons(target),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || connect(fd, (const struct sockaddr *)&to,
	    sizeof(to)) == -1 || evutil_make_socket_nonblocking(fd) == -1)
		abort();
	return fd;
}

static void
on_client(void *arg, int fd)
{
	struct pair *p = pairs;

	(void)arg;
	if (cut_link.refuses) {
		close(fd);
		return;
	}
	while (p->end[0] != NULL)
		if (++p == pairs + PAIRS_MAX)
			abort();
	cut_link.made++;
	cut_link.head_len = 0;
	p->ended[0] = p->ended[1] = p->deaf = false;
	p->end[0] = end_of(fd, p);
	p->end[1] = end_of(connect_to_target(), p);
}

void
cut_link_open(struct event_base *base, uint16_t to)
{
	const struct address at = { .kind = ADDRESS_TCP, .host = "127.0.0.1" };
	struct error e;

	memset(&cut_link, 0, sizeof(cut_link));
	loop = base;
	target = to;
	listener = listener_new(base, &at, on_client, NULL, &e);
	if (listener == NULL)
		abort();
	cut_link.port = listener_port(listener);
}

void
cut_link_close(void)
{
	cut_link_cut();
	listener_free(listener);
}
