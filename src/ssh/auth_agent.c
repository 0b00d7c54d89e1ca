/* SPDX-License-Identifier: ISC */
/*
 * See auth_agent.h.  Each question has a connection of its own: an agent that
 * was started anew at the same path is found without any care.
 */
#include "config.h"

#include "orthrus/ssh/auth_agent.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"
#include "orthrus/proto/wire.h"

#define NOW_MS 5000		/* for all of an answer that is waited for */
#define RETRY_MS 10		/* an agent that has many waiting */

struct auth_agent {
	int fd;
	struct event *ready;
	uint8_t *question;		/* what is left of it; then NULL */
	size_t len, sent;
	uint8_t *answer;		/* with its length in front */
	size_t have;
	int failed;			/* errno of the connection */
	void (*done)(void *arg, const uint8_t *p, size_t n, const char *why);
	void *arg;
};

static int
connect_to(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(to.sun_path, path);
	fd = os_socket(AF_UNIX, SOCK_STREAM, OS_NONBLOCK);
	if (fd != -1 && connect(fd, (struct sockaddr *)&to, sizeof(to)) ==
	    -1) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

/* The bytes that the answer has, or 0 when its first 4 are not there yet. */
static size_t
answer_length(const struct auth_agent *a)
{
	struct wire w;

	wire_init(&w, a->answer, a->have);
	return a->have < 4 ? 0 : wire_u32(&w);
}

/* True when all is there; false with errno, EAGAIN when it is not yet. */
static bool
read_answer(struct auth_agent *a)
{
	size_t want = 4, len;
	ssize_t n;

	for (;;) {
		len = answer_length(a);
		if (a->have >= 4 && (len == 0 || len > AUTH_AGENT_MESSAGE_MAX)) {
			errno = EPROTO;
			return false;
		}
		want = 4 + len;
		if (a->have == want && len > 0)
			return true;
		a->answer = xreallocarray(a->answer, want, 1);
		n = recv(a->fd, a->answer + a->have, want - a->have, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? ECONNRESET : errno;
			return false;
		}
		a->have += (size_t)n;
	}
}

static bool
send_question(struct auth_agent *a)
{
	ssize_t n;

	while (a->sent < a->len) {
		n = send(a->fd, a->question + a->sent, a->len - a->sent,
		    MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		a->sent += (size_t)n;
	}
	return true;
}

static void
auth_agent_clear(struct auth_agent *a)
{
	if (a->ready != NULL)
		event_free(a->ready);
	if (a->fd != -1)
		close(a->fd);
	free(a->question);
	free(a->answer);
}

/*
 * After a step that failed: true when it is to be tried again, once fd is ready
 * (-1: after a while).  The end is a time of clock_ms().
 */
static bool
may_try_again(int fd, short what, uint64_t end)
{
	struct pollfd p = { .fd = fd, .events = what };
	uint64_t now = clock_ms();

	if (errno != EAGAIN && errno != EWOULDBLOCK)
		return false;
	if (now < end)
		poll(&p, 1, fd == -1 ? RETRY_MS : (int)(end - now));
	errno = EAGAIN;
	return now < end;
}

/* One whole question and its answer: true, or false with errno. */
static bool
ask_and_wait(struct auth_agent *a, const char *path, uint64_t end)
{
	while ((a->fd = connect_to(path)) == -1)
		if (!may_try_again(-1, 0, end))
			return false;
	while (!send_question(a))
		if (!may_try_again(a->fd, POLLOUT, end))
			return false;
	while (!read_answer(a))
		if (!may_try_again(a->fd, POLLIN, end))
			return false;
	return true;
}

int
auth_agent_keys_now(const char *path, struct auth_agent_keys *keys,
    struct error *e)
{
	struct auth_agent a = { .len = AUTH_AGENT_LIST_LEN };
	int r = 0;

	a.question = xcalloc(a.len, 1);
	auth_agent_ask_keys(a.question);
	if (!ask_and_wait(&a, path, clock_ms() + NOW_MS))
		r = error_set(e, EX_CONFIG, "the ssh-agent at %s does not "
		    "answer: %s", path, errno == EAGAIN ? "it takes too long" :
		    strerror(errno));
	else if (auth_agent_read_keys(a.answer + 4, a.have - 4, keys) == -1)
		r = error_set(e, EX_CONFIG, "the ssh-agent at %s does not tell "
		    "its keys; is it locked (ssh-add -X)?", path);
	auth_agent_clear(&a);
	return r;
}

static void
on_auth_agent_ready(evutil_socket_t fd, short what, void *arg)
{
	struct auth_agent *a = arg;
	bool sent;

	(void)fd;
	(void)what;
	if (a->failed != 0) {
		a->done(a->arg, NULL, 0, strerror(a->failed));
		return;
	}
	sent = send_question(a);
	if (sent && read_answer(a)) {
		a->done(a->arg, a->answer + 4, a->have - 4, NULL);
		return;
	}
	if (errno != EAGAIN && errno != EWOULDBLOCK) {
		a->done(a->arg, NULL, 0, strerror(errno));
		return;
	}
	event_del(a->ready);
	event_assign(a->ready, event_get_base(a->ready), a->fd,
	    (short)(EV_PERSIST | (sent ? EV_READ : EV_WRITE)),
	    on_auth_agent_ready, a);
	event_add(a->ready, NULL);
}

struct auth_agent *
auth_agent_ask(struct event_base *base, const char *path,
    const uint8_t *question, size_t len,
    void (*done)(void *arg, const uint8_t *p, size_t n, const char *why),
    void *arg)
{
	struct auth_agent *a = xcalloc(1, sizeof(*a));

	a->done = done;
	a->arg = arg;
	a->question = xcalloc(len, 1);
	memcpy(a->question, question, len);
	a->len = len;
	a->fd = connect_to(path);
	if (a->fd == -1)
		a->failed = errno;
	a->ready = event_new(base, a->fd, EV_PERSIST | (a->fd == -1 ? 0 :
	    EV_WRITE), on_auth_agent_ready, a);
	if (a->fd == -1)
		event_active(a->ready, EV_TIMEOUT, 0);
	else
		event_add(a->ready, NULL);
	return a;
}

void
auth_agent_free(struct auth_agent *a)
{
	if (a == NULL)
		return;
	auth_agent_clear(a);
	free(a);
}
