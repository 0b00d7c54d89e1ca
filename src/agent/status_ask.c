/* SPDX-License-Identifier: ISC */
/* Finds the control socket of a running "orthrus connect" and asks it. */
#include "status.h"

#include <sys/socket.h>

#include <dirent.h>
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
#include "orthrus/conf/config.h"
#include "orthrus/transport/dial.h"

#define ANSWER_MAX (4 * 1024 * 1024)

/* --- where ------------------------------------------------------------ */

static int
socket_address(const char *file, struct address *at, struct error *e)
{
	char *dir = runtime_directory();
	char *path = xasprintf("%s/%s", dir, file);
	int r = address_parse(path, false, at, e);

	free(path);
	free(dir);
	return r;
}

static int
named_address(const char *name, struct address *at, struct error *e)
{
	char file[NAME_MAX_LEN + sizeof(".sock")];

	if (!name_valid(name))
		return error_set(e, EX_USAGE, "--name %s: a name is 1 to 63 "
		    "of a-z 0-9 -", name);
	snprintf(file, sizeof(file), "%s.sock", name);
	return socket_address(file, at, e);
}

struct first_line {
	struct error *e;
	bool seen;
};

static void
keep_first(void *arg, const char *line)
{
	struct first_line *first = arg;

	if (!first->seen)
		error_set(first->e, EX_CONFIG, "%s", line);
	first->seen = true;
}

/*
 * The control address that "connect" would take.  The server is made up, since
 * its address plays no part.
 */
static int
configured_address(const char *file, struct address *at, struct error *e)
{
	char status[] = "status", server[] = "--server", host[] = "localhost",
	    option[] = "--config", *path = xstrdup(file != NULL ? file : "");
	char *argv[] = { status, server, host, option, path, NULL };
	struct first_line first = { e, false };
	struct config *c;
	int code = 0;

	c = config_load(file != NULL ? 5 : 3, argv, keep_first, &first,
	    &code);
	free(path);
	if (c == NULL)
		return -1;
	*at = c->control;
	config_free(c);
	return 0;
}

/* The only "*.sock" in the runtime directory: 0, or -1. */
static int
only_socket(struct address *at)
{
	char *dir = runtime_directory(), only[256] = "";
	DIR *d = opendir(dir);
	struct dirent *ent;
	unsigned n = 0;
	size_t len;

	while (d != NULL && (ent = readdir(d)) != NULL) {
		len = strlen(ent->d_name);
		if (len <= 5 || len >= sizeof(only) ||
		    strcmp(ent->d_name + len - 5, ".sock") != 0)
			continue;
		memcpy(only, ent->d_name, len + 1);
		n++;
	}
	if (d != NULL)
		closedir(d);
	free(dir);
	return n == 1 ? socket_address(only, at, NULL) : -1;
}

/* --- asking ----------------------------------------------------------- */

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
	if (o.fd == -1 && (o.error == EACCES || o.error == EPERM)) {
		error_set(e, EX_NOPERM, "you may not ask on %s (%s): only the "
		    "user that runs orthrus, and root, may", text,
		    dial_strerror(o.error));
		return NULL;
	}
	if (o.fd == -1) {
		error_set(e, EX_UNAVAILABLE, "orthrus is not running: nobody "
		    "answers on %s (%s)", text, dial_strerror(o.error));
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

/* True when nothing says which process to ask. */
static bool
any_will_do(const struct status_target *target)
{
	static const char *const env[] = { "ORTHRUS_CONTROL", "ORTHRUS_NAME",
	    "ORTHRUS_CONFIG" };
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(env) / sizeof(env[0]); i++)
		if ((value = getenv(env[i])) != NULL && *value != '\0')
			return false;
	return target->control == NULL && target->name == NULL &&
	    target->config == NULL;
}

json_t *
status_ask(const struct status_target *target, uint64_t limit_ms,
    struct error *e)
{
	struct address at, other;
	json_t *status;
	int err = ENOENT, r;

	if (target->control != NULL)
		r = address_parse(target->control, false, &at, e);
	else if (target->name != NULL)
		r = named_address(target->name, &at, e);
	else
		r = configured_address(target->config, &at, e);
	if (r == 0 && (status = ask_at(&at, limit_ms, &err, e)) != NULL)
		return status;
	if (any_will_do(target) && err != 0 && only_socket(&other) == 0 &&
	    (r == -1 || !address_equal(&at, &other)))
		return ask_at(&other, limit_ms, &err, e);
	return NULL;
}
