/* SPDX-License-Identifier: ISC */
/*
 * The state of one connection: between requests, in an answer, at its end;
 * what it keeps, and what its answers take.
 */
#include "config.h"

#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"

#include "conn.h"

#define CONN_COST 768		/* bytes that each takes, about */
#define CLOSE_SECONDS 2		/* for the client to see our end */

void
conn_soon(struct http_conn *c)
{
	if (!c->closed)
		event_active(c->work, EV_TIMEOUT, 0);
}

void
conn_set_timer(struct http_conn *c, unsigned seconds)
{
	timer_set(c->timer, seconds * 1000);
}

bool
conn_is_stream(const struct http_conn *c)
{
	return c->producer != NULL && c->seconds == 0;
}

/* An answer that is held is promised its room before there is any of it. */
static void
note_account(struct http_conn *c)
{
	size_t here = 0, promised;

	if (c->payer == NULL)
		return;
	if (!c->closed)
		here = CONN_COST + c->in.size + c->out.size + c->elsewhere;
	promised = c->producer != NULL && here < HTTP_OUT_HIGH ?
	    HTTP_OUT_HIGH : here;
	budget_note(&c->payer->promised, &c->promised, promised);
	budget_note(&c->payer->held, &c->kept_here, here);
}

/*
 * Counts an answer's bytes that are kept elsewhere, and those that the client
 * has not read where they are many.  The sum of all connections has a limit.
 */
void
conn_recount(struct http_conn *c)
{
	size_t now = c->elsewhere;

	if (c->out.len > 4 * HTTP_OUT_HIGH)
		now += c->out.len;
	c->server->held += now - c->held;
	c->held = now;
	note_account(c);
}

void
http_pay(struct http_conn *c, struct account *payer)
{
	if (c->payer != NULL && c->payer != payer) {
		budget_note(&c->payer->promised, &c->promised, 0);
		budget_note(&c->payer->held, &c->kept_here, 0);
	}
	c->payer = payer;
	note_account(c);
}

struct account *
http_payer(const struct http_conn *c)
{
	return c->payer;
}

bool
http_may_hold(const struct http_conn *c)
{
	return c->payer == NULL || account_has_room(c->payer, HTTP_OUT_HIGH);
}

/* --- the end of a request, and of the connection ------------------ */

static void
conn_drop_body(struct http_conn *c)
{
	if (c->body == NULL)
		return;
	buffer_clear(&c->body->data);
	free(c->body);
	c->body = NULL;
}

/* Ends the answer at hand; its producer hears of it where that is gone. */
void
conn_release(struct http_conn *c, bool gone)
{
	const struct http_producer *p = c->producer;

	conn_drop_body(c);
	if (p == NULL)
		return;
	c->producer = NULL;
	c->waits = false;
	c->elsewhere = 0;
	conn_recount(c);
	c->server->nholds--;
	if (gone)
		p->gone(c->arg);
}

void
conn_drop_kept(struct http_conn *c)
{
	struct http_kept *k = c->kept;

	if (k == NULL)
		return;
	http_unkeep(k);
	k->dropped(k);
}

void
conn_close_soon(struct http_conn *c)
{
	conn_release(c, true);
	conn_drop_kept(c);
	buffer_clear(&c->in);
	c->state = CONN_CLOSING;
	conn_set_timer(c, CLOSE_SECONDS);
	conn_soon(c);
}

/* Ends the connection so that what was sent does not look whole. */
void
conn_break_off(struct http_conn *c)
{
	c->broken = true;
	conn_close_soon(c);
}

void
conn_be_idle(struct http_conn *c)
{
	const struct http_server *s = c->server;

	c->state = CONN_IDLE;
	c->seen = 0;
	conn_set_timer(c, c->in.len > 0 ? HEAD_SECONDS :
	    s->nconns >= s->service->conns_max ? FULL_SECONDS : IDLE_SECONDS);
}

void
conn_next_request(struct http_conn *c)
{
	conn_release(c, false);
	if (c->last) {
		conn_close_soon(c);
		return;
	}
	conn_be_idle(c);
	conn_soon(c);
}

/* --- what it keeps ------------------------------------------------ */

void
http_keep(struct http_conn *c, struct http_kept *k)
{
	if (c->kept != k)
		conn_drop_kept(c);
	c->kept = k;
	k->conn = c;
}

struct http_kept *
http_kept(const struct http_conn *c)
{
	return c->kept;
}

void
http_unkeep(struct http_kept *k)
{
	if (k->conn != NULL)
		k->conn->kept = NULL;
	k->conn = NULL;
}
