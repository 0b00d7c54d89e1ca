/* SPDX-License-Identifier: ISC */
/*
 * Asks a running orthrus for a stream, before there is a loop: it says "ok" or
 * "no" in a moment, or when its session is back.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"
#include "orthrus/base/text.h"

#include "borrow.h"
#include "control.h"

#define ANSWER_SECONDS 180	/* more than it waits for the server itself */
#define BUSY_SECONDS 10		/* in which it has time for us */
#define PAUSE_MS 50

enum outcome { GRANTED, REFUSED, NOBODY, BUSY };

/* An address of loopback, or a Unix socket's; the length, 0 for a name. */
static socklen_t
socket_address_of(const struct address *at, struct sockaddr_storage *ss)
{
	struct sockaddr_un *un = (struct sockaddr_un *)ss;
	struct sockaddr_in *in = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (at->kind == ADDRESS_UNIX) {
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, at->path,
		    strnlen(at->path, sizeof(un->sun_path) - 1));
		return sizeof(*un);
	}
	if (strcmp(at->host, "::1") == 0) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(at->port);
		in6->sin6_addr = in6addr_loopback;
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(at->port);
	if (inet_pton(AF_INET, at->host, &in->sin_addr) != 1)
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(*in);
}

/* A connection, or -1 with errno. */
static int
connect_control(const struct address *at)
{
	struct sockaddr_storage ss;
	socklen_t len = socket_address_of(at, &ss);
	int fd = os_socket(ss.ss_family, SOCK_STREAM, 0), error;

	if (fd != -1 && connect(fd, (struct sockaddr *)&ss, len) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Sends the line, with the other end of our bell. */
static int
send_request(int fd, const char *line, int bell)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	struct iovec iov = { (char *)(uintptr_t)line, strlen(line) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (bell != -1) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(bell));
		memcpy(CMSG_DATA(&control.head), &bell, sizeof(bell));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)iov.iov_len ? 0 :
	    -1;
}

/*
 * Reads one line, and nothing behind it, which is the stream's: 0, or -1 when
 * none came.
 */
static int
read_answer_line(int fd, char *line, size_t max)
{
	uint64_t end = clock_ms() + ANSWER_SECONDS * 1000;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	while (n < max - 1 && clock_ms() < end) {
		if (poll(&p, 1, (int)(end - clock_ms())) <= 0)
			continue;
		if (recv(fd, line + n, 1, 0) != 1)
			return -1;
		if (line[n++] != '\n')
			continue;
		line[n - 1] = '\0';
		return 0;
	}
	return -1;
}

static enum outcome
read_outcome(int fd, struct error *e)
{
	char line[ERROR_TEXT_MAX], shown[ERROR_TEXT_MAX];

	/* It had no time for us, or took us for one who wants the status. */
	if (read_answer_line(fd, line, sizeof(line)) == -1 || line[0] == '{')
		return BUSY;
	if (strcmp(line, "ok") == 0)
		return GRANTED;
	text_escape(shown, sizeof(shown),
	    strncmp(line, "no ", 3) == 0 ? line + 3 : line, TEXT_PLAIN);
	error_set(e, EX_UNAVAILABLE, "%s", shown);
	return REFUSED;
}

static enum outcome
connection_refused(const struct address *at, struct error *e)
{
	char text[ADDRESS_TEXT_MAX];

	if (errno == ENOENT || errno == ECONNREFUSED)
		return NOBODY;
	if (errno == EAGAIN)
		return BUSY;
	error_set(e, errno == EACCES || errno == EPERM ? EX_NOPERM :
	    EX_UNAVAILABLE, "an orthrus of this name may be running, but "
	    "%s cannot be reached: %s (only the user who runs it, and root, "
	    "may)", address_format(at, text), strerror(errno));
	return REFUSED;
}

/* One attempt; *b is set where it is granted. */
static enum outcome
ask_once(const struct address *at, const char *line, struct borrowed *b,
    struct error *e)
{
	int pair[2] = { -1, -1 };
	enum outcome o = BUSY;

	b->fd = connect_control(at);
	if (b->fd == -1)
		return connection_refused(at, e);
	if (at->kind == ADDRESS_UNIX &&
	    os_socketpair(SOCK_STREAM, OS_NONBLOCK, pair) == -1)
		abort();	/* of descriptors, in a fresh process */
	if (send_request(b->fd, line, pair[1]) == 0)
		o = read_outcome(b->fd, e);
	if (pair[1] != -1)
		close(pair[1]);
	b->bell = pair[0];
	if (o == GRANTED)
		return o;
	close(b->fd);
	if (b->bell != -1)
		close(b->bell);
	return o;
}

int
borrow_stream(const struct address *at, const struct address *to,
    struct borrowed *b, struct error *e)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000L };
	uint64_t end = clock_ms() + BUSY_SECONDS * 1000;
	char text[ADDRESS_TEXT_MAX], *line;
	enum outcome o;

	line = xasprintf(CONTROL_STREAM "%s\n", address_format(to, text));
	while ((o = ask_once(at, line, b, e)) == BUSY && clock_ms() < end)
		nanosleep(&pause, NULL);
	free(line);
	if (o == BUSY)
		error_set(e, EX_UNAVAILABLE, "what answers on %s gives no "
		    "streams: an orthrus older than this one (restart it), or "
		    "one that is too busy", address_format(at, text));
	return o == GRANTED ? 1 : o == NOBODY ? 0 : -1;
}
