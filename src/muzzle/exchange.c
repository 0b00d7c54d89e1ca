/* SPDX-License-Identifier: ISC */
/*
 * One request that a client sends and what becomes of it: it is judged, the
 * engine is asked, and its answer is passed on.  The client's connection may
 * be the Muzzle's own or another server's.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"

#include "answer.h"
#include "muzzle_private.h"
#include "target.h"

#define ANSWER_SECONDS 120	/* the engine's silence, where it must end */
#define ACTION_SECONDS 900	/* a stop may wait for its container */
/*
 * What a client leaves behind that has gone, for the next who comes at once.  No
 * longer, so that an engine that sleeps until it is needed may sleep.
 */
#define SPARE_MS 100		/* once or twice that */

struct exchange {
	LIST_ENTRY(exchange) next;
	struct muzzle *m;
	struct http_conn *conn;
	struct engine *engine;
	struct verdict *verdict;
	struct answer answer;
};

/*
 * A connection to the engine: an exchange's while that lasts, then kept with
 * the client's connection for its next request, then a spare one.
 */
struct engine {
	struct http_kept kept;		/* first */
	LIST_ENTRY(engine) next;
	struct muzzle *m;
	struct http_upstream *upstream;
	struct exchange *exchange;	/* NULL: nothing is asked */
	bool used;			/* it has answered before, and may have
					   closed since */
	bool spare, swept;		/* and for how long */
};

static void send_request(struct exchange *x);

static void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	http_unkeep(&e->kept);
	if (e->exchange != NULL)
		e->exchange->engine = NULL;
	e->m->nspares -= e->spare;
	LIST_REMOVE(e, next);
	http_upstream_free(e->upstream);
	free(e);
}

static void
exchange_free(struct exchange *x)
{
	engine_free(x->engine);
	LIST_REMOVE(x, next);
	x->m->streams -= answer_lasts(x->verdict->kind);
	answer_clear(&x->answer);
	free(x->verdict);
	free(x);
}

/* --- the end of an exchange --------------------------------------- */

/* Ends it without an answer of the engine's, or in the middle of one. */
static void
exchange_give_up(struct exchange *x, const char *what, const char *why)
{
	struct http_conn *c = x->conn;
	struct muzzle *m = x->m;
	bool told = x->answer.told;

	muzzle_engine_failed(m, why);
	exchange_free(x);
	if (told)
		http_cut(c);
	else
		muzzle_reply_failure(m, c, what, why);
}

static void
exchange_fail(struct exchange *x, const char *why)
{
	exchange_give_up(x, "the Docker engine does not answer as it should",
	    why);
}

static void
exchange_complete(struct exchange *x)
{
	struct engine *e = x->engine;
	struct http_conn *c = x->conn;

	muzzle_engine_answered(x->m);
	if (x->answer.reader.answer.keep_alive) {
		http_upstream_rest(e->upstream);
		e->used = true;
		e->exchange = NULL;
		x->engine = NULL;
		http_keep(c, &e->kept);
	}
	exchange_free(x);
	http_end(c);
}

/* --- what the engine says ----------------------------------------- */

/*
 * How much of the answer is taken now.  One that is kept to be looked through
 * comes here in full, whether the client reads or not.
 */
static size_t
on_engine_room(void *arg)
{
	struct exchange *x = ((struct engine *)arg)->exchange;
	size_t room = http_room(x->conn);

	if (answer_is_kept(&x->answer))
		return HTTP_OUT_HIGH;
	if (room == 0)
		http_wait(x->conn);
	return room;
}

static void
on_engine_data(void *arg, const uint8_t *p, size_t n)
{
	struct exchange *x = ((struct engine *)arg)->exchange;
	const char *why = NULL;

	switch (answer_feed(&x->answer, p, n, http_out(x->conn), &why)) {
	case ANSWER_BAD:
		exchange_fail(x, why);
		break;
	case ANSWER_DONE:
		exchange_complete(x);
		break;
	case ANSWER_MORE:
		http_wrote(x->conn, x->answer.body.len);
		if (http_is_full(x->conn))
			exchange_fail(x, "too many large answers at once");
		break;
	}
}

static void
on_engine_lost(void *arg, const char *why)
{
	struct engine *e = arg;
	struct exchange *x = e->exchange;
	bool stale = e->used;
	struct muzzle *m = e->m;

	engine_free(e);
	if (x == NULL) {
		if (why != NULL)
			muzzle_engine_failed(m, why);
	} else if (!http_reader_is_fresh(&x->answer.reader))
		exchange_fail(x, why);
	/* A kept connection may have closed just as we asked: ask again. */
	else if (stale && x->verdict->kind != ANSWER_ACTION)
		send_request(x);
	else
		exchange_give_up(x, "cannot reach the Docker engine", why);
}

/* --- what the engine is asked ------------------------------------- */

/* Spare ones go that were there the last time. */
static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct muzzle *m = arg;
	struct engine *e, *next;

	(void)fd;
	(void)what;
	for (e = LIST_FIRST(&m->spares); e != NULL; e = next) {
		next = LIST_NEXT(e, next);
		if (e->swept)
			engine_free(e);
		else
			e->swept = true;
	}
	if (m->nspares > 0)
		timer_set(m->sweep, SPARE_MS);
}

static void
engine_set_spare(struct engine *e, bool spare)
{
	struct muzzle *m = e->m;

	LIST_REMOVE(e, next);
	if (spare) {
		LIST_INSERT_HEAD(&m->spares, e, next);
		m->nspares++;
	} else {
		LIST_INSERT_HEAD(&m->engines, e, next);
		m->nspares--;
	}
	e->spare = spare;
	e->swept = false;
}

/* The client's connection that kept it has ended. */
static void
on_engine_dropped(struct http_kept *k)
{
	struct engine *e = (struct engine *)k;
	struct muzzle *m = e->m;

	if (m->nspares >= m->spares_max) {
		engine_free(e);
		return;
	}
	engine_set_spare(e, true);
	if (m->sweep == NULL)
		m->sweep = evtimer_new(m->base, on_sweep, m);
	if (m->nspares == 1 && !evtimer_pending(m->sweep, NULL))
		timer_set(m->sweep, SPARE_MS);
}

static struct engine *
engine_new(struct muzzle *m)
{
	static const struct http_upstream_events events = { on_engine_room,
	    on_engine_data, on_engine_lost };
	struct engine *e = xcalloc(1, sizeof(*e));

	e->kept.dropped = on_engine_dropped;
	e->m = m;
	LIST_INSERT_HEAD(&m->engines, e, next);
	e->upstream = http_upstream_new(m->base, &m->way, &events, e);
	return e;
}

/* The one that the client's connection keeps, or a spare one; or NULL. */
static struct engine *
take_old_engine(struct exchange *x)
{
	struct http_kept *k = http_kept(x->conn);
	struct engine *e = (struct engine *)k;

	if (k != NULL && k->dropped == on_engine_dropped && e->m == x->m) {
		http_unkeep(k);
		return e;
	}
	if ((e = LIST_FIRST(&x->m->spares)) != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a queue */
		engine_set_spare(e, false);
	return e;
}

/*
 * An old connection to the engine that is still good, or a new one.  An action
 * always gets a new one: it is never sent twice, as it might be where an old
 * connection turns out to be closed.
 */
static struct engine *
engine_for(struct exchange *x)
{
	struct engine *e;

	while (x->verdict->kind != ANSWER_ACTION &&
	    (e = take_old_engine(x)) != NULL) {
		if (http_upstream_is_quiet(e->upstream))
			return e;
		engine_free(e);
	}
	return engine_new(x->m);
}

static void
send_request(struct exchange *x)
{
	static char text[sizeof(((struct verdict *)0)->target) + 256];
	const struct verdict *v = x->verdict;
	int n;

	x->engine = engine_for(x);
	x->engine->exchange = x;
	n = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\n" ENGINE_HEADERS
	    "Accept: */*\r\n%s\r\n", v->method, v->target,
	    v->kind == ANSWER_ACTION ? "Content-Length: 0\r\n" : "");
	http_upstream_send(x->engine->upstream, text, (size_t)n);
}

/* --- what the client's connection says ---------------------------- */

static void
on_client_more(void *arg)
{
	struct exchange *x = arg;

	http_upstream_resume(x->engine->upstream);
}

static void
on_exchange_late(void *arg)
{
	exchange_fail(arg, "it was silent for too long");
}

static void
on_client_gone(void *arg)
{
	exchange_free(arg);
}

static void reply_refusal(struct muzzle *m, struct http_conn *c,
    const struct verdict *v);

static void
on_client_body(void *arg, const uint8_t *p, size_t n)
{
	struct exchange *x = arg;
	struct muzzle *m = x->m;
	struct http_conn *c = x->conn;
	static struct verdict v;	/* much too large for a stack */

	if (policy_judge_body(x->verdict, p, n) == 0) {
		m->allowed++;
		send_request(x);
		return;
	}
	memcpy(&v, x->verdict, offsetof(struct verdict, target));
	exchange_free(x);
	reply_refusal(m, c, &v);
}

/* --- requests ----------------------------------------------------- */

/* Streams now that are counted in that account. */
static size_t
streams_of(const struct muzzle *m, const struct account *payer)
{
	const struct exchange *x;
	size_t n = 0;

	LIST_FOREACH(x, &m->exchanges, next)
		n += answer_lasts(x->verdict->kind) &&
		    http_payer(x->conn) == payer;
	return n;
}

/* Nobody gets more than a fair share of the places for streams. */
static bool
may_stream(const struct muzzle *m, const struct http_conn *c)
{
	const struct account *payer = http_payer(c);

	if (payer == NULL || m->streams < MUZZLE_STREAMS_MAX / 2)
		return m->streams < MUZZLE_STREAMS_MAX;
	return share_is_fair(streams_of(m, payer), m->streams,
	    MUZZLE_STREAMS_MAX);
}

/* Refuses for what is not in the target: browsers, names, limits, a body. */
static void
check_circumstances(struct muzzle *m, const struct http_conn *c,
    const struct http_request *r, struct verdict *v)
{
	enum caller_kind kind = caller_judge(&r->caller, m->policy.hosts);

	if (kind == CALLER_FOREIGN) {
		verdict_refuse(v, 403, "a Host that DNS can answer for is "
		    "refused, lest it led a web page here; the host's owner "
		    "can list it with --docker-host NAME");
		verdict_about(v, r->caller.host, r->caller.host_len);
	} else if (kind == CALLER_PAGE)
		verdict_refuse(v, 403, "requests from a web page are not "
		    "answered; the host's owner can list a dashboard's own "
		    "site with --docker-host NAME");
	else if (v->status != 0)
		return;
	else if (r->body && v->kind != ANSWER_ACTION)
		verdict_refuse(v, 400, "a body is not allowed");
	else if (answer_lasts(v->kind) && !may_stream(m, c))
		verdict_refuse(v, 429, "too many streams at once");
	else if (!http_may_hold(c))
		verdict_refuse(v, 503, "too many requests at once");
	else if (http_is_full(c) && r->http10 && !answer_lasts(v->kind))
		verdict_refuse(v, 503, "too many large answers at once");
}

static void
reply_refusal(struct muzzle *m, struct http_conn *c, const struct verdict *v)
{
	char text[VERDICT_TEXT_MAX];

	muzzle_refused(m, v->status, v->route_class, v->reason);
	verdict_text(v, text);
	http_reply_error(c, v->status, "", MUZZLE_PREFIX, text);
}

static void
exchange_begin(struct muzzle *m, struct http_conn *c,
    const struct http_request *r, const struct verdict *v)
{
	static const struct http_producer producer = { on_client_body,
	    on_client_more, on_exchange_late, on_client_gone };
	size_t size = offsetof(struct verdict, target) + strlen(v->target) + 1;
	struct exchange *x = xcalloc(1, sizeof(*x));
	bool stream = answer_lasts(v->kind);

	if (stream && r->http10)	/* its end is the connection's */
		http_last(c);
	x->m = m;
	x->conn = c;
	LIST_INSERT_HEAD(&m->exchanges, x, next);
	x->verdict = xreallocarray(NULL, 1, size);
	memcpy(x->verdict, v, size);
	m->streams += stream;
	answer_begin(&x->answer, v, r->http10, http_is_last(c),
	    m->policy.reveal, http_every(c));
	http_hold(c, &producer, x, stream ? 0 : v->kind == ANSWER_ACTION ?
	    ACTION_SECONDS : ANSWER_SECONDS);
	if (r->body) {
		http_take_body(c, r, MUZZLE_BODY_MAX);
		return;
	}
	m->allowed++;
	send_request(x);
}

void
exchange_start(struct muzzle *m, struct http_conn *c,
    const struct http_request *r, const char *target, size_t len, bool strict)
{
	static struct verdict v;	/* much too large for a stack */

	policy_judge(&m->policy, r->method, target, len, &v);
	check_circumstances(m, c, r, &v);
	/*
	 * What follows a body could pass for a request, and so could what
	 * follows a target that is malformed.
	 */
	if (r->body || (strict && (v.status == 400 || v.status == 414)))
		http_last(c);
	if (v.status != 0)
		reply_refusal(m, c, &v);
	else if (v.kind == ANSWER_SWARM)
		muzzle_ask_swarm(m, c, &v);
	else
		exchange_begin(m, c, r, &v);
}

void
muzzle_end_exchanges(struct muzzle *m)
{
	struct exchange *x;
	struct engine *e;

	muzzle_end_questions(m);
	while ((x = LIST_FIRST(&m->exchanges)) != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a queue */
		exchange_give_up(x, "cannot reach the Docker engine",
		    "it is not shared any more");
	while ((e = LIST_FIRST(&m->engines)) != NULL ||
	    (e = LIST_FIRST(&m->spares)) != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a queue */
		engine_free(e);
	if (m->sweep != NULL)
		event_free(m->sweep);
	m->sweep = NULL;
}
