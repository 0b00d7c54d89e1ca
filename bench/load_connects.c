/* SPDX-License-Identifier: ISC */
/*
 * New connections per second: connect, SOCKS5 if asked for, one byte there and
 * one back, close, and again, with so many under way at any time.
 */

#include <sys/epoll.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

#define MAX_FAILED	1000

enum phase {
	PHASE_METHOD,		/* the answer to our greeting is to come */
	PHASE_REPLY,		/* the answer to CONNECT is to come */
	PHASE_BYTE		/* our byte is to come back */
};

struct visit {
	int fd;
	enum phase phase;
	size_t missing;		/* bytes of the answer */
};

struct visits {
	const struct load *load;
	struct visit *all;
	int epoll;
	long done, failed;
};

static void
say(struct visit *v, const void *bytes, size_t len, enum phase phase,
    size_t answer)
{
	/* A socket that can be written to has room for 10 bytes. */
	if (send(v->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		v->missing = 0;
	else
		v->missing = answer;
	v->phase = phase;
}

/* Sends what comes next in that phase. */
static void
speak(const struct load *l, struct visit *v, enum phase phase)
{
	unsigned char buf[16];
	char role = ROLE_ECHO;

	switch (phase) {
	case PHASE_METHOD:
		say(v, "\5\1\0", 3, phase, 2);
		break;
	case PHASE_REPLY:
		say(v, buf, socks_request(l, buf), phase, 10);
		break;
	case PHASE_BYTE:
		say(v, &role, 1, phase, 1);
		break;
	}
}

static void
start(struct visits *vs, struct visit *v)
{
	struct epoll_event ev = { .events = EPOLLIN };
	const struct load *l = vs->load;

	if ((v->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	no_delay(v->fd);
	/* On loopback this returns at once. */
	if (connect(v->fd, (const struct sockaddr *)&l->via,
	    sizeof(l->via)) == -1)
		err(1, "connect");
	speak(l, v, l->socks ? PHASE_METHOD : PHASE_BYTE);
	ev.data.ptr = v;
	epoll_ctl(vs->epoll, EPOLL_CTL_ADD, v->fd, &ev);
}

static void
finish(struct visits *vs, struct visit *v, int good)
{
	close(v->fd);
	if (good)
		vs->done++;
	else if (++vs->failed > MAX_FAILED)
		fatal("more than %d connections failed", MAX_FAILED);
	start(vs, v);
}

static void
step(struct visits *vs, struct visit *v)
{
	unsigned char buf[16];
	ssize_t n;

	n = recv(v->fd, buf, v->missing, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		finish(vs, v, 0);
		return;
	}
	v->missing -= (size_t)n;
	if (v->missing > 0)
		return;
	if (v->phase == PHASE_BYTE)
		finish(vs, v, 1);
	else
		speak(vs->load, v, v->phase + 1);
}

static void
run_until(struct visits *vs, double end)
{
	struct epoll_event events[64];
	int i, n;

	while (now() < end) {
		n = epoll_wait(vs->epoll, events, 64, 100);
		for (i = 0; i < n; i++)
			step(vs, events[i].data.ptr);
	}
}

void
test_connects(const struct load *l)
{
	struct visits vs = { .load = l };
	double began, cpu, took;
	long i;

	vs.all = calloc((size_t)l->count, sizeof(*vs.all));
	vs.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (vs.all == NULL || vs.epoll == -1)
		err(1, "connects");
	for (i = 0; i < l->count; i++)
		start(&vs, &vs.all[i]);
	run_until(&vs, now() + l->warmup);
	vs.done = 0;
	began = now();
	cpu = cpu_seconds(l);
	run_until(&vs, began + l->seconds);
	took = now() - began;
	cpu = cpu_seconds(l) - cpu;
	printf("{\"per_second\": %.1f, \"done\": %ld, \"failed\": %ld, "
	    "\"cpu_s\": %.3f}\n", (double)vs.done / took, vs.done, vs.failed,
	    cpu);
	free(vs.all);
}
