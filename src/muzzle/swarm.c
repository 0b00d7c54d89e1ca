/* SPDX-License-Identifier: ISC */
/*
 * What dashboards ask about Swarm and plugins, and take an error for trouble:
 * of an engine without Swarm, its answer is known and given here.  Whether it
 * has one its /info tells; with Swarm these are refused, for there they hold
 * secrets and tokens.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/base/mem.h"
#include "orthrus/http/get.h"

#include "muzzle_private.h"

#define INFO_MAX (1024 * 1024)		/* bytes of an /info */
#define INFO_SECONDS 30
#define JSON_LINE "Content-Type: application/json\r\n"

static const char no_manager[] = "{\"message\":\"This node is not a swarm "
    "manager. Use \\\"docker swarm init\\\" or \\\"docker swarm join\\\" to "
    "connect this node to swarm and try again.\"}\n";

struct swarm_question {
	LIST_ENTRY(swarm_question) next;
	struct muzzle *m;
	struct http_conn *conn;
	struct http_get *info;
	int status;			/* that one without Swarm answers */
	char plugin[128];		/* that is asked for, or "" */
	char route_class[64];		/* of the log */
};

static void
question_free(struct swarm_question *q)
{
	http_get_cancel(q->info);
	LIST_REMOVE(q, next);
	free(q);
}

/* Answers in the words of an engine that has no Swarm. */
static void
answer_without_swarm(struct swarm_question *q)
{
	struct http_conn *c = q->conn;
	char body[sizeof(q->plugin) + 64] = "[]\n";
	int status = q->status;

	if (status == 404)
		snprintf(body, sizeof(body), "{\"message\":\"plugin \\\"%s\\\" "
		    "not found\"}\n", q->plugin);
	q->m->allowed++;
	question_free(q);
	if (status == 503)
		http_reply(c, status, JSON_LINE, no_manager,
		    sizeof(no_manager) - 1);
	else
		http_reply(c, status, JSON_LINE, body, strlen(body));
}

static void
refuse_question(struct swarm_question *q)
{
	static const char why[] = "not let through: this engine has Swarm, or "
	    "does not say that it has none";
	struct http_conn *c = q->conn;

	muzzle_refused(q->m, 403, q->route_class, why);
	question_free(q);
	http_reply_error(c, 403, "", MUZZLE_PREFIX, why);
}

static void
fail_question(struct swarm_question *q, const char *why)
{
	struct http_conn *c = q->conn;
	struct muzzle *m = q->m;

	muzzle_engine_failed(m, why);
	question_free(q);
	muzzle_reply_failure(m, c, "cannot reach the Docker engine", why);
}

/* Does the engine's /info say that it has no Swarm?  A doubt is a no. */
static bool
says_no_swarm(const uint8_t *body, size_t n)
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
on_engine_info(void *arg, int status, const uint8_t *body, size_t n,
    const char *why)
{
	struct swarm_question *q = arg;

	q->info = NULL;
	if (why != NULL)
		fail_question(q, why);
	else if (status == 200 && n > 0 && says_no_swarm(body, n))
		answer_without_swarm(q);
	else
		refuse_question(q);
}

static void
on_question_late(void *arg)
{
	fail_question(arg, "it was silent for too long");
}

static void
on_question_gone(void *arg)
{
	question_free(arg);
}

/*
 * What an engine without Swarm answers to the row of v: 503, or of plugins an
 * empty list or that there is none.  The policy has seen to it that the name
 * of one needs no escape in JSON.
 */
static void
set_answer(struct swarm_question *q, const struct verdict *v)
{
	static const char list[] = "GET /plugins", one[] = "/{name}/json";
	const char *name = strstr(v->target, "/plugins/");
	size_t n = sizeof(list) - 1;

	q->status = 503;
	if (strncmp(v->rule, list, n) != 0)
		return;
	q->status = strcmp(v->rule + n, one) == 0 ? 404 : 200;
	if (q->status == 404 && name != NULL)
		snprintf(q->plugin, sizeof(q->plugin), "%.*s",
		    (int)strcspn(name + 9, "/"), name + 9);
}

void
muzzle_ask_swarm(struct muzzle *m, struct http_conn *c,
    const struct verdict *v)
{
	static const struct http_producer producer = { NULL, NULL,
	    on_question_late, on_question_gone };
	struct swarm_question *q = xcalloc(1, sizeof(*q));

	q->m = m;
	q->conn = c;
	set_answer(q, v);
	memcpy(q->route_class, v->route_class, sizeof(q->route_class));
	LIST_INSERT_HEAD(&m->questions, q, next);
	http_hold(c, &producer, q, 2 * INFO_SECONDS);
	q->info = http_get_start(m->base, &m->way, "GET /info HTTP/1.1\r\n"
	    ENGINE_HEADERS "\r\n", INFO_MAX, INFO_SECONDS, on_engine_info, q);
}

void
muzzle_end_questions(struct muzzle *m)
{
	struct swarm_question *q;

	while ((q = LIST_FIRST(&m->questions)) != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a queue */
		fail_question(q, "it is not shared any more");
}
