/* SPDX-License-Identifier: ISC */
/*
 * A few threads that call getaddrinfo(3), so that the loop need not block in
 * it.  They share one locked pool with the loop, which outlives the resolver
 * while a thread still hangs in a query.
 */
#include "resolve.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/address.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"

#define THREADS_MAX 4
#define QUEUE_MAX 1024

enum lookup_state { LOOKUP_QUEUED, LOOKUP_RUNNING, LOOKUP_DONE };

struct lookup_pool;

struct lookup {
	TAILQ_ENTRY(lookup) link;	/* in queued or finished */
	struct lookup_pool *pool;
	enum lookup_state state;
	bool cancelled;			/* while running: the thread frees it */
	char host[HOST_MAX];
	uint16_t port;
	struct addrinfo *list;
	int error;
	resolve_done *done;
	void *arg;
};

TAILQ_HEAD(lookups, lookup);

struct lookup_pool {
	pthread_mutex_t lock;		/* over all that follows */
	pthread_cond_t more;
	struct lookups queued, finished;
	unsigned nqueued, nthreads, nidle;
	int wake;			/* tells the loop; -1 when closed */
	bool closing;
};

struct resolver {
	struct lookup_pool *pool;
	struct event *event;
	int wake;			/* the loop's end */
};

static struct addrinfo *
call_getaddrinfo(const char *host, uint16_t port, int flags, int *error)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP,
	    .ai_flags = AI_NUMERICSERV | flags };
	struct addrinfo *list = NULL;
	char service[8];
	int r;

	snprintf(service, sizeof(service), "%u", (unsigned)port);
	r = getaddrinfo(host, service, &hints, &list);
	if (r == 0)
		return list;
	*error = r == EAI_MEMORY ? ENOMEM : EADDRNOTAVAIL;
	return NULL;
}

struct addrinfo *
resolve_literal(const char *host, uint16_t port)
{
	int error;

	return call_getaddrinfo(host, port, AI_NUMERICHOST, &error);
}

static void
lookup_free(struct lookup *l)
{
	if (l->list != NULL)
		freeaddrinfo(l->list);
	free(l);
}

static void
lookup_pool_free(struct lookup_pool *p)
{
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* Hands a finished lookup to the loop.  Locked. */
static void
finish_lookup(struct lookup_pool *p, struct lookup *l)
{
	ssize_t n;

	if (l->cancelled) {
		lookup_free(l);
		return;
	}
	l->state = LOOKUP_DONE;
	TAILQ_INSERT_TAIL(&p->finished, l, link);
	/*
	 * When the socket's buffer is full, the loop has enough bytes to wake
	 * it.
	 */
	n = send(p->wake, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)n;
}

static void *
resolver_thread(void *arg)
{
	struct lookup_pool *p = arg;
	struct lookup *l;
	bool last;

	pthread_mutex_lock(&p->lock);
	while (!p->closing) {
		l = TAILQ_FIRST(&p->queued);
		if (l == NULL) {
			p->nidle++;
			pthread_cond_wait(&p->more, &p->lock);
			p->nidle--;
			continue;
		}
		TAILQ_REMOVE(&p->queued, l, link);
		p->nqueued--;
		l->state = LOOKUP_RUNNING;
		pthread_mutex_unlock(&p->lock);
		l->list = call_getaddrinfo(l->host, l->port, 0, &l->error);
		pthread_mutex_lock(&p->lock);
		finish_lookup(p, l);
	}
	last = --p->nthreads == 0;
	pthread_mutex_unlock(&p->lock);
	if (last)
		lookup_pool_free(p);
	return NULL;
}

/* Starts a thread that takes no signals: 0, or an errno value.  Locked. */
static int
start_resolver_thread(struct lookup_pool *p)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int r;

	r = pthread_attr_init(&attr);
	if (r != 0)
		return r;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread, &attr, resolver_thread, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (r == 0)
		p->nthreads++;
	return r;
}

/* Makes sure that somebody will take what is queued.  Locked. */
static int
ensure_thread(struct lookup_pool *p)
{
	int r;

	if (p->wake == -1)
		return EMFILE;
	if (p->nqueued >= QUEUE_MAX)
		return EAGAIN;
	if (p->nidle > p->nqueued || p->nthreads == THREADS_MAX)
		return 0;
	r = start_resolver_thread(p);
	return p->nthreads > 0 ? 0 : r;
}

struct lookup *
resolver_ask(struct resolver *r, const char *host, uint16_t port,
    resolve_done *done, void *arg)
{
	struct lookup_pool *p = r->pool;
	struct lookup *l = xcalloc(1, sizeof(*l));
	int err;

	l->pool = p;
	l->port = port;
	l->done = done;
	l->arg = arg;
	snprintf(l->host, sizeof(l->host), "%s", host);
	pthread_mutex_lock(&p->lock);
	err = ensure_thread(p);
	if (err == 0) {
		TAILQ_INSERT_TAIL(&p->queued, l, link);
		p->nqueued++;
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	if (err != 0) {
		free(l);
		errno = err;
		return NULL;
	}
	return l;
}

void
lookup_cancel(struct lookup *l)
{
	struct lookup_pool *p = l->pool;

	pthread_mutex_lock(&p->lock);
	switch (l->state) {
	case LOOKUP_QUEUED:
		TAILQ_REMOVE(&p->queued, l, link);
		p->nqueued--;
		lookup_free(l);
		break;
	case LOOKUP_RUNNING:
		l->cancelled = true;
		break;
	case LOOKUP_DONE:
		TAILQ_REMOVE(&p->finished, l, link);
		lookup_free(l);
		break;
	}
	pthread_mutex_unlock(&p->lock);
}

static struct lookup *
next_finished(struct lookup_pool *p, bool *more)
{
	struct lookup *l;

	pthread_mutex_lock(&p->lock);
	l = TAILQ_FIRST(&p->finished);
	if (l != NULL)
		TAILQ_REMOVE(&p->finished, l, link);
	*more = !TAILQ_EMPTY(&p->finished);
	pthread_mutex_unlock(&p->lock);
	return l;
}

/* Hands on one answer a turn, because its callback may free the resolver. */
static void
on_resolver_wake(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;
	struct lookup *l;
	char bytes[64];
	bool more;

	(void)what;
	/*
	 * A byte says that there are answers, not how many: some may not have
	 * fitted in.
	 */
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	l = next_finished(r->pool, &more);
	if (more)
		event_active(r->event, EV_READ, 0);
	if (l == NULL)
		return;
	l->done(l->arg, l->list, l->error);
	free(l);
}

struct resolver *
resolver_new(struct event_base *base)
{
	struct resolver *r = xcalloc(1, sizeof(*r));
	struct lookup_pool *p = xcalloc(1, sizeof(*p));
	int fds[2];

	r->pool = p;
	r->wake = p->wake = -1;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	TAILQ_INIT(&p->queued);
	TAILQ_INIT(&p->finished);
	if (os_socketpair(SOCK_STREAM, OS_NONBLOCK, fds) == -1)
		return r;
	r->event = event_new(base, fds[0], EV_READ | EV_PERSIST,
	    on_resolver_wake, r);
	if (r->event == NULL || event_add(r->event, NULL) == -1) {
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	r->wake = fds[0];
	p->wake = fds[1];
	return r;
}

void
resolver_free(struct resolver *r)
{
	struct lookup_pool *p = r->pool;
	bool alone;

	if (r->event != NULL)
		event_free(r->event);
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	if (r->wake != -1) {
		close(r->wake);
		close(p->wake);
		p->wake = -1;
	}
	alone = p->nthreads == 0;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	if (alone)
		lookup_pool_free(p);
	free(r);
}
