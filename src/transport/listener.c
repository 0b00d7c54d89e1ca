/* SPDX-License-Identifier: ISC */
/*
 * Listeners: several addresses for one, socket files, how much is accepted in
 * one turn of the loop, and what happens when descriptors run out.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/transport/listener.h"

#define SOCKETS_MAX 4		/* "localhost" and "*" give two */
#define BACKLOG 1024
/*
 * Accepted in one turn, by all sockets of a listener.  Whoever connects without
 * end would else have the loop for himself as long as he does.
 */
#define ACCEPTS_A_TURN 16

struct listener {
	struct event_base *base;
	struct event *socket[SOCKETS_MAX];
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

	got = accept4(fd, (struct sockaddr *)&from, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
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
	struct sockaddr_storage ss;
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

static int
add_socket(struct listener *l, int fd)
{
	l->socket[l->n] = event_new(l->base, fd, EV_READ | EV_PERSIST,
	    on_listener_readable, l);
	if (l->socket[l->n] == NULL) {
		close(fd);
		return -1;
	}
	event_add(l->socket[l->n++], NULL);
	return 0;
}

/* --- TCP -------------------------------------------------------------- */

static int
listen_on_address(struct listener *l, const struct addrinfo *ai)
{
	int on = 1, error;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return add_socket(l, fd);
}

static int
listener_open_tcp(struct listener *l, const struct address *at, struct error *e)
{
	static const char *const loopback[] = { "127.0.0.1", "::1" };
	static const char *const any[] = { "0.0.0.0", "::" };
	const char *one[1] = { at->host };
	const char *const *hosts = one;
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *ai;
	char port[8];
	size_t i, nhosts = 1;
	int rc, error = 0;

	if (strcmp(at->host, "localhost") == 0 || strcmp(at->host, "*") == 0) {
		hosts = at->host[0] == '*' ? any : loopback;
		nhosts = 2;
	}
	snprintf(port, sizeof(port), "%u", at->port);
	for (i = 0; i < nhosts; i++) {
		/*
		 * This may block where the address is a name, which only a
		 * configured bind address can be.
		 */
		if ((rc = getaddrinfo(hosts[i], port, &hints, &list)) != 0)
			return error_set(e, EX_UNAVAILABLE, "%s",
			    gai_strerror(rc));
		for (ai = list; ai != NULL && l->n < SOCKETS_MAX;
		    ai = ai->ai_next) {
			if (listen_on_address(l, ai) == 0)
				continue;
			/* A host without IPv6 still has IPv4. */
			if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
				error = errno;
		}
		freeaddrinfo(list);
	}
	if (error == 0 && l->n > 0)
		return 0;
	return error_set(e, EX_UNAVAILABLE, "%s",
	    strerror(error != 0 ? error : EADDRNOTAVAIL));
}

/* --- Unix ------------------------------------------------------------- */

/* True when path is a socket that refuses connections: its owner is dead. */
static bool
is_stale_socket(const struct sockaddr_un *sun)
{
	struct stat st;
	bool refused;
	int fd;

	if (lstat(sun->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return false;
	refused = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) ==
	    -1 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int
listener_open_unix(struct listener *l, const struct address *at,
    struct error *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int fd, rc;

	memcpy(sun.sun_path, at->path, sizeof(sun.sun_path));
	if (is_stale_socket(&sun))
		unlink(at->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return error_set(e, EX_UNAVAILABLE, "%s", strerror(errno));
	mask = umask(0177);
	rc = bind(fd, (const struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	if (rc == -1 || lstat(at->path, &st) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		error_set(e, EX_UNAVAILABLE, "%s", strerror(errno));
		if (rc == 0)
			unlink(at->path);
		close(fd);
		return -1;
	}
	memcpy(l->path, at->path, sizeof(l->path));
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return add_socket(l, fd);
}

/* --- life ------------------------------------------------------------- */

static void
close_socket(struct event *socket)
{
	int fd = event_get_fd(socket);

	event_free(socket);
	close(fd);
}

struct listener *
listener_new(struct event_base *base, const struct address *at,
    listener_accept *accept_fn, void *arg, struct error *e)
{
	struct listener *l = xcalloc(1, sizeof(*l));
	char text[ADDRESS_TEXT_MAX];
	int rc;

	l->base = base;
	l->label = "";
	l->accept = accept_fn;
	l->arg = arg;
	l->retry = evtimer_new(base, on_listener_retry, l);
	rc = at->kind == ADDRESS_UNIX ? listener_open_unix(l, at, e) :
	    listener_open_tcp(l, at, e);
	if (rc == 0)
		return l;
	error_prefix(e, "cannot listen on %s", address_format(at, text));
	listener_free(l);
	return NULL;
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
