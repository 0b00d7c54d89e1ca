/* SPDX-License-Identifier: ISC */
/* Asks a running "orthrus connect" on its control socket. */
#include "status.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/address.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/transport/dial.h"

#include "status_find.h"

#define ANSWER_MAX (4 * 1024 * 1024)
#define NAMED_MAX 300		/* of a line that names several */

/* --- one process ------------------------------------------------------ */

struct outcome {
	int fd, error;
};

static void
on_control_connected(void *arg, int fd, int error)
{
	struct outcome *o = arg;

	o->fd = fd;
	o->error = error;
}

static struct outcome
connect_to(const struct address *at, uint64_t limit_ms)
{
	struct event_base *base = event_base_new();
	struct outcome o = { -1, ENOMEM };
	struct dialer *dialer;

	if (base == NULL)
		return o;
	dialer = dialer_new(base);
	o.error = 0;
	dial_start(dialer, at, limit_ms, on_control_connected, &o);
	while (o.fd == -1 && o.error == 0 &&
	    event_base_loop(base, EVLOOP_ONCE) == 0)
		;
	dialer_free(dialer);
	event_base_free(base);
	return o;
}

/* Everything until end of file, before end: 0, or an errno value. */
static int
read_answer(int fd, int64_t end, struct buffer *answer)
{
	int64_t left;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[16384];
	ssize_t n;

	while ((left = end - (int64_t)clock_ms()) > 0) {
		if (poll(&p, 1, (int)left) == -1 && errno != EINTR)
			return errno;
		n = read(fd, buf, sizeof(buf));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return errno;
		if (n > 0 && buffer_put(answer, buf, (size_t)n) == -1)
			return EMSGSIZE;
	}
	return ETIMEDOUT;
}

static void
cannot_ask(const char *at, int why, struct error *e)
{
	if (why == EACCES || why == EPERM)
		error_set(e, EX_NOPERM, "you may not ask on %s (%s): only the "
		    "user that runs orthrus, and root, may; ask with \"%sorthrus "
		    "status --control %s\"", at, dial_strerror(why),
		    geteuid() == 0 ? "" : "sudo ", at);
	else
		error_set(e, EX_UNAVAILABLE, "orthrus is not running: nobody "
		    "answers on %s (%s); start it with \"orthrus connect\", or "
		    "say with --control where it is", at, dial_strerror(why));
}

static json_t *
ask_at(const struct address *at, uint64_t limit_ms, int *connect_error,
    struct error *e)
{
	int64_t end = (int64_t)clock_ms() + (int64_t)limit_ms;
	struct outcome o = connect_to(at, limit_ms);
	char text[ADDRESS_TEXT_MAX];
	struct buffer answer;
	json_t *status = NULL;
	int err;

	*connect_error = o.error;
	address_format(at, text);
	if (o.fd == -1) {
		cannot_ask(text, o.error, e);
		return NULL;
	}
	/* It is the status that we want, and no stream: see control.h. */
	shutdown(o.fd, SHUT_WR);
	buffer_init(&answer, ANSWER_MAX);
	err = read_answer(o.fd, end, &answer);
	close(o.fd);
	if (err == 0 && answer.len > 0)
		status = json_loadb((const char *)buffer_head(&answer),
		    answer.len, 0, NULL);
	if (err != 0)
		error_set(e, EX_UNAVAILABLE, "orthrus does not answer on %s: "
		    "%s", text, strerror(err));
	else if (!json_is_object(status)) {
		error_set(e, EX_UNAVAILABLE, "what answers on %s is not an "
		    "orthrus that has time for us", text);
		json_decref(status);
		status = NULL;
	}
	buffer_clear(&answer);
	return status;
}

/* --- whoever runs ----------------------------------------------------- */

/* True when a process listens there, whether or not we may ask it. */
static bool
is_alive(const struct address *at, uint64_t limit_ms)
{
	struct outcome o = connect_to(at, limit_ms);

	if (o.fd != -1)
		close(o.fd);
	return o.fd != -1 || o.error == EACCES || o.error == EPERM;
}

/* Leaves those that somebody listens on. */
static void
keep_living(struct status_sockets *s, uint64_t limit_ms)
{
	int64_t end = (int64_t)clock_ms() + (int64_t)limit_ms;
	size_t i, left = 0;
	int64_t ms;

	for (i = 0; i < s->n; i++) {
		ms = end - (int64_t)clock_ms();
		if (is_alive(&s->at[i], ms > 1 ? (uint64_t)ms : 1))
			s->at[left++] = s->at[i];
	}
	s->n = left;
}

static void
several(const struct status_sockets *s, struct error *e)
{
	char list[NAMED_MAX] = "", text[ADDRESS_TEXT_MAX];
	size_t i, len = 0;

	for (i = 0; i < s->n; i++) {
		address_format(&s->at[i], text);
		if (len + strlen(text) + sizeof(", ...") > sizeof(list)) {
			strcpy(list + len, ", ...");
			break;
		}
		len += (size_t)sprintf(list + len, "%s%s", i == 0 ? "" : ", ",
		    text);
	}
	error_set(e, EX_USAGE, "%zu processes run; say with --control which "
	    "one: %s", s->n, list);
}

/* Nobody is where we look first: *e says so until there is more to say. */
static json_t *
ask_around(uint64_t limit_ms, struct error *e)
{
	struct status_sockets s;
	int err;

	status_sockets(&s);
	keep_living(&s, limit_ms);
	if (s.n == 1)
		return ask_at(&s.at[0], limit_ms, &err, e);
	if (s.n > 1)
		several(&s, e);
	else if (s.hidden)
		error_set(e, EX_NOPERM, "nobody answers where you may look; "
		    "ask a service with \"sudo orthrus status\"");
	return NULL;
}

json_t *
status_ask(const struct status_target *target, uint64_t limit_ms,
    struct error *e)
{
	struct address at;
	json_t *status;
	int err = ENOENT;

	if (status_address(target, &at, e) == 0 &&
	    (status = ask_at(&at, limit_ms, &err, e)) != NULL)
		return status;
	return status_any_will_do(target) && err != 0 ?
	    ask_around(limit_ms, e) : NULL;
}
