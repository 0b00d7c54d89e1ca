/* SPDX-License-Identifier: ISC */
/*
 * The gateway's streams: what each asks for, the words when it cannot be had,
 * and what is counted.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/mem.h"
#include "orthrus/http/server.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"
#include "orthrus/stream/stream.h"

#include "gateway.h"

#define STREAM_COST 512		/* bytes that each takes, about */
#define OPEN_MS 30000		/* for the agent to connect to its target */
#define PARTED_MS 5000		/* while the agent's link is gone */
#define DIAL_MS 10000		/* egress */

struct gateway_stream {
	struct stream st;		/* first */
	LIST_ENTRY(gateway_stream) next;
	struct gateway *gateway;
	struct principal *asker;	/* NULL: somebody on this machine */
	struct principal *payer;	/* that, or else the agent */
	bool muzzled;			/* an agent's Muzzle serves it */
	bool dialled;			/* it is egress */
	char asked[NAME_MAX_LEN];	/* the agent that was asked, or "" */
	int fd;				/* who asks: a socket, or -1 ... */
	struct endpoint *mine;		/* ... or an endpoint; else a channel */
	void (*failed)(struct endpoint *ep, const char *why);
	const char *why;		/* mine is to be told from the loop */
};

/* --- life ------------------------------------------------------------- */

static struct endpoint *
on_gateway_stream_here(struct stream *st)
{
	struct gateway_stream *s = (struct gateway_stream *)st;
	struct endpoint *here = s->mine;

	if (here == NULL)
		here = socket_endpoint_new(s->gateway->base, s->fd, NULL, 0);
	s->mine = NULL;
	s->fd = -1;
	return here;
}

/* Pays for all of it, also for the channel at the agent. */
static void
set_payer(struct gateway_stream *s, struct principal *p)
{
	s->payer = p;
	s->st.payer = &p->account;
	p->borne++;
	account_charge(&p->account, STREAM_COST);
}

static void
leave_principals(struct gateway_stream *s)
{
	if (s->asker != NULL) {
		s->asker->streams--;
		s->asker->dialled -= s->dialled;
		s->gateway->dialled -= s->dialled;
	}
	if (s->payer == NULL)
		return;
	s->payer->borne--;
	account_give(&s->payer->account, STREAM_COST);
}

static void
on_gateway_stream_ended(struct stream *st, uint64_t out, uint64_t in)
{
	struct gateway_stream *s = (struct gateway_stream *)st;

	/* Behind a Muzzle there is another, which counts them. */
	if (!s->muzzled) {
		s->gateway->counters.bytes_out += out;
		s->gateway->counters.bytes_in += in;
	}
	if (s->fd != -1)
		close(s->fd);
	leave_principals(s);
	LIST_REMOVE(s, next);
	s->gateway->counters.open--;
}

/* It cannot be had: said in the words of whoever asked. */
static void
give_up_gateway_stream(struct gateway_stream *s, enum open_failure reason,
    const char *why)
{
	char *text;

	if (s->st.from != NULL)
		stream_refuse(&s->st, reason, why);
	else if (s->mine != NULL) {
		s->failed(s->mine, why);
		stream_end(&s->st);
	} else {
		text = xasprintf("%s\n", why);
		stream_join(&s->st,
		    http_conn_refusal(s->gateway->refuser, 502, text));
		free(text);
	}
}

/* Not in an agent's own words, which are about its own address. */
static const char *
why_not_opened(const struct gateway_stream *s)
{
	const struct agent *a = agents_find(s->gateway->agents, s->asked);

	if (a == NULL)
		return "the agent was removed from this gateway";
	return a->session == NULL ? a->away :
	    "the agent could not connect to it: is it running there?";
}

static const char *
why_so_late(const struct gateway_stream *s)
{
	const struct agent *a = agents_find(s->gateway->agents, s->asked);

	return a != NULL && (a->session == NULL ||
	    inbound_is_parted(a->session->in)) ? a->away :
	    "the agent's target did not answer in time";
}

static void
on_gateway_stream_failed(struct stream *st, enum open_failure reason,
    const char *text)
{
	struct gateway_stream *s = (struct gateway_stream *)st;

	if (s->asked[0] == '\0')
		give_up_gateway_stream(s, reason, reason == OPEN_PROHIBITED ?
		    "not allowed here" : text);
	else
		give_up_gateway_stream(s, OPEN_CONNECT_FAILED, text == NULL ?
		    why_so_late(s) : why_not_opened(s));
}

static void
on_gateway_stream_late(struct stream *st)
{
	struct gateway_stream *s = (struct gateway_stream *)st;

	give_up_gateway_stream(s, OPEN_CONNECT_FAILED, s->why);
}

/* asker is the principal that it counts for, or NULL. */
static struct gateway_stream *
new_gateway_stream(struct gateway *g, struct principal *asker, int fd,
    struct channel *from)
{
	static const struct stream_events events = {
		on_gateway_stream_here, on_gateway_stream_failed,
		on_gateway_stream_late, on_gateway_stream_ended
	};
	struct gateway_stream *s = xcalloc(1, sizeof(*s));

	s->gateway = g;
	s->fd = fd;
	stream_init(&s->st, g->base, &events, from);
	s->asker = asker;
	if (asker != NULL) {
		asker->streams++;
		set_payer(s, asker);
	}
	LIST_INSERT_HEAD(&g->streams, s, next);
	g->counters.open++;
	g->counters.total++;
	return s;
}

/* --- to an agent -------------------------------------------------- */

/*
 * Asks the agent.  What is refused at once is told a Muzzle from the loop; as
 * that Muzzle is the agent's, the words last until then.
 */
static void
open_at_agent(struct gateway_stream *s, struct agent *a, uint16_t port)
{
	enum open_failure reason = OPEN_CONNECT_FAILED;
	const struct session_listen *l = NULL;

	memcpy(s->asked, a->name, sizeof(s->asked));
	if (s->payer == NULL && a->session != NULL)
		set_payer(s, a->session->principal);
	if (!a->gateway->enabled)
		s->why = DISABLED;
	else if (a->session == NULL)
		s->why = a->away;
	else if ((l = session_listen_find(a->session, port)) == NULL)
		s->why = port == 0 ? "the agent does not share its Docker "
		    "socket" : "the agent does not offer this port";
	else if (!stream_open(&s->st, mux_open_forwarded,
	    inbound_mux(a->session->in), &l->at,
	    inbound_is_parted(a->session->in) ? PARTED_MS : OPEN_MS)) {
		reason = OPEN_RESOURCE_SHORTAGE;
		s->why = "the agent has too many channels";
		route_refused(a->session, REFUSED_LIMIT, s->why);
	}
	if (s->why == NULL)
		return;
	if (s->mine == NULL)
		give_up_gateway_stream(s, reason, s->why);
	else
		stream_wait(&s->st, 0);
}

static void
join_docker(struct gateway_stream *s, struct agent *a)
{
	s->muzzled = true;
	stream_join(&s->st, muzzle_endpoint_new(a->muzzle, s->st.payer));
}

static struct gateway_stream *
new_session_stream(struct session *s, struct channel *from)
{
	return new_gateway_stream(s->gateway, s->principal, -1, from);
}

void
gateway_stream_agent(struct session *s, struct agent *a, uint16_t port,
    struct channel *ch)
{
	open_at_agent(new_session_stream(s, ch), a, port);
}

void
gateway_stream_docker(struct session *s, struct agent *a, struct channel *ch)
{
	join_docker(new_session_stream(s, ch), a);
}

void
gateway_stream_docker_stdio(struct session *s, struct agent *a,
    struct endpoint *mine)
{
	struct gateway_stream *st = new_session_stream(s, NULL);

	st->mine = mine;
	join_docker(st, a);
}

static void
visit_agent(struct agent *a, uint16_t port, int fd)
{
	struct gateway_stream *s = new_gateway_stream(a->gateway, NULL, fd,
	    NULL);

	if (port == 0)
		join_docker(s, a);
	else
		open_at_agent(s, a, port);
}

static void *
agent_way_connect(void *arg, struct endpoint *ep,
    void (*failed)(struct endpoint *ep, const char *why))
{
	struct agent *a = arg;
	struct gateway_stream *s = new_gateway_stream(a->gateway, NULL, -1,
	    NULL);

	s->mine = ep;
	s->failed = failed;
	open_at_agent(s, a, 0);
	return s;
}

static void
agent_way_cancel(void *handle)
{
	struct gateway_stream *s = handle;

	stream_end(&s->st);
}

const struct agent_way gateway_stream_way = {
	visit_agent, { agent_way_connect, agent_way_cancel, NULL }
};

/* --- egress ------------------------------------------------------- */

void
gateway_stream_dial(struct session *s, const struct address *to,
    struct channel *ch)
{
	struct gateway_stream *st = new_session_stream(s, ch);

	st->dialled = true;
	s->principal->dialled++;
	s->gateway->dialled++;
	stream_dial(&st->st, s->gateway->dialer, to, DIAL_MS);
}

/* --- all of them -------------------------------------------------- */

void
gateway_counters(const struct gateway *g, struct stream_counters *out)
{
	const struct gateway_stream *s;
	uint64_t sent, received;

	*out = g->counters;
	LIST_FOREACH(s, &g->streams, next)
		if (s->st.relay != NULL && !s->muzzled) {
			relay_counters(s->st.relay, &sent, &received);
			out->bytes_out += sent;
			out->bytes_in += received;
		}
}

static void
end_gateway_stream(struct gateway_stream *s, enum open_failure reason,
    const char *why)
{
	if (s->st.relay != NULL)
		stream_end(&s->st);
	else
		give_up_gateway_stream(s, reason, why);
}

void
gateway_streams_parted(struct gateway *g, const struct agent *a)
{
	struct gateway_stream *s;

	LIST_FOREACH(s, &g->streams, next)
		if (s->st.opening != NULL && strcmp(s->asked, a->name) == 0)
			stream_wait(&s->st, PARTED_MS);
}

void
gateway_end_streams(struct gateway *g)
{
	struct gateway_stream *s;

	while ((s = LIST_FIRST(&g->streams)) != NULL)
		end_gateway_stream(s, OPEN_CONNECT_FAILED, "shutting down");
}

void
gateway_end_streams_of(struct gateway *g, const struct principal *p)
{
	struct gateway_stream *s, *following;

	for (s = LIST_FIRST(&g->streams); s != NULL; s = following) {
		following = LIST_NEXT(s, next);
		if (s->payer == p)
			end_gateway_stream(s, OPEN_RESOURCE_SHORTAGE,
			    "the gateway's memory is full");
	}
}
