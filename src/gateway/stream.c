/* SPDX-License-Identifier: ISC */
/*
 * Streams: somebody's end (a socket of this machine, a client's channel, a
 * Muzzle) joined with what it wants, as soon as that is there.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/http/server.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"
#include "orthrus/transport/dial.h"

#include "gateway.h"

#define OPEN_SECONDS 30		/* for the agent to connect to its target */
#define DIAL_MS 10000		/* egress */

struct stream {
	LIST_ENTRY(stream) next;
	struct gateway *gateway;
	bool muzzled;			/* an agent's Muzzle serves it */
	char asked[NAME_MAX_LEN];	/* the agent that opening is sent to */
	int fd;				/* who asks: a socket, or -1 ... */
	struct channel *from;		/* ... a channel, or NULL ... */
	struct endpoint *mine;		/* ... or an endpoint that is there; */
	void (*failed)(struct endpoint *ep, const char *why);
	const char *why;		/* a Muzzle's is to be told */
	struct channel *opening;	/* to the agent */
	struct dial *dial;		/* egress */
	struct relay *relay;
	struct event *timer;
};

/* --- life ------------------------------------------------------------- */

static void
stream_end(struct stream *st)
{
	if (st->opening != NULL)
		channel_cancel(st->opening);
	if (st->dial != NULL)
		dial_cancel(st->dial);
	if (st->fd != -1)
		close(st->fd);
	LIST_REMOVE(st, next);
	st->gateway->counters.open--;
	event_del(st->timer);
	event_free_finalize(0, st->timer, event_free_arg);
}

static void
on_done(void *arg, uint64_t out, uint64_t in)
{
	struct stream *st = arg;

	/* Behind a Muzzle there is another, which counts them. */
	if (!st->muzzled) {
		st->gateway->counters.bytes_out += out;
		st->gateway->counters.bytes_in += in;
	}
	st->relay = NULL;
	stream_end(st);
}

/* The end that was asked for is there. */
static void
join(struct stream *st, struct endpoint *wanted)
{
	struct endpoint *mine;

	event_del(st->timer);
	if (st->mine != NULL)
		mine = st->mine;
	else if (st->from != NULL) {
		channel_on_gone(st->from, NULL, NULL);
		channel_accept(st->from);
		mine = channel_endpoint(st->from);
	} else
		mine = socket_endpoint_new(st->gateway->base, st->fd, NULL, 0);
	st->from = NULL;
	st->mine = NULL;
	st->fd = -1;
	st->relay = relay_start(wanted, mine, on_done, st);
}

/* It cannot be had: said in the words of whoever asked. */
static void
give_up(struct stream *st, enum open_failure reason, const char *why)
{
	char *text;

	if (st->mine != NULL) {
		st->failed(st->mine, why);
		stream_end(st);
		return;
	}
	if (st->from != NULL) {
		channel_refuse(st->from, reason, why);
		stream_end(st);
		return;
	}
	text = xasprintf("%s\n", why);
	join(st, http_conn_refusal(st->gateway->refuser, 502, text));
	free(text);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct stream *st = arg;

	(void)fd;
	(void)what;
	if (st->why == NULL) {
		st->why = "the agent's target did not answer in time";
		channel_cancel(st->opening);
		st->opening = NULL;
	}
	give_up(st, OPEN_CONNECT_FAILED, st->why);
}

/* The client's session ended before there was an answer for its channel. */
static void
on_gone(void *arg)
{
	struct stream *st = arg;

	st->from = NULL;
	stream_end(st);
}

static struct stream *
stream_new(struct gateway *g, int fd, struct channel *ch)
{
	struct stream *st = xcalloc(1, sizeof(*st));

	st->gateway = g;
	st->fd = fd;
	st->from = ch;
	st->timer = evtimer_new(g->base, on_timer, st);
	LIST_INSERT_HEAD(&g->streams, st, next);
	g->counters.open++;
	g->counters.total++;
	if (ch != NULL)
		channel_on_gone(ch, on_gone, st);
	return st;
}

/* --- to an agent -------------------------------------------------- */

/* Not in the agent's own words, which are about its own address. */
static const char *
why_not_opened(const struct stream *st)
{
	const struct agent *a = agents_find(st->gateway->agents, st->asked);

	if (a == NULL)
		return "the agent was removed from this gateway";
	return a->session == NULL ? a->away :
	    "the agent could not connect to it";
}

static void
on_opened(void *arg, enum open_failure reason, const char *text)
{
	struct stream *st = arg;
	struct channel *ch = st->opening;

	(void)text;
	st->opening = NULL;
	if (reason != OPEN_OK) {
		give_up(st, OPEN_CONNECT_FAILED, why_not_opened(st));
		return;
	}
	join(st, channel_endpoint(ch));
}

/*
 * Asks the agent.  What is refused at once is told a Muzzle from the loop; as
 * that Muzzle is the agent's, the words last until then.
 */
static void
open_at_agent(struct stream *st, struct agent *a, uint16_t port)
{
	const struct session_listen *l = NULL;

	memcpy(st->asked, a->name, sizeof(st->asked));
	if (!a->gateway->enabled)
		st->why = DISABLED;
	else if (a->session == NULL)
		st->why = a->away;
	else if ((l = session_listen_find(a->session, port)) == NULL)
		st->why = port == 0 ? "the agent does not share its Docker "
		    "socket" : "the agent does not offer this port";
	else if ((st->opening = mux_open_forwarded(inbound_mux(a->session->in),
	    &l->at, on_opened, st)) == NULL)
		st->why = "the agent has too many channels";
	if (st->why != NULL && st->mine == NULL)
		give_up(st, OPEN_CONNECT_FAILED, st->why);
	else
		timer_set(st->timer, st->opening != NULL ?
		    OPEN_SECONDS * 1000 : 0);
}

void
stream_to_agent(struct agent *a, uint16_t port, int fd, struct channel *ch)
{
	open_at_agent(stream_new(a->gateway, fd, ch), a, port);
}

static void *
way_connect(void *arg, struct endpoint *ep,
    void (*failed)(struct endpoint *ep, const char *why))
{
	struct agent *a = arg;
	struct stream *st = stream_new(a->gateway, -1, NULL);

	st->mine = ep;
	st->failed = failed;
	open_at_agent(st, a, 0);
	return st;
}

static void
way_cancel(void *handle)
{
	stream_end(handle);
}

void
stream_to_docker(struct agent *a, int fd, struct channel *ch)
{
	struct stream *st = stream_new(a->gateway, fd, ch);

	st->muzzled = true;
	join(st, muzzle_endpoint_new(a->muzzle));
}

void
stream_docker_endpoint(struct agent *a, struct endpoint *mine)
{
	struct stream *st = stream_new(a->gateway, -1, NULL);

	st->muzzled = true;
	st->mine = mine;
	join(st, muzzle_endpoint_new(a->muzzle));
}

static void
visit(struct agent *a, uint16_t port, int fd)
{
	if (port == 0)
		stream_to_docker(a, fd, NULL);
	else
		stream_to_agent(a, port, fd, NULL);
}

const struct agent_way stream_way = {
	visit, { way_connect, way_cancel, NULL }
};

/* --- egress ------------------------------------------------------- */

static void
on_dialled(void *arg, int fd, int error)
{
	struct stream *st = arg;

	st->dial = NULL;
	if (fd == -1) {
		give_up(st, error == EACCES ? OPEN_PROHIBITED :
		    OPEN_CONNECT_FAILED, error == EACCES ?
		    "not allowed here" : dial_strerror(error));
		return;
	}
	join(st, socket_endpoint_new(st->gateway->base, fd, NULL, 0));
}

void
stream_dial(struct gateway *g, const struct address *to, struct channel *ch)
{
	struct stream *st = stream_new(g, -1, ch);

	st->dial = dial_start(g->dialer, to, DIAL_MS, on_dialled, st);
}

void
gateway_counters(const struct gateway *g, struct stream_counters *out)
{
	const struct stream *st;
	uint64_t sent, received;

	*out = g->counters;
	LIST_FOREACH(st, &g->streams, next)
		if (st->relay != NULL && !st->muzzled) {
			relay_counters(st->relay, &sent, &received);
			out->bytes_out += sent;
			out->bytes_in += received;
		}
}

void
gateway_end_streams(struct gateway *g)
{
	struct stream *st;

	while ((st = LIST_FIRST(&g->streams)) != NULL) {
		if (st->relay != NULL)
			relay_abort(st->relay);
		else
			give_up(st, OPEN_CONNECT_FAILED, "shutting down");
	}
}
