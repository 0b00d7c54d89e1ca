/* SPDX-License-Identifier: ISC */
/* Commands, seen by who has them run: see command.h. */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/hand.h"
#include "orthrus/base/helper.h"
#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/wire.h"
#include "orthrus/transport/command.h"

#include "command_private.h"

#define END_MS 3000		/* until all that it runs has ended */

struct command {
	struct transport head;		/* its descriptor is -1 at first */
	LIST_ENTRY(command) link;
	struct commands *cs;
	uint64_t id;
	struct event *deadline;		/* until it runs */
	handshake_done *done;
	void *arg;
	char why[80];			/* it has ended, or failed; else "" */
};

struct commands {
	int fd;				/* to the process; -1 when it is gone */
	char *text;
	struct event_base *base;
	struct event *heard;
	uint64_t ids;
	LIST_HEAD(, command) list;
};

/* --- the process -------------------------------------------------- */

struct commands *
commands_new(const char *text, void (*forget)(void *), void *arg,
    struct error *e)
{
	struct commands *cs;
	char *copy = xstrdup(text);
	pid_t pid;
	int fd;

	pid = helper_fork("orthrus-command", &fd, e);
	if (pid == 0) {
		forget(arg);
		command_serve(fd, copy);
		_exit(0);
	}
	if (pid == -1) {
		free(copy);
		return NULL;
	}
	cs = xcalloc(1, sizeof(*cs));
	cs->fd = fd;
	cs->text = copy;
	LIST_INIT(&cs->list);
	return cs;
}

bool
commands_are(const struct commands *cs, const char *text)
{
	return strcmp(cs->text, text) == 0;
}

/* Waits until the process has ended, which closes its end of the socket. */
void
commands_free(struct commands *cs)
{
	struct pollfd p;
	uint8_t b[COMMAND_ANSWER_LEN];

	if (cs == NULL)
		return;
	if (cs->heard != NULL)
		event_free(cs->heard);
	p = (struct pollfd){ .fd = cs->fd, .events = POLLIN };
	if (cs->fd != -1 && shutdown(cs->fd, SHUT_WR) == 0)
		while (poll(&p, 1, END_MS) == 1 &&
		    recv(cs->fd, b, sizeof(b), MSG_DONTWAIT) > 0)
			;
	if (cs->fd != -1)
		close(cs->fd);
	free(cs->text);
	free(cs);
}

/* --- a command ---------------------------------------------------- */

static void
command_free(struct command *c)
{
	LIST_REMOVE(c, link);
	if (c->deadline != NULL)
		event_free(c->deadline);
	if (c->head.fd != -1)
		close(c->head.fd);
	free(c);
}

static void
tell_end(const struct command *c)
{
	uint8_t b[12];

	wire_put_u64(wire_put_u32(b, COMMAND_END), c->id);
	if (c->cs->fd != -1)
		send(c->cs->fd, b, sizeof(b), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
command_failed(struct command *c, const char *what)
{
	handshake_done *done = c->done;
	void *arg = c->arg;
	struct error e;

	error_set(&e, EX_UNAVAILABLE, "command: %s", what);
	tell_end(c);
	command_free(c);
	done(arg, NULL, &e);
}

static void
on_command_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct command *c = arg;

	(void)fd;
	(void)what;
	command_failed(c, c->cs->fd == -1 ? "the process that runs it has "
	    "ended; restart orthrus" : "it was not started in time");
}

static void hear(struct commands *cs);

/* Its end is told before its descriptor ends. */
static const char *
command_why(const struct transport *t)
{
	const struct command *c = (const struct command *)t;

	hear(c->cs);
	return c->why[0] != '\0' ? c->why : NULL;
}

static void
command_transport_free(struct transport *t)
{
	struct command *c = (struct command *)t;

	tell_end(c);
	command_free(c);
}

static void
command_runs(struct command *c, int fd)
{
	static const struct transport_ops ops = {
		.name = "command",
		.read = transport_socket_read,
		.write = transport_socket_write,
		.why = command_why,
		.free = command_transport_free
	};
	handshake_done *done = c->done;
	struct error none = { 0 };

	c->head.ops = &ops;
	c->head.fd = fd;
	event_free(c->deadline);
	c->deadline = NULL;
	c->done = NULL;
	done(c->arg, &c->head, &none);
}

static void
command_ended(struct command *c, int status)
{
	if (WIFSIGNALED(status))
		snprintf(c->why, sizeof(c->why), "the command was ended by "
		    "signal %d", WTERMSIG(status));
	else
		snprintf(c->why, sizeof(c->why), "the command has ended with "
		    "exit status %d", WEXITSTATUS(status));
}

/* --- what the process says ---------------------------------------- */

static struct command *
command_by_id(const struct commands *cs, uint64_t id)
{
	struct command *c;

	LIST_FOREACH(c, &cs->list, link)
		if (c->id == id)
			return c;
	return NULL;
}

static void
heard_one(struct commands *cs, struct wire *w, int fd)
{
	uint32_t word = wire_u32(w);
	struct command *c = command_by_id(cs, wire_u64(w));
	uint32_t value = wire_u32(w);
	bool waits = c != NULL && c->done != NULL;

	if (waits && word == COMMAND_RUNS && fd != -1) {
		command_runs(c, fd);
		return;
	}
	if (fd != -1)
		close(fd);
	if (waits && word == COMMAND_FAILED)
		command_failed(c, strerror((int)value));
	else if (c != NULL && !waits && word == COMMAND_ENDED)
		command_ended(c, (int)value);
}

/* False when there is nothing more to hear for now. */
static bool
hear_next(struct commands *cs)
{
	uint8_t b[COMMAND_ANSWER_LEN];
	struct wire w;
	int fd = -1;
	ssize_t n = cs->fd == -1 ? 0 : hand_receive(cs->fd, b, sizeof(b), &fd,
	    MSG_DONTWAIT);

	if (n == COMMAND_ANSWER_LEN) {
		wire_init(&w, b, sizeof(b));
		heard_one(cs, &w, fd);
		return true;
	}
	if (cs->fd == -1 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
		return false;
	log_error("the process that runs the proxy command has ended: no "
	    "session is made until a restart");
	event_del(cs->heard);
	close(cs->fd);
	cs->fd = -1;
	return false;
}

/* Of commands that run; the others' owners are called from the loop only. */
static void
hear(struct commands *cs)
{
	struct command *c;

	LIST_FOREACH(c, &cs->list, link)
		if (c->done != NULL)
			return;
	while (hear_next(cs))
		;
}

static void
on_commands_heard(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	loop_doing(LOOP_LOGIN);
	hear_next(arg);
}

void
commands_watch(struct commands *cs, struct event_base *base)
{
	cs->base = base;
	cs->heard = event_new(base, cs->fd, EV_READ | EV_PERSIST,
	    on_commands_heard, cs);
	event_add(cs->heard, NULL);
}

/* --- asking it ---------------------------------------------------- */

static int
ask_to_run(const struct commands *cs, uint64_t id, const struct server *to)
{
	uint8_t b[COMMAND_ASK_MAX], *p = b;

	p = wire_put_u32(p, COMMAND_RUN);
	p = wire_put_u64(p, id);
	p = wire_put_string(p, to->host, strlen(to->host));
	p = wire_put_u32(p, to->port);
	p = wire_put_string(p, to->user, strlen(to->user));
	return cs->fd != -1 && send(cs->fd, b, (size_t)(p - b),
	    MSG_NOSIGNAL | MSG_DONTWAIT) != -1 ? 0 : -1;
}

struct command *
command_start(struct commands *cs, const struct server *to, uint64_t ms,
    handshake_done *done, void *arg)
{
	struct command *c = xcalloc(1, sizeof(*c));

	c->head.fd = -1;
	c->cs = cs;
	c->id = ++cs->ids;
	c->done = done;
	c->arg = arg;
	LIST_INSERT_HEAD(&cs->list, c, link);
	c->deadline = deadline_new(cs->base, on_command_deadline, c);
	timer_set(c->deadline, ask_to_run(cs, c->id, to) == 0 ? ms : 0);
	return c;
}

void
command_cancel(struct command *c)
{
	tell_end(c);
	command_free(c);
}
