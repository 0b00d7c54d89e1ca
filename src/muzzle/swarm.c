/*
 * What dashboards ask about Swarm and plugins, and take an error for trouble:
 * of an engine without Swarm, its answer is known and given here.  Whether it
 * has one its /info tells; with Swarm these are refused, for there they hold
 * secrets and tokens.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/base/mem.h"
#include "orthrus/http/get.h"

#include "private.h"

#define INFO_MAX (1024 * 1024)		/* bytes of an /info */
#define INFO_SECONDS 30
#define JSON_LINE "Content-Type: application/json\r\n"

struct swarm_question {
	LIST_ENTRY(swarm_question) next;
	struct muzzle *m;
	struct http_conn *conn;
	struct http_get *info;
	bool plugins;			/* are asked for */
	char route_class[64];		/* of the log */
};

static void
question_free(struct swarm_question *q)
{
	http_get_cancel(q->info);
	LIST_REMOVE(q, next);
	free(q);
}

/* As the engine itself says it. */
static void
answer(struct swarm_question *q)
{
	static const char none[] = "[]\n", no_manager[] = "{\"message\":\"This "
	    "node is not a swarm manager. Use \\\"docker swarm init\\\" or "
	    "\\\"docker swarm join\\\" to connect this node to swarm and try "
	    "again.\"}\n";
	struct http_conn *c = q->conn;
	bool plugins = q->plugins;

	q->m->allowed++;
	question_free(q);
	if (plugins)
		http_reply(c, 200, JSON_LINE, none, sizeof(none) - 1);
	else
		http_reply(c, 503, JSON_LINE, no_manager,
		    sizeof(no_manager) - 1);
}

static void
refuse(struct swarm_question *q)
{
	static const char why[] = "not let through: this engine has Swarm, or "
	    "does not say that it has none";
	struct http_conn *c = q->conn;

	muzzle_refused(q->m, 403, q->route_class, why);
	question_free(q);
	http_reply_error(c, 403, "", MUZZLE_PREFIX, why);
}

static void
fail(struct swarm_question *q, const char *why)
{
	struct http_conn *c = q->conn;

	muzzle_engine_failed(q->m, why);
	question_free(q);
	muzzle_reply_failure(c, "cannot reach the Docker engine", why);
}

/* Nothing but the engine's own word for it will do. */
static bool
has_none(const uint8_t *body, size_t n)
{
	json_t *o = json_loadb((const char *)body, n, JSON_REJECT_DUPLICATES,
	    NULL);
	const json_t *swarm = json_object_get(o, "Swarm");
	const char *state = json_string_value(json_object_get(swarm,
	    "LocalNodeState"));
	bool none = state != NULL && strcmp(state, "inactive") == 0 &&
	    !json_is_true(json_object_get(swarm, "ControlAvailable"));

	json_decref(o);
	return none;
}

static void
on_info(void *arg, int status, const uint8_t *body, size_t n, const char *why)
{
	struct swarm_question *q = arg;

	q->info = NULL;
	if (why != NULL)
		fail(q, why);
	else if (status == 200 && n > 0 && has_none(body, n))
		answer(q);
	else
		refuse(q);
}

static void
on_late(void *arg)
{
	fail(arg, "it was silent for too long");
}

static void
on_gone(void *arg)
{
	question_free(arg);
}

void
muzzle_ask_swarm(struct muzzle *m, struct http_conn *c,
    const struct verdict *v)
{
	static const struct http_producer producer = { NULL, NULL, on_late,
	    on_gone };
	struct swarm_question *q = xcalloc(1, sizeof(*q));

	q->m = m;
	q->conn = c;
	q->plugins = strcmp(v->rule, "GET /plugins") == 0;
	memcpy(q->route_class, v->route_class, sizeof(q->route_class));
	LIST_INSERT_HEAD(&m->questions, q, next);
	http_hold(c, &producer, q, 2 * INFO_SECONDS);
	q->info = http_get_start(m->base, &m->way, "GET /info HTTP/1.1\r\n"
	    ENGINE_HEADERS "\r\n", INFO_MAX, INFO_SECONDS, on_info, q);
}

void
muzzle_end_questions(struct muzzle *m)
{
	struct swarm_question *q;

	while ((q = LIST_FIRST(&m->questions)) != NULL)
		fail(q, "it is not shared any more");
}
