/* SPDX-License-Identifier: ISC */
/* The control socket's streams: each is one of the session's own. */
#include "config.h"

#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/mem.h"
#include "orthrus/relay/socket.h"

#include "orthrus.h"
#include "control.h"

#define OUTAGE_MS 5000		/* how long a new connection waits */

struct loan {
	struct orthrus *agent;
	struct single *single;
	int fd;				/* -1: the relay has it */
	int bell;			/* or -1 */
	struct event *gone;		/* nobody hears the bell any more */
};

/* Some dozen bytes on a fresh connection: what does not fit is not needed. */
static void
say(int fd, const void *p, size_t n)
{
	if (fd != -1 &&
	    send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
		log_debug("somebody who asked for a stream has left");
}

static void
loan_free(struct loan *l)
{
	if (l->gone != NULL)
		event_free(l->gone);
	if (l->fd != -1)
		close(l->fd);
	if (l->bell != -1)
		close(l->bell);
	free(l);
}

static struct endpoint *
on_loan_opened(void *arg)
{
	struct loan *l = arg;
	int fd = l->fd;

	say(fd, "ok\n", 3);
	l->fd = -1;
	return socket_endpoint_new(l->agent->base, fd, NULL, 0);
}

static void
on_loan_failed(void *arg, const char *why)
{
	struct loan *l = arg;
	char *text = xasprintf("no %s\n", why);

	say(l->fd, text, strlen(text));
	free(text);
	loan_free(l);
}

static void
on_loan_ended(void *arg, bool whole, uint64_t taken)
{
	struct loan *l = arg;

	if (whole)
		say(l->bell, &taken, sizeof(taken));
	loan_free(l);
}

/*
 * He who leaves before the end of the stream was killed.  His end of a
 * connection does not say so, as that might be a half-close.
 */
static void
on_borrower_gone(evutil_socket_t fd, short what, void *arg)
{
	struct loan *l = arg;

	(void)fd;
	(void)what;
	single_end(l->single);
	loan_free(l);
}

void
orthrus_lend(void *agent, int fd, int bell, const struct address *to)
{
	static const struct single_events events = {
		on_loan_opened, on_loan_failed, on_loan_ended
	};
	struct loan *l = xcalloc(1, sizeof(*l));

	l->agent = agent;
	l->fd = fd;
	l->bell = bell;
	if (bell != -1) {
		l->gone = event_new(l->agent->base, bell, EV_READ,
		    on_borrower_gone, l);
		event_add(l->gone, NULL);
	}
	l->single = tunnels_single(l->agent->tunnels, to, OUTAGE_MS, &events,
	    l);
}

struct control *
orthrus_control(struct orthrus *a, const struct config *c, struct error *e)
{
	static const struct control_events events = {
		orthrus_snapshot, orthrus_lend
	};

	return control_new(a->base, &c->control, &events, a, e);
}
