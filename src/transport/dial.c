/* SPDX-License-Identifier: ISC */
/*
 * Connects to a host or a Unix socket: every address of a name gets its try,
 * each with a head start of 250 ms before the next (RFC 8305), and the first
 * that answers wins.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"

#include "dial_private.h"
#include "resolve.h"

#define HEAD_START_MS 250
#define BACKLOG_RETRY_MS 50	/* a Unix socket whose queue is full */

/*
 * How much an error tells, for the one that is reported: the more, the higher.
 * Our own shortages tell most, since they explain all others.
 */
static unsigned
error_rank(int error)
{
	static const int order[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM, EAGAIN,
	    ECONNREFUSED, EACCES, EPERM, ECONNRESET, ENOENT, ETIMEDOUT,
	    EHOSTUNREACH, ENETUNREACH };
	const unsigned n = sizeof(order) / sizeof(order[0]);
	unsigned i;

	for (i = 0; i < n; i++)
		if (order[i] == error)
			break;
	return error == 0 ? 0 : n + 1 - i;
}

static void
note_error(struct dial *d, int error)
{
	/* EADDRNOTAVAIL means "name not found" to our callers. */
	if (error == EADDRNOTAVAIL)
		error = ENETUNREACH;
	if (error_rank(error) > error_rank(d->error))
		d->error = error;
}

/*
 * Ends an attempt, and returns its descriptor for the caller to close or keep;
 * -1 when it has none.
 */
static int
attempt_end(struct dial_attempt *a)
{
	int fd = a->fd;

	if (a->event != NULL)
		event_free(a->event);
	a->event = NULL;
	if (fd != -1)
		a->dial->pending--;
	a->fd = -1;
	return fd;
}

static void
dial_free(struct dial *d)
{
	unsigned i;
	int fd;

	LIST_REMOVE(d, link);
	if (d->lookup != NULL)
		lookup_cancel(d->lookup);
	for (i = 0; i < d->nattempts; i++) {
		fd = attempt_end(&d->attempts[i]);
		if (fd != -1)
			close(fd);
	}
	event_free(d->step);
	event_free(d->deadline);
	free(d);
}

void
dial_finish(struct dial *d, int fd, int error)
{
	dial_done *done = d->done;
	void *arg = d->arg;

	dial_free(d);
	done(arg, fd, error);
}

static void
on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct dial_attempt *a = arg;
	struct dial *d = a->dial;
	socklen_t len = sizeof(int);
	int error = 0;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error == 0) {
		dial_finish(d, attempt_end(a), 0);
		return;
	}
	note_error(d, error);
	close(attempt_end(a));
	timer_set(d->step, 0);
}

/* 0 when connected or under way, else an errno value. */
static int
attempt_start(struct dial_attempt *a, bool *connected)
{
	struct dial *d = a->dial;
	int family = a->to.ss_family, one = 1, r;

	a->fd = os_socket(family, SOCK_STREAM, OS_NONBLOCK);
	if (a->fd == -1)
		return errno;
	d->pending++;
	if (family != AF_UNIX)
		setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
	r = connect(a->fd, (struct sockaddr *)&a->to, a->len);
	*connected = r == 0;
	if (r == 0)
		return 0;
	if (errno != EINPROGRESS && errno != EINTR)
		return errno;
	a->event = event_new(d->dialer->base, a->fd, EV_WRITE, on_connected,
	    a);
	if (a->event == NULL || event_add(a->event, NULL) == -1)
		return ENOMEM;
	return 0;
}

/* Starts attempts until one is under way or none is left. */
static void
on_next_attempt(evutil_socket_t unused, short what, void *arg)
{
	struct dial *d = arg;
	struct dial_attempt *a;
	bool connected = false;
	int error, fd;

	(void)unused;
	(void)what;
	while (d->next < d->nattempts) {
		a = &d->attempts[d->next];
		error = attempt_start(a, &connected);
		if (connected) {
			dial_finish(d, attempt_end(a), 0);
			return;
		}
		if (error == 0) {
			if (++d->next < d->nattempts)
				timer_set(d->step, HEAD_START_MS);
			return;
		}
		fd = attempt_end(a);
		if (fd != -1)
			close(fd);
		if (error == EAGAIN && a->to.ss_family == AF_UNIX) {
			timer_set(d->step, BACKLOG_RETRY_MS);
			return;
		}
		note_error(d, error);
		d->next++;
	}
	if (d->pending == 0)
		dial_finish(d, -1, d->error);
}

static void
on_dial_deadline(evutil_socket_t unused, short what, void *arg)
{
	struct dial *d = arg;

	(void)unused;
	(void)what;
	note_error(d, ETIMEDOUT);
	dial_finish(d, -1, d->error);
}

static void
add_attempt(struct dial *d, const struct sockaddr *to, socklen_t len)
{
	struct dial_attempt *a;

	if (d->nattempts == ATTEMPTS_MAX || len > sizeof(a->to))
		return;
	if (d->dialer->ok != NULL &&
	    !d->dialer->ok(d->dialer->ok_arg, &d->to, to)) {
		note_error(d, EACCES);
		return;
	}
	a = &d->attempts[d->nattempts++];
	a->dial = d;
	a->fd = -1;
	a->len = len;
	memcpy(&a->to, to, len);
}

/* The next address of the family (or not of it) from ai on. */
static struct addrinfo *
next_of_family(struct addrinfo *ai, int family, bool same)
{
	while (ai != NULL && (ai->ai_family == family) != same)
		ai = ai->ai_next;
	return ai;
}

/*
 * Adds the addresses in the resolver's order, but with the families taking
 * turns (RFC 8305 section 4).
 */
static void
add_interleaved(struct dial *d, struct addrinfo *list)
{
	struct addrinfo *next[2];
	const int family = list->ai_family;
	unsigned turn = 0;

	next[0] = list;
	next[1] = next_of_family(list, family, false);
	while (next[0] != NULL || next[1] != NULL) {
		if (next[turn] != NULL) {
			add_attempt(d, next[turn]->ai_addr,
			    next[turn]->ai_addrlen);
			next[turn] = next_of_family(next[turn]->ai_next, family,
			    turn == 0);
		}
		turn = 1 - turn;
	}
}

static void
on_resolved(void *arg, struct addrinfo *list, int error)
{
	struct dial *d = arg;

	d->lookup = NULL;
	if (list == NULL) {
		dial_finish(d, -1, error);
		return;
	}
	add_interleaved(d, list);
	freeaddrinfo(list);
	timer_set(d->step, 0);
}

static void
dial_unix(struct dial *d, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	add_attempt(d, (struct sockaddr *)&sun, sizeof(sun));
	timer_set(d->step, 0);
}

static void
dial_tcp(struct dial *d, const char *host, uint16_t port)
{
	struct addrinfo *literal = resolve_literal(host, port);

	if (literal != NULL) {
		add_interleaved(d, literal);
		freeaddrinfo(literal);
		timer_set(d->step, 0);
		return;
	}
	d->lookup = resolver_ask(d->dialer->resolver, host, port, on_resolved,
	    d);
	if (d->lookup == NULL) {
		d->error = errno;
		timer_set(d->step, 0);
	}
}

/* --- each --------------------------------------------------------- */

struct dial *
dial_start(struct dialer *dialer, const struct address *to,
    uint64_t timeout_ms, dial_done *done, void *arg)
{
	struct dial *d = xcalloc(1, sizeof(*d));

	d->dialer = dialer;
	d->to = *to;
	d->done = done;
	d->arg = arg;
	LIST_INSERT_HEAD(&dialer->dials, d, link);
	d->step = evtimer_new(dialer->base, on_next_attempt, d);
	d->deadline = deadline_new(dialer->base, on_dial_deadline, d);
	if (d->step == NULL || d->deadline == NULL)
		abort();	/* out of memory, as in xcalloc() */
	timer_set(d->deadline, timeout_ms);
	if (dialer->other != -1)
		dial_elsewhere(d, timeout_ms);
	else if (to->kind == ADDRESS_UNIX)
		dial_unix(d, to->path);
	else
		dial_tcp(d, to->host, to->port);
	return d;
}

bool
dial_is_resolving(const struct dial *dial)
{
	return dial->lookup != NULL;
}

void
dial_cancel(struct dial *dial)
{
	dial_free(dial);
}

struct dialer *
dialer_new(struct event_base *base)
{
	struct dialer *dialer = xcalloc(1, sizeof(*dialer));

	dialer->base = base;
	dialer->other = -1;
	dialer->resolver = resolver_new(base);
	LIST_INIT(&dialer->dials);
	return dialer;
}

struct resolver *
dialer_resolver(const struct dialer *d)
{
	return d->resolver;
}

void
dialer_set_filter(struct dialer *d, bool (*ok)(void *arg,
    const struct address *to, const struct sockaddr *resolved), void *arg)
{
	d->ok = ok;
	d->ok_arg = arg;
}

void
dialer_free(struct dialer *dialer)
{
	if (dialer == NULL)
		return;
	if (dialer->heard != NULL)
		event_free(dialer->heard);
	while (!LIST_EMPTY(&dialer->dials))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a queue */
		dial_free(LIST_FIRST(&dialer->dials));
	if (dialer->resolver != NULL)
		resolver_free(dialer->resolver);
	free(dialer);
}

const char *
dial_strerror(int error)
{
	return error == EADDRNOTAVAIL ? "name not found" : strerror(error);
}
