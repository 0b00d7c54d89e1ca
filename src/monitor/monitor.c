/* SPDX-License-Identifier: ISC */
/* The monitor as a process: its start, its loop, its end. */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/confine.h"
#include "orthrus/base/hand.h"
#include "orthrus/base/helper.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/privileges.h"
#include "orthrus/conf/gateway.h"

#include "keeper.h"
#include "monitor_private.h"

#define LOCK_MS 2000		/* for the monitor of a killed gateway */

/* --- the monitor's side ------------------------------------------- */

static bool
say_started(int fd, const struct keeper *k, const struct error *e)
{
	static uint8_t out[MESSAGE_MAX];
	struct message a = { .kind = ASK_STARTED };
	size_t n;

	if (k == NULL) {
		a.code = (uint32_t)e->code;
		a.more = (const uint8_t *)e->text;
		a.more_len = strlen(e->text);
	} else {
		a.bytes = k->host_blob;
		a.len = sizeof(k->host_blob);
	}
	n = message_write(&a, out);
	return send(fd, out, n, MSG_NOSIGNAL) == (ssize_t)n && k != NULL;
}

/* Until the other end is closed, or says what is too long to be a question. */
static void
answer_questions(int fd, struct keeper *k)
{
	static uint8_t in[MESSAGE_MAX], out[MESSAGE_MAX];
	ssize_t n;
	size_t len;

	for (;;) {
		n = recv(fd, in, sizeof(in), MSG_TRUNC);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0 || (size_t)n > sizeof(in))
			return;
		len = keeper_answer(k, in, (size_t)n, out);
		if (len > 0 && hand_send(fd, out, len, k->hand, 0) == -1)
			return;
		if (k->hand != -1)
			close(k->hand);
		k->hand = -1;
	}
}

/* It has the state directory and the sockets, and reads its configuration. */
static int
confine_monitor(const struct gateway_config *c, struct error *e)
{
	struct confinement *w;
	size_t i;

	if (privileges_end(e) == -1)
		return -1;
	w = confinement_new(CONFINE_MONITOR);
	confinement_below(w, "/etc/charon", CONFINE_READ);
	confinement_beside(w, c->head.file, CONFINE_READ);
	confinement_below(w, c->state, CONFINE_WRITE);
	confinement_below(w, c->runtime, CONFINE_SOCKETS);
	if (c->http_listen.kind == ADDRESS_UNIX)
		confinement_beside(w, c->http_listen.path, CONFINE_SOCKETS);
	for (i = 0; i < c->ntls_listen; i++)
		if (c->tls_listen[i].kind == ADDRESS_UNIX)
			confinement_beside(w, c->tls_listen[i].path,
			    CONFINE_SOCKETS);
	web_certificate_confinement(w, c);
	return confinement_apply(w, e);
}

static void
run_monitor(int fd, const struct gateway_config *c, int argc, char **argv)
{
	struct keeper *k;
	struct error e;

	log_setup(c->log_level, c->log_format);
	if ((k = keeper_open(c, LOCK_MS, &e)) != NULL) {
		k->argc = argc;
		k->argv = argv;
	}
	if (k != NULL && confine_monitor(c, &e) == -1) {
		keeper_close(k);
		k = NULL;
	}
	if (say_started(fd, k, &e))
		answer_questions(fd, k);
	keeper_close(k);
}

/* --- the network process' side ------------------------------------ */

/* The answer to the first question: 0, or -1 with *e. */
static int
hear_started(struct monitor *m, struct error *e)
{
	struct message a;

	if (monitor_hear(m, ASK_STARTED, &a, e) == -1)
		return -1;
	if (a.len != sizeof(m->host_blob))
		return error_set(e, EX_SOFTWARE, "the monitor speaks nonsense");
	memcpy(m->host_blob, a.bytes, a.len);
	return 0;
}

struct monitor *
monitor_start(const struct gateway_config *c, int argc, char **argv,
    struct error *e)
{
	struct monitor *m = xcalloc(1, sizeof(*m));

	m->hand = -1;
	m->pid = helper_fork("charon-monitor", &m->fd, e);
	if (m->pid == 0) {
		run_monitor(m->fd, c, argc, argv);
		_exit(0);
	}
	if (m->pid != -1 && hear_started(m, e) == 0)
		return m;
	monitor_stop(m);
	return NULL;
}

static void
on_monitor_end(evutil_socket_t fd, short what, void *arg)
{
	struct monitor *m = arg;

	(void)fd;
	(void)what;
	/* It says nothing unasked. */
	m->lost = true;
	log_error("the process that has this gateway's keys (charon-monitor) "
	    "has ended, and so does the gateway: start it again");
	event_base_loopbreak(m->base);
}

void
monitor_watch(struct monitor *m, struct event_base *base)
{
	m->base = base;
	m->end = event_new(base, m->fd, EV_READ, on_monitor_end, m);
	event_add(m->end, NULL);
}

bool
monitor_is_lost(const struct monitor *m)
{
	return m->lost;
}

const uint8_t *
monitor_host_key(const struct monitor *m)
{
	return m->host_blob;
}

void
monitor_stop(struct monitor *m)
{
	if (m == NULL)
		return;
	if (m->end != NULL)
		event_free(m->end);
	if (m->hand != -1)
		close(m->hand);
	helper_end(m->pid, m->fd);
	free(m);
}
