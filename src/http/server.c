/* SPDX-License-Identifier: ISC */
/* All connections of one server, and how many there may be. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/relay/relay.h"

#include "conn.h"

/* Gives idle connections a second more, so that those who wait get in. */
static void
make_room(struct http_server *s)
{
	struct http_conn *c;

	LIST_FOREACH(c, &s->conns, next)
		if (c->state == CONN_IDLE && c->in.len == 0)
			conn_set_timer(c, FULL_SECONDS);
}

/* Is one more of payer's too many?  Nobody's is, as long as most are free. */
static bool
has_fair_share(const struct http_server *s, const struct account *payer)
{
	const struct http_conn *c;
	size_t mine = 0;

	if (payer == NULL || s->nconns < s->service->conns_max / 2)
		return false;
	LIST_FOREACH(c, &s->conns, next)
		mine += c->payer == payer;
	return !share_is_fair(mine, s->nconns, s->service->conns_max);
}

struct endpoint *
http_conn_new(struct http_server *s, struct account *payer)
{
	bool refused = has_fair_share(s, payer);
	struct http_conn *c = conn_new(s, payer);

	if (s->nconns == s->service->conns_max)
		make_room(s);
	if (s->nconns > s->service->conns_max || refused)
		conn_refuse(c, 503, false, "too many clients at once");
	return &c->ep;
}

struct endpoint *
http_conn_refusal(struct http_server *s, int status, const char *text)
{
	struct http_conn *c = conn_new(s, NULL);

	c->last = true;
	http_reply(c, status, "Content-Type: text/plain\r\n", text,
	    strlen(text));
	return &c->ep;
}

struct http_server *
http_server_new(struct event_base *base, const struct http_service *service,
    void *arg)
{
	struct http_server *s = xcalloc(1, sizeof(*s));

	s->base = base;
	s->service = service;
	s->arg = arg;
	LIST_INIT(&s->conns);
	return s;
}

void
http_server_free(struct http_server *s)
{
	struct http_conn *c;

	if (s == NULL)
		return;
	while ((c = LIST_FIRST(&s->conns)) != NULL)
		relay_abort(c->ep.relay);
	free(s);
}

size_t
http_server_conns(const struct http_server *s)
{
	return s->nconns;
}

size_t
http_server_holds(const struct http_server *s)
{
	return s->nholds;
}

size_t
http_server_holds_of(const struct http_server *s, const struct account *payer)
{
	const struct http_conn *c;
	size_t n = 0;

	LIST_FOREACH(c, &s->conns, next)
		n += c->producer != NULL && c->payer == payer;
	return n;
}
