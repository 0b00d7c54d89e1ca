/* SPDX-License-Identifier: ISC */
/*
 * A link for bench/run: passes TCP connections on, each byte so many
 * milliseconds later, without any limit of bandwidth.  SIGUSR1 cuts the link,
 * SIGUSR2 mends it.
 */

#include <sys/queue.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK		(128 * 1024)
#define QUEUE_MAX	((size_t)1 << 30)	/* no limit in practice */
#define READS		16			/* before others have a turn */

struct chunk {
	STAILQ_ENTRY(chunk) next;
	int64_t due;			/* nanoseconds */
	size_t len, sent;		/* len 0: end of file */
	char data[CHUNK];
};
STAILQ_HEAD(chunks, chunk);

struct way {
	int from, to;
	struct chunks queue;
	size_t queued;
	int ended;			/* nothing more will be read */
	int done;			/* nor written */
	int full;			/* the last write would have blocked */
};

struct pair {
	LIST_ENTRY(pair) next;
	struct way there, back;
};
LIST_HEAD(pairs, pair);

static struct pairs pairs = LIST_HEAD_INITIALIZER(pairs);
static struct chunks spare = STAILQ_HEAD_INITIALIZER(spare);
static struct sockaddr_in here, server;
static int64_t delay;
static int listener = -1;
static volatile sig_atomic_t cut, mend;

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void
on_signal(int sig)
{
	if (sig == SIGUSR1)
		cut = 1;
	else
		mend = 1;
}

static int
tcp_socket(void)
{
	int fd, on = 1;

	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void
start_listening(void)
{
	if (listener != -1)
		return;
	listener = tcp_socket();
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) == -1 ||
	    listen(listener, 128) == -1)
		err(1, "port %d", ntohs(here.sin_port));
}

static struct chunk *
chunk_new(void)
{
	struct chunk *c = STAILQ_FIRST(&spare);

	if (c != NULL)
		STAILQ_REMOVE_HEAD(&spare, next);
	else if ((c = malloc(sizeof(*c))) == NULL)
		err(1, "malloc");
	c->len = c->sent = 0;
	return c;
}

static void
way_init(struct way *w, int from, int to)
{
	w->from = from;
	w->to = to;
	STAILQ_INIT(&w->queue);
}

static void
welcome(void)
{
	struct pair *p;
	int fd, on = 1, up;

	if ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) == -1)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	up = tcp_socket();
	if (connect(up, (struct sockaddr *)&server, sizeof(server)) == -1) {
		warn("connect");
		close(up);
		close(fd);
		return;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	fcntl(up, F_SETFL, O_NONBLOCK);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		err(1, "calloc");
	way_init(&p->there, fd, up);
	way_init(&p->back, up, fd);
	LIST_INSERT_HEAD(&pairs, p, next);
}

static void
pair_close(struct pair *p)
{
	STAILQ_CONCAT(&spare, &p->there.queue);
	STAILQ_CONCAT(&spare, &p->back.queue);
	close(p->there.from);
	close(p->there.to);
	LIST_REMOVE(p, next);
	free(p);
}

/* Both ends of every connection are reset, and new ones are refused. */
static void
cut_link(void)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct pair *p;

	if (listener != -1)
		close(listener);
	listener = -1;
	while ((p = LIST_FIRST(&pairs)) != NULL) {
		setsockopt(p->there.from, SOL_SOCKET, SO_LINGER, &at_once,
		    sizeof(at_once));
		setsockopt(p->there.to, SOL_SOCKET, SO_LINGER, &at_once,
		    sizeof(at_once));
		pair_close(p);
	}
}

/* What has arrived gets the time at which it may go on; -1 on an error. */
static int
way_read(struct way *w)
{
	struct chunk *c;
	ssize_t n;
	int i;

	for (i = 0; i < READS && !w->ended && w->queued < QUEUE_MAX; i++) {
		c = chunk_new();
		n = recv(w->from, c->data, sizeof(c->data), 0);
		if (n == -1) {
			STAILQ_INSERT_HEAD(&spare, c, next);
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		}
		w->ended = n == 0;
		c->len = (size_t)n;
		c->due = now() + delay;
		STAILQ_INSERT_TAIL(&w->queue, c, next);
		w->queued += c->len;
	}
	return 0;
}

/* -1 on an error. */
static int
way_write(struct way *w)
{
	struct chunk *c;
	ssize_t n;

	w->full = 0;
	while ((c = STAILQ_FIRST(&w->queue)) != NULL && c->due <= now()) {
		if (c->len == 0) {
			shutdown(w->to, SHUT_WR);
			w->done = 1;
		} else {
			n = send(w->to, c->data + c->sent, c->len - c->sent,
			    MSG_NOSIGNAL);
			if (n == -1 && errno != EAGAIN && errno != EINTR)
				return -1;
			if (n > 0)
				c->sent += (size_t)n;
			if (c->sent < c->len) {
				w->full = 1;
				break;
			}
		}
		w->queued -= c->len;
		STAILQ_REMOVE_HEAD(&w->queue, next);
		STAILQ_INSERT_HEAD(&spare, c, next);
	}
	return 0;
}

static void
wants(struct pollfd *fd, const struct way *in, const struct way *out)
{
	fd->fd = in->from;
	fd->events = 0;
	if (!in->ended && in->queued < QUEUE_MAX)
		fd->events |= POLLIN;
	if (out->full)
		fd->events |= POLLOUT;
	/* A reset is reported even when nothing is asked for. */
	if (fd->events == 0)
		fd->fd = -1;
}

static void
soonest(int64_t *when, const struct way *w)
{
	const struct chunk *c = STAILQ_FIRST(&w->queue);

	if (c != NULL && !w->full && c->due < *when)
		*when = c->due;
}

static void
wait_for_work(const sigset_t *mask)
{
	static struct pollfd fds[1024];
	struct timespec ts;
	struct pair *p;
	int64_t when = INT64_MAX, left;
	nfds_t n = 0;

	fds[n].fd = listener;
	fds[n++].events = POLLIN;
	LIST_FOREACH(p, &pairs, next) {
		if (n + 2 > sizeof(fds) / sizeof(fds[0]))
			errx(1, "too many connections");
		wants(&fds[n++], &p->there, &p->back);
		wants(&fds[n++], &p->back, &p->there);
		soonest(&when, &p->there);
		soonest(&when, &p->back);
	}
	if ((left = when == INT64_MAX ? 0 : when - now()) < 0)
		left = 0;
	ts.tv_sec = left / 1000000000;
	ts.tv_nsec = left % 1000000000;
	if (ppoll(fds, n, when == INT64_MAX ? NULL : &ts, mask) > 0 &&
	    (fds[0].revents & POLLIN))
		welcome();
}

static void
work(void)
{
	struct pair *p, *following;

	for (p = LIST_FIRST(&pairs); p != NULL; p = following) {
		following = LIST_NEXT(p, next);
		if (way_read(&p->there) == -1 || way_read(&p->back) == -1 ||
		    way_write(&p->there) == -1 || way_write(&p->back) == -1 ||
		    (p->there.done && p->back.done))
			pair_close(p);
	}
	if (cut)
		cut_link();
	if (mend)
		start_listening();
	cut = mend = 0;
}

int
main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t ours, before;

	if (argc != 4) {
		fputs("usage: delay PORT SERVER-PORT MILLISECONDS\n", stderr);
		return 64;
	}
	here.sin_family = server.sin_family = AF_INET;
	here.sin_addr.s_addr = server.sin_addr.s_addr =
	    htonl(INADDR_LOOPBACK);
	here.sin_port = htons((uint16_t)atoi(argv[1]));
	server.sin_port = htons((uint16_t)atoi(argv[2]));
	delay = (int64_t)(atof(argv[3]) * 1e6);

	sigemptyset(&ours);
	sigaddset(&ours, SIGUSR1);
	sigaddset(&ours, SIGUSR2);
	sigprocmask(SIG_BLOCK, &ours, &before);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	start_listening();
	for (;;) {
		wait_for_work(&before);
		work();
	}
}
