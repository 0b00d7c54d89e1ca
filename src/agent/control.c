/* SPDX-License-Identifier: ISC */
/*
 * The status socket: every client gets one snapshot and end of file.  What a
 * client sends is never read.
 */
#include "control.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/file.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/transport/listener.h"

#define CLIENTS_MAX 16

static const struct timeval client_time = { 5, 0 };

struct control_client {
	LIST_ENTRY(control_client) link;
	struct control *control;
	int fd;
	struct event *writable, *deadline;
	char *text;
	size_t len, off;
};

struct control {
	struct event_base *base;
	struct listener *listener;
	control_snapshot *snapshot;
	void *arg;
	LIST_HEAD(, control_client) clients;
	unsigned nclients;
};

static void
control_client_free(struct control_client *cl)
{
	LIST_REMOVE(cl, link);
	cl->control->nclients--;
	if (cl->writable != NULL)
		event_free(cl->writable);
	if (cl->deadline != NULL)
		event_free(cl->deadline);
	close(cl->fd);
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

static void
on_control_client(void *arg, int fd)
{
	struct control *c = arg;
	struct control_client *cl;
	char *text;

	if (c->nclients == CLIENTS_MAX) {
		close(fd);
		return;
	}
	text = c->snapshot(c->arg);
	cl = xcalloc(1, sizeof(*cl));
	cl->control = c;
	cl->fd = fd;
	cl->text = xasprintf("%s\n", text);
	cl->len = strlen(cl->text);
	free(text);
	LIST_INSERT_HEAD(&c->clients, cl, link);
	c->nclients++;
	cl->writable = event_new(c->base, fd, EV_WRITE | EV_PERSIST,
	    on_control_writable, cl);
	cl->deadline = deadline_new(c->base, on_control_deadline, cl);
	if (cl->writable == NULL || cl->deadline == NULL ||
	    event_add(cl->writable, NULL) == -1 ||
	    event_add(cl->deadline, &client_time) == -1)
		control_client_free(cl);
}

/* Does somebody answer on this socket file? */
static bool
socket_answers(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	bool yes;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);

	if (fd == -1)
		return false;
	memcpy(sun.sun_path, path, strnlen(path, sizeof(sun.sun_path) - 1));
	/*
	 * EAGAIN says that a listener's queue is full, so there is a listener.
	 */
	yes = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
	    errno == EAGAIN;
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
control_prepare(const struct address *at, struct error *e)
{
	if (!address_is_local(at) || (at->kind == ADDRESS_TCP &&
	    at->port == 0))
		return error_set(e, EX_CONFIG, "the control address must be a "
		    "Unix socket or a loopback port");
	if (at->kind != ADDRESS_UNIX)
		return 0;
	if (file_make_parents(at->path, e) == -1 ||
	    control_check_directory(at->path, e) == -1)
		return -1;
	if (socket_answers(at->path))
		return error_set(e, EX_UNAVAILABLE, "orthrus is already "
		    "running: somebody answers on %s; give this one another "
		    "--name or --control", at->path);
	return 0;
}

struct control *
control_new(struct event_base *base, const struct address *at,
    control_snapshot *snapshot, void *arg, struct error *e)
{
	struct control *c;

	if (control_prepare(at, e) == -1)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->base = base;
	c->snapshot = snapshot;
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
