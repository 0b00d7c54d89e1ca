/* SPDX-License-Identifier: ISC */
/* The control socket: a snapshot, or a stream.  See control.h. */
#include "control.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/file.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"
#include "orthrus/transport/listener.h"

#define CLIENTS_MAX 64
#define CLIENT_MS 5000
/* Whoever wants the status need not say so; "orthrus status" ends its side. */
#define SILENCE_MS 500

struct control_client {
	LIST_ENTRY(control_client) link;
	struct control *control;
	int fd, bell;			/* -1: not there, or handed on */
	struct event *readable, *writable, *silence, *deadline;
	char request[CONTROL_REQUEST_MAX];
	size_t nrequest;
	char *text;			/* the answer; NULL: not yet */
	size_t len, off;
};

struct control {
	struct event_base *base;
	struct listener *listener;
	const struct control_events *events;
	void *arg;
	LIST_HEAD(, control_client) clients;
	unsigned nclients;
};

enum control_request
control_request(const char *p, size_t n, struct address *to, struct error *e)
{
	size_t word = strlen(CONTROL_STREAM);
	const char *end = memchr(p, '\n', n);
	char text[ADDRESS_TEXT_MAX];

	if (memcmp(p, CONTROL_STREAM, n < word ? n : word) != 0)
		return CONTROL_STATUS;
	if (end == NULL)
		return n < CONTROL_REQUEST_MAX ? CONTROL_MORE : CONTROL_STATUS;
	/* What follows would be the stream's, which is not there yet. */
	if (end != p + n - 1 || (size_t)(end - p) - word >= sizeof(text))
		return CONTROL_STATUS;
	memset(text, 0, sizeof(text));
	memcpy(text, p + word, (size_t)(end - p) - word);
	return address_parse(text, false, to, e) == 0 ? CONTROL_IS_STREAM :
	    CONTROL_BAD;
}

/* --- a client --------------------------------------------------------- */

static void
close_if_open(int fd)
{
	if (fd != -1)
		close(fd);
}

static void
control_client_free(struct control_client *cl)
{
	LIST_REMOVE(cl, link);
	cl->control->nclients--;
	event_free(cl->readable);
	event_free(cl->writable);
	event_free(cl->silence);
	event_free(cl->deadline);
	close_if_open(cl->fd);
	close_if_open(cl->bell);
	free(cl->text);
	free(cl);
}

static void
on_control_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	control_client_free(arg);
}

static void
on_control_writable(evutil_socket_t fd, short what, void *arg)
{
	struct control_client *cl = arg;
	ssize_t n;

	(void)what;
	n = send(fd, cl->text + cl->off, cl->len - cl->off, MSG_NOSIGNAL);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		cl->off += (size_t)n;
	if (n < 0 || cl->off == cl->len)
		control_client_free(cl);
}

/* Gives this line as the answer, which then belongs to the client. */
static void
answer_control_client(struct control_client *cl, char *text)
{
	event_del(cl->readable);
	evtimer_del(cl->silence);
	cl->text = text;
	cl->len = strlen(text);
	event_add(cl->writable, NULL);
}

static void
answer_status(struct control_client *cl)
{
	char *text = cl->control->events->snapshot(cl->control->arg);

	answer_control_client(cl, xasprintf("%s\n", text));
	free(text);
}

static void
on_control_silence(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	answer_status(arg);
}

/* The stream is somebody else's business from here on. */
static void
hand_on(struct control_client *cl, const struct address *to)
{
	struct control *c = cl->control;
	int fd = cl->fd, bell = cl->bell;

	event_del(cl->readable);
	cl->fd = cl->bell = -1;
	control_client_free(cl);
	c->events->stream(c->arg, fd, bell, to);
}

/* Keeps the descriptor that came with a message, if it is the first. */
static void
take_bell(struct control_client *cl, struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd;

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(sizeof(fd)))
		return;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	if (cl->bell == -1)
		cl->bell = fd;
	else
		close(fd);
}

/* As recv(2), into the request. */
static ssize_t
receive_request(struct control_client *cl)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { cl->request + cl->nrequest,
	    sizeof(cl->request) - cl->nrequest };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.room,
	    .msg_controllen = sizeof(control.room) };
	ssize_t n;

	do
		n = os_recvmsg(cl->fd, &msg, 0);
	while (n == -1 && errno == EINTR);
	if (n > 0) {
		cl->nrequest += (size_t)n;
		take_bell(cl, &msg);
	}
	return n;
}

static void
on_control_readable(evutil_socket_t fd, short what, void *arg)
{
	struct control_client *cl = arg;
	ssize_t n = receive_request(cl);
	struct address to;
	struct error e;

	(void)fd;
	(void)what;
	if (n == -1 && errno != EAGAIN)
		control_client_free(cl);
	if (n == 0)
		answer_status(cl);
	if (n <= 0)
		return;
	switch (control_request(cl->request, cl->nrequest, &to, &e)) {
	case CONTROL_MORE:
		evtimer_del(cl->silence);
		break;
	case CONTROL_STATUS:
		answer_status(cl);
		break;
	case CONTROL_IS_STREAM:
		hand_on(cl, &to);
		break;
	case CONTROL_BAD:
		answer_control_client(cl, xasprintf("no %s\n", e.text));
		break;
	}
}

static void
on_control_client(void *arg, int fd)
{
	struct control *c = arg;
	struct control_client *cl;

	if (c->nclients == CLIENTS_MAX) {
		close(fd);
		return;
	}
	cl = xcalloc(1, sizeof(*cl));
	cl->control = c;
	cl->fd = fd;
	cl->bell = -1;
	LIST_INSERT_HEAD(&c->clients, cl, link);
	c->nclients++;
	cl->readable = event_new(c->base, fd, EV_READ | EV_PERSIST,
	    on_control_readable, cl);
	cl->writable = event_new(c->base, fd, EV_WRITE | EV_PERSIST,
	    on_control_writable, cl);
	cl->silence = evtimer_new(c->base, on_control_silence, cl);
	cl->deadline = deadline_new(c->base, on_control_deadline, cl);
	event_add(cl->readable, NULL);
	timer_set(cl->silence, SILENCE_MS);
	timer_set(cl->deadline, CLIENT_MS);
}

/* --- where it listens ------------------------------------------------- */

/*
 * Does somebody answer on this socket file?  *who is its process then, 0 where
 * that cannot be known: in another container, or when its queue is full.
 */
static bool
socket_answers(const char *path, pid_t *who)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	bool yes;
	int fd = os_socket(AF_UNIX, SOCK_STREAM, OS_NONBLOCK);

	if (fd == -1)
		return false;
	memcpy(sun.sun_path, path, strnlen(path, sizeof(sun.sun_path) - 1));
	/*
	 * EAGAIN says that a listener's queue is full, so there is a listener.
	 */
	yes = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
	    errno == EAGAIN;
	*who = os_peer_process(fd);
	close(fd);
	return yes;
}

/*
 * Refuses a directory of another user, who could exchange the socket for
 * another.  Anybody may have made /tmp/orthrus-UID before us.
 */
static int
control_check_directory(const char *path, struct error *e)
{
	const char *slash = strrchr(path, '/');
	char *dir = xstrdup(path);
	struct stat st;
	int r = 0;

	dir[slash == path ? 1 : slash - path] = '\0';
	if (stat(dir, &st) == -1)
		r = error_set(e, EX_CANTCREAT, "%s: %s", dir, strerror(errno));
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		r = error_set(e, EX_CANTCREAT, "%s belongs to user %u; choose "
		    "another place with --control", dir, (unsigned)st.st_uid);
	else if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		r = error_set(e, EX_CANTCREAT, "%s may be written by anybody; "
		    "choose another place with --control", dir);
	free(dir);
	return r;
}

static int
refuse_second(const char *path, pid_t first, struct error *e)
{
	char pid[32] = "";

	if (first > 0)
		snprintf(pid, sizeof(pid), " (pid %d)", (int)first);
	return error_set(e, EX_UNAVAILABLE, "orthrus is already running%s: "
	    "somebody answers on %s; \"orthrus status\" shows it: stop that "
	    "one first, or give this one another --name or --control", pid,
	    path);
}

static int
control_prepare(const struct address *at, struct error *e)
{
	pid_t first = 0;

	if (!address_is_local(at) || (at->kind == ADDRESS_TCP &&
	    at->port == 0))
		return error_set(e, EX_CONFIG, "the control address must be a "
		    "Unix socket or a loopback port");
	if (at->kind != ADDRESS_UNIX)
		return 0;
	if (file_make_parents(at->path, e) == -1 ||
	    control_check_directory(at->path, e) == -1)
		return -1;
	if (socket_answers(at->path, &first))
		return refuse_second(at->path, first, e);
	return 0;
}

struct control *
control_new(struct event_base *base, const struct address *at,
    const struct control_events *events, void *arg, struct error *e)
{
	struct control *c;

	if (control_prepare(at, e) == -1)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->base = base;
	c->events = events;
	c->arg = arg;
	LIST_INIT(&c->clients);
	c->listener = listener_new(base, at, on_control_client, c, e);
	if (c->listener == NULL) {
		/*
		 * Nobody answers there: it is no running orthrus that is in the
		 * way.
		 */
		if (at->kind == ADDRESS_UNIX && e != NULL)
			e->code = EX_CANTCREAT;
		free(c);
		return NULL;
	}
	return c;
}

void
control_free(struct control *c)
{
	if (c == NULL)
		return;
	while (!LIST_EMPTY(&c->clients))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a queue */
		control_client_free(LIST_FIRST(&c->clients));
	listener_free(c->listener);
	free(c);
}
