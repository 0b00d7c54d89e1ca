/* SPDX-License-Identifier: ISC */
/*
 * The far end of every measurement: a process that echoes small things from
 * one epoll loop and gives each bulk stream a thread of its own.
 */

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "load.h"

#define CHUNK		(1 << 20)
#define MAX_FDS		(1 << 20)

static unsigned char echoing[MAX_FDS];	/* by descriptor: role is known */
static _Atomic uint64_t *counter;
static pid_t child;

/* MSG_TRUNC drops what TCP has received without copying it to anywhere. */
void
sink_forever(int fd, _Atomic uint64_t *sunk)
{
	ssize_t n;

	for (;;) {
		n = recv(fd, NULL, CHUNK, MSG_TRUNC);
		if (n > 0)
			atomic_fetch_add(sunk, (uint64_t)n);
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			break;
	}
	close(fd);
}

/* Pages of a file in memory: they are not copied on their way in. */
void
source_forever(int fd)
{
	off_t offset;
	int memory;

	if ((memory = memfd_create("source", MFD_CLOEXEC)) == -1 ||
	    ftruncate(memory, CHUNK) == -1 ||
	    posix_fallocate(memory, 0, CHUNK) != 0)
		err(1, "memfd_create");
	do
		offset = 0;
	while (sendfile(fd, memory, &offset, CHUNK) > 0);
	close(memory);
	close(fd);
}

void
in_thread(void *(*start)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if ((errno = pthread_create(&thread, &attr, start, arg)) != 0)
		err(1, "pthread_create");
	pthread_attr_destroy(&attr);
}

static void *
sink_thread(void *arg)
{
	setpriority(PRIO_PROCESS, 0, 0);
	sink_forever((int)(intptr_t)arg, counter);
	return NULL;
}

static void *
source_thread(void *arg)
{
	setpriority(PRIO_PROCESS, 0, 0);
	source_forever((int)(intptr_t)arg);
	return NULL;
}

/* Takes the connection out of the loop if it is to be a bulk stream. */
static int
begins_bulk(int epoll, int fd, const char *first)
{
	if (echoing[fd])
		return 0;
	echoing[fd] = 1;
	if (*first != ROLE_SINK && *first != ROLE_SOURCE)
		return 0;
	epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	in_thread(*first == ROLE_SINK ? sink_thread : source_thread,
	    (void *)(intptr_t)fd);
	return 1;
}

static void
serve(int epoll, int fd)
{
	char buf[4096];
	ssize_t n;

	n = recv(fd, buf, sizeof(buf), 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && begins_bulk(epoll, fd, buf))
		return;
	if (n <= 0 || send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
		close(fd);
}

static void
welcome(int epoll, int listener)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd;

	while ((fd = accept4(listener, NULL, NULL,
	    SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
		if (fd >= MAX_FDS)
			fatal("too many connections");
		echoing[fd] = 0;
		no_delay(fd);
		ev.data.fd = fd;
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
	}
	if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
		err(1, "accept");
}

static void
target_loop(int listener)
{
	struct epoll_event ev = { .events = EPOLLIN }, events[256];
	int epoll, i, n;

	fcntl(listener, F_SETFL, O_NONBLOCK);
	if ((epoll = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll_create1");
	ev.data.fd = listener;
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev);
	for (;;) {
		n = epoll_wait(epoll, events, 256, -1);
		for (i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				welcome(epoll, listener);
			else
				serve(epoll, events[i].data.fd);
		}
	}
}

/*
 * Starts the target as a child that ends with us.  A process of its own since
 * 10,000 connections have 20,000 ends.  Its echo goes before other work, as
 * what is measured is the tunnel and not the scheduler.
 */
void
target_start(const struct load *l)
{
	int listener = listen_on(&l->target);
	pid_t parent = getpid();

	switch (child = fork()) {
	case -1:
		err(1, "fork");
	case 0:
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		counter = l->sunk;
		setpriority(PRIO_PROCESS, 0, -10);
		target_loop(listener);
		_exit(1);
	default:
		close(listener);
	}
}

/* Its port is free when this returns. */
void
target_stop(void)
{
	kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) == -1 && errno == EINTR)
		;
}
