/* SPDX-License-Identifier: ISC */
/*
 * Listeners: several addresses for one, socket files, how much is accepted in
 * one turn of the loop, and what happens when descriptors run out.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"
#include "orthrus/transport/bind.h"
#include "orthrus/transport/listener.h"

/*
 * Accepted in one turn, by all sockets of a listener.  Whoever connects without
 * end would else have the loop for himself as long as he does.
 */
#define ACCEPTS_A_TURN 16

struct listener {
	struct event_base *base;
	struct event *socket[BOUND_MAX];
	size_t n;
	struct event *retry;
	bool held;
	bool accepting;		/* inside its accept function */
	bool gone;		/* freed there: its memory follows */
	const char *label;
	listener_accept *accept;
	void *arg;
	char path[UNIX_PATH_MAX_LEN];	/* of a Unix socket, else empty */
	dev_t dev;
	ino_t ino;
};

static bool
accepts(const struct listener *l)
{
	return !l->gone && !l->held && !evtimer_pending(l->retry, NULL);
}

static void
enable_sockets(struct listener *l, bool enabled)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (enabled)
			event_add(l->socket[i], NULL);
		else
			event_del(l->socket[i]);
}

/*
 * Pauses: while no descriptor can be had the socket stays readable, and the
 * loop would spin.
 */
static void
accept_failed(struct listener *l, int error)
{
	log_warn("%scannot accept connections: %s; trying again in 1 s",
	    l->label, strerror(error));
	listener_pause(l, 1000);
}

/* Whose connection failed meanwhile, or is forbidden, is no reason to wait. */
static bool
is_of_one_connection(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO ||
	    error == EPERM;
}

/* One connection: false when there is none, or nothing may be accepted. */
static bool
accept_one(struct listener *l, int fd)
{
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(from);
	int on = 1, got;

	got = os_accept(fd, (struct sockaddr *)&from, &len);
	if (got == -1) {
		if (is_of_one_connection(errno))
			return true;
		if (errno != EAGAIN)
			accept_failed(l, errno);
		return false;
	}
	if (from.ss_family != AF_UNIX) {
		setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(got, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	}
	l->accept(l->arg, got);
	return true;
}

/* Who is left waits for the next turn: his socket stays readable. */
static void
on_listener_readable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	size_t i;

	(void)what;
	loop_doing(LOOP_ACCEPT);
	l->accepting = true;
	for (i = 0; i < ACCEPTS_A_TURN / l->n && accepts(l); i++)
		if (!accept_one(l, (int)fd))
			break;
	l->accepting = false;
	if (l->gone)
		free(l);
}

void
listener_pause(struct listener *l, unsigned ms)
{
	enable_sockets(l, false);
	timer_set(l->retry, ms);
}

void
listener_hold(struct listener *l, bool held)
{
	if (l->held == held)
		return;
	l->held = held;
	enable_sockets(l, accepts(l));
}

void
listener_label(struct listener *l, const char *label)
{
	l->label = label;
}

uint16_t
listener_port(const struct listener *l)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getsockname(event_get_fd(l->socket[0]), (struct sockaddr *)&ss,
	    &len) == -1)
		return 0;
	if (ss.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&ss)->sin_port);
	if (ss.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	return 0;
}

static void
on_listener_retry(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	if (!l->held)
		enable_sockets(l, true);
}

static void
add_socket(struct listener *l, int fd)
{
	struct event *socket = event_new(l->base, fd, EV_READ | EV_PERSIST,
	    on_listener_readable, l);

	if (socket == NULL)
		abort();
	event_add(socket, NULL);
	l->socket[l->n++] = socket;
}

/* --- life ------------------------------------------------------------- */

static void
close_socket(struct event *socket)
{
	int fd = event_get_fd(socket);

	event_free(socket);
	close(fd);
}

static struct listener *
new_listener(struct event_base *base, listener_accept *accept_fn, void *arg)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->base = base;
	l->label = "";
	l->accept = accept_fn;
	l->arg = arg;
	l->retry = evtimer_new(base, on_listener_retry, l);
	return l;
}

struct listener *
listener_new(struct event_base *base, const struct address *at,
    listener_accept *accept_fn, void *arg, struct error *e)
{
	struct listener *l;
	struct bound b;
	size_t i;

	if (bind_address(at, &b, e) == -1)
		return NULL;
	l = new_listener(base, accept_fn, arg);
	for (i = 0; i < b.n; i++)
		add_socket(l, b.fd[i]);
	if (at->kind == ADDRESS_UNIX)
		memcpy(l->path, at->path, sizeof(l->path));
	l->dev = b.dev;
	l->ino = b.ino;
	return l;
}

struct listener *
listener_of(struct event_base *base, int fd, listener_accept *accept_fn,
    void *arg)
{
	struct listener *l = new_listener(base, accept_fn, arg);

	add_socket(l, fd);
	return l;
}

void
listener_free(struct listener *l)
{
	struct stat st;
	size_t i;

	if (l == NULL)
		return;
	for (i = 0; i < l->n; i++)
		close_socket(l->socket[i]);
	if (l->path[0] != '\0' && lstat(l->path, &st) == 0 &&
	    S_ISSOCK(st.st_mode) && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
	event_free(l->retry);
	l->gone = true;
	if (!l->accepting)
		free(l);
}
