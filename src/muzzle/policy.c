/* SPDX-License-Identifier: ISC */
/*
 * The policy: a target is taken apart, matched against the table, and written
 * anew.  What no row names is refused.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/span.h"

#include "parameters.h"
#include "target.h"

enum { M_GET = 1, M_HEAD = 2, M_POST = 4 };

/*
 * All but _ping and logs is JSON, and looked through for secrets: any of it may
 * hold a URL with a password.
 *
 * Patterns: "{name}" is the name of a container, a network or a volume, one
 * segment; "{id}" one of Swarm's; "{image}" one or more segments.
 */
struct route {
	unsigned methods;
	const char *pattern;
	struct parameter_rules parameters;
	enum answer_kind kind;
	unsigned action;		/* that opens it; 0: always open */
	const char *rule;		/* for people */
};

#define CONTAINER "/containers/{name}"
#define DISTRIBUTION "/distribution/{image}/json"
#define NONE { "", "", "", false }
#define PASS(names) { names, "", "", false }
#define PASS_DROP(names, dropped) { names, dropped, "", false }

/*
 * Dropped is what clients say though it changes nothing: defaults that they
 * write out, and what no engine reads any more (trunc_cmd, only_ids).
 */
static const struct route routes[] = {
	{ M_GET | M_HEAD, "/_ping", NONE, ANSWER_WHOLE, 0, "GET /_ping" },
	{ M_GET, "/version", NONE, ANSWER_REDACTED, 0, "GET /version" },
	{ M_GET, "/info", NONE, ANSWER_REDACTED, 0, "GET /info" },
	{ M_GET, "/containers/json",
	    PASS_DROP("all size since before limit filters",
	    "limit=-1 trunc_cmd"), ANSWER_REDACTED, 0,
	    "GET /containers/json" },
	{ M_GET, CONTAINER "/json", PASS("size"), ANSWER_REDACTED, 0,
	    "GET " CONTAINER "/json" },
	{ M_GET, CONTAINER "/logs",
	    PASS_DROP("follow stdout stderr since until timestamps tail",
	    "details=false"), ANSWER_STREAM, 0, "GET " CONTAINER "/logs" },
	{ M_GET, CONTAINER "/stats", PASS("stream one-shot"), ANSWER_EVENTS, 0,
	    "GET " CONTAINER "/stats" },
	{ M_GET, CONTAINER "/top", PASS_DROP("", "ps_args=-ef"),
	    ANSWER_READINGS, 0, "GET " CONTAINER "/top" },
	{ M_GET, CONTAINER "/changes", NONE, ANSWER_REDACTED, 0,
	    "GET " CONTAINER "/changes" },
	{ M_GET, "/images/json",
	    { "all filter filters shared-size manifests identity digests",
	    "filter= only_ids", "", true }, ANSWER_REDACTED, 0,
	    "GET /images/json" },
	{ M_GET, "/images/{image}/json", PASS("manifests platform"),
	    ANSWER_REDACTED, 0, "GET /images/{image}/json" },
	{ M_GET, "/images/{image}/history", PASS("manifests platform"),
	    ANSWER_REDACTED, 0, "GET /images/{image}/history" },
	/* The engine dials what the client names: only where it is listed. */
	{ M_GET, DISTRIBUTION, NONE, ANSWER_REDACTED, 0, "GET " DISTRIBUTION },
	{ M_GET, "/networks", PASS("filters"), ANSWER_REDACTED, 0,
	    "GET /networks" },
	/* The one list that engines give with a slash behind it, too. */
	{ M_GET, "/networks/", PASS("filters"), ANSWER_REDACTED, 0,
	    "GET /networks/" },
	{ M_GET, "/networks/{name}", PASS("verbose scope"), ANSWER_REDACTED, 0,
	    "GET /networks/{name}" },
	{ M_GET, "/volumes", PASS("filters"), ANSWER_REDACTED, 0,
	    "GET /volumes" },
	{ M_GET, "/volumes/{name}", NONE, ANSWER_REDACTED, 0,
	    "GET /volumes/{name}" },
	{ M_GET, "/system/df", { "type verbose", "",
	    "type=container/image/volume/build-cache", false },
	    ANSWER_REDACTED, 0, "GET /system/df" },
	{ M_GET, "/events", PASS_DROP("since until filters",
	    "stream=1/true"), ANSWER_EVENTS, 0, "GET /events" },
	/* See swarm.c: the engine is never asked these. */
	{ M_GET, "/plugins", PASS("filters"), ANSWER_SWARM, 0,
	    "GET /plugins" },
	{ M_GET, "/plugins/{name}/json", NONE, ANSWER_SWARM, 0,
	    "GET /plugins/{name}/json" },
	{ M_GET, "/swarm", NONE, ANSWER_SWARM, 0, "GET /swarm" },
	{ M_GET, "/services",
	    PASS_DROP("filters status insertDefaults", "all"), ANSWER_SWARM,
	    0, "GET /services" },
	{ M_GET, "/services/{id}", PASS("insertDefaults"), ANSWER_SWARM, 0,
	    "GET /services/{id}" },
	{ M_GET, "/nodes", PASS("filters"), ANSWER_SWARM, 0, "GET /nodes" },
	{ M_GET, "/nodes/{id}", NONE, ANSWER_SWARM, 0,
	    "GET /nodes/{id}" },
	{ M_GET, "/tasks", PASS("filters"), ANSWER_SWARM, 0, "GET /tasks" },
	{ M_GET, "/tasks/{id}", NONE, ANSWER_SWARM, 0,
	    "GET /tasks/{id}" },
	{ M_POST, CONTAINER "/start", PASS_DROP("",
	    "detachKeys=ctrl-p,ctrl-q checkpoint= checkpoint-dir="),
	    ANSWER_ACTION, ACTION_START, "POST " CONTAINER "/start" },
	{ M_POST, CONTAINER "/stop", PASS("t signal"), ANSWER_ACTION,
	    ACTION_STOP, "POST " CONTAINER "/stop" },
	{ M_POST, CONTAINER "/restart", PASS("t signal"), ANSWER_ACTION,
	    ACTION_RESTART, "POST " CONTAINER "/restart" },
	{ M_POST, CONTAINER "/kill", PASS("signal"), ANSWER_ACTION,
	    ACTION_KILL, "POST " CONTAINER "/kill" },
	{ M_POST, CONTAINER "/pause", NONE, ANSWER_ACTION, ACTION_PAUSE,
	    "POST " CONTAINER "/pause" },
	{ M_POST, CONTAINER "/unpause", NONE, ANSWER_ACTION, ACTION_UNPAUSE,
	    "POST " CONTAINER "/unpause" },
};

#define NROUTES (sizeof(routes) / sizeof(routes[0]))

static const char *const action_words[] = {
	"start", "stop", "restart", "kill", "pause", "unpause"
};

#define NACTIONS (sizeof(action_words) / sizeof(action_words[0]))

static const char *
copy_list(const char *list)
{
	return list == NULL ? NULL : xstrdup(list);
}

static void
free_list(const char *list)
{
	free((char *)(uintptr_t)list);
}

struct policy
policy_copy(const struct policy *p)
{
	struct policy copy = *p;

	copy.hosts = copy_list(p->hosts);
	copy.reveal = copy_list(p->reveal);
	copy.registries = copy_list(p->registries);
	return copy;
}

void
policy_clear(struct policy *copy)
{
	free_list(copy->hosts);
	free_list(copy->reveal);
	free_list(copy->registries);
	memset(copy, 0, sizeof(*copy));
}

struct policy
policy_narrow(struct policy p, const struct policy_limits *by)
{
	p.actions &= ~by->actions_closed;
	p.redact |= by->redact_always;
	if (by->redact_always)
		p.reveal = NULL;
	return p;
}

int
policy_action(const char *word, unsigned *actions, struct error *e)
{
	size_t i;

	for (i = 0; i < NACTIONS; i++)
		if (strcmp(word, action_words[i]) == 0) {
			*actions |= 1u << i;
			return 0;
		}
	return error_set(e, EX_CONFIG, "\"%s\" is not an action that can be "
	    "opened: expected start, stop, restart, kill, pause or unpause",
	    word);
}

static const char *
action_word(unsigned action)
{
	size_t i;

	for (i = 0; i < NACTIONS; i++)
		if (action == 1u << i)
			return action_words[i];
	return "";
}

/* --- matching --------------------------------------------------------- */

/* A letter or digit, then these and what else stands in more. */
static bool
is_word(const char *s, const char *more)
{
	if (!is_alnum((unsigned char)*s))
		return false;
	while (is_alnum((unsigned char)*s) || (*s != '\0' &&
	    strchr(more, *s) != NULL))
		s++;
	return *s == '\0';
}

/* Docker's own rule: [a-zA-Z0-9][a-zA-Z0-9_.-]* */
static bool
is_docker_name(const char *s)
{
	return is_word(s, "_.-");
}

/* A segment of a reference: registry:5000, org, repo:tag@sha256:... */
static bool
is_image_part(const char *s)
{
	return is_word(s, "_.-:@");
}

/*
 * How many segments the next part of a pattern takes, 0 when it does not fit.
 * A name takes what could be an image, too: the CLI asks for a container of
 * that name first, and wants to hear that there is none.
 */
static size_t
segments_taken(const char *part, size_t part_len, const struct target *t,
    size_t at, size_t after)
{
	size_t many = t->nsegments - after - at, i;

	if (part_len == 4 && memcmp(part, "{id}", 4) == 0)
		return is_docker_name(t->segments[at]);
	if (part[0] == '{') {
		for (i = 0; i < many; i++)
			if (!is_image_part(t->segments[at + i]))
				return 0;
		return many;
	}
	return strlen(t->segments[at]) == part_len &&
	    memcmp(t->segments[at], part, part_len) == 0;
}

/* Does the path fit?  *wide: {name} stands for something that is no name. */
static bool
route_matches(const struct route *r, const struct target *t, bool *wide)
{
	const char *p = r->pattern, *end;
	size_t at = 0, left = 0, n;
	uint32_t image = 0;	/* segments that are its name: a bit each */

	*wide = false;
	for (end = p; *end != '\0'; end++)
		left += *end == '/';
	while (*p == '/') {
		p++;
		end = p + strcspn(p, "/");
		left--;
		if (at + left >= t->nsegments)
			return false;
		n = segments_taken(p, (size_t)(end - p), t, at, left);
		if (n == 0)
			return false;
		if (strncmp(p, "{name}", 6) == 0 &&
		    (n > 1 || !is_docker_name(t->segments[at])))
			*wide = true;
		if (strncmp(p, "{image}", 7) == 0)
			image = ((UINT32_C(1) << n) - 1) << at;
		at += n;
		p = end;
	}
	return at == t->nsegments && (t->coded & ~image) == 0;
}

static unsigned
method_bit(const char *method, const char **canonical)
{
	static const struct { const char *name; unsigned bit; } known[] = {
		{ "GET", M_GET }, { "HEAD", M_HEAD }, { "POST", M_POST }
	};
	size_t i;

	for (i = 0; i < 3; i++)
		if (strcmp(method, known[i].name) == 0) {
			*canonical = known[i].name;
			return known[i].bit;
		}
	return 0;
}

/* Writes the class for the log, of fixed words: never the client's own. */
static void
classify_route(const char *method, const struct target *t, struct verdict *v)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT",
	    "DELETE", "PATCH", "OPTIONS" };
	static const char *const first[] = { "_ping", "auth", "build",
	    "commit", "configs", "containers", "debug", "distribution",
	    "events", "exec", "grpc", "images", "info", "libpod", "networks",
	    "nodes", "plugins", "secrets", "services", "session", "swarm",
	    "system", "tasks", "version", "volumes" };
	static const char *const last[] = { "archive", "attach", "changes",
	    "connect", "copy", "create", "df", "disconnect", "exec", "export",
	    "get", "history", "json", "kill", "load", "logs", "pause",
	    "prune", "push", "rename", "resize", "restart", "search", "start",
	    "stats", "stop", "tag", "top", "unpause", "update", "wait", "ws" };
	const char *m = "OTHER", *f = "other", *l = "";
	size_t i, n = t->nsegments;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(method, methods[i]) == 0)
			m = methods[i];
	for (i = 0; n > 0 && i < sizeof(first) / sizeof(first[0]); i++)
		if (strcmp(t->segments[0], first[i]) == 0)
			f = first[i];
	for (i = 0; n > 1 && i < sizeof(last) / sizeof(last[0]); i++)
		if (strcmp(t->segments[n - 1], last[i]) == 0)
			l = last[i];
	snprintf(v->route_class, sizeof(v->route_class), "%s %s%s%s", m, f,
	    l[0] != '\0' ? "/.../" : "", l);
}

/* The row for this request, or NULL with the refusal. */
static const struct route *
find_route(const struct target *t, unsigned method, struct verdict *v)
{
	const struct route *other = NULL;
	bool wide;
	size_t i;

	for (i = 0; i < NROUTES; i++) {
		if (!route_matches(&routes[i], t, &wide))
			continue;
		if (!(routes[i].methods & method)) {
			/* "networks/create" is a verb, not a network. */
			if (strchr(v->route_class, '/') == NULL ||
			    strstr(routes[i].pattern, "{name}") == NULL ||
			    routes[i].pattern[strlen(routes[i].pattern) - 1] !=
			    '}')
				other = &routes[i];
			continue;
		}
		v->rule = routes[i].rule;
		if (!wide)
			return &routes[i];
		verdict_refuse(v, 404, "no such object: a name here has only "
		    "letters, digits, and _ . -");
		return NULL;
	}
	if (t->coded != 0)
		verdict_refuse(v, 400, BAD_CODE);
	else if (other != NULL) {
		v->rule = other->rule;
		verdict_refuse(v, 405, "not with this method; only %s is let "
		    "through", other->rule);
	} else
		verdict_refuse(v, 403, "%s is not let through: only harmless "
		    "reads are", v->route_class);
	return NULL;
}

bool
answer_lasts(enum answer_kind kind)
{
	return kind == ANSWER_STREAM || kind == ANSWER_EVENTS;
}

/* Logs and statistics last where that is asked. */
static enum answer_kind
kind_by_parameters(const struct route *r, const struct target *t)
{
	const char *value;
	size_t n = strlen(r->pattern);

	if (strcmp(r->pattern + n - 5, "/logs") == 0) {
		value = parameter_value(t, "follow");
		return value != NULL && parameter_is_true(value) ? ANSWER_STREAM :
		    ANSWER_WHOLE;
	}
	if (n > 6 && strcmp(r->pattern + n - 6, "/stats") == 0) {
		value = parameter_value(t, "stream");
		return value == NULL || value[0] == '\0' ||
		    parameter_is_true(value) ? ANSWER_EVENTS :
		    ANSWER_READINGS;
	}
	return r->kind;
}

static enum answer_kind
kind_of(const struct policy *p, const struct route *r, const struct target *t)
{
	enum answer_kind kind = kind_by_parameters(r, t);

	if (p->redact)
		return kind;
	switch (kind) {
	case ANSWER_REDACTED:
	case ANSWER_READINGS:
		return ANSWER_WHOLE;
	case ANSWER_EVENTS:
		return ANSWER_STREAM;
	default:
		return kind;
	}
}

/*
 * The registry of the image whose name begins with the second segment, as the
 * engine finds it: what stands before the first slash, if it looks like a host.
 */
static struct span
registry_of(const struct target *t)
{
	static const char hub[] = "docker.io";
	struct span first = { t->segments[1], strlen(t->segments[1]) };
	size_t i;
	bool host = strpbrk(first.p, ".:") != NULL ||
	    strcmp(first.p, "localhost") == 0;

	for (i = 0; i < first.len; i++)
		host |= first.p[i] >= 'A' && first.p[i] <= 'Z';
	if (!host || t->nsegments == 3 || strcmp(first.p, "index.docker.io") ==
	    0)
		return (struct span){ hub, sizeof(hub) - 1 };
	return first;
}

static int
check_registry(const struct policy *p, const struct target *t,
    struct verdict *v)
{
	struct span registry = registry_of(t);

	if (span_in_list(registry, p->registries, strncasecmp))
		return 0;
	verdict_about(v, registry.p, registry.len);
	return verdict_refuse(v, 403, "a registry that is not open on %s; "
	    "the host's owner can list it with --docker-registry HOST",
	    v->rule);
}

void
verdict_text(const struct verdict *v, char text[VERDICT_TEXT_MAX])
{
	bool about = v->about[0] != '\0';

	snprintf(text, VERDICT_TEXT_MAX, "%s%s%s%s", about ? "\"" : "",
	    v->about, about ? "\": " : "", v->reason);
}

void
policy_judge(const struct policy *p, const char *method, const char *target,
    size_t len, struct verdict *v)
{
	static struct target t;		/* one thread; too big for a stack */
	const struct route *r;
	unsigned bit;

	memset(v, 0, offsetof(struct verdict, target));
	v->target[0] = '\0';
	v->rule = "none";
	v->method = "";
	snprintf(v->route_class, sizeof(v->route_class), "malformed");
	if (target_read(&t, target, len, v) == -1)
		return;
	classify_route(method, &t, v);
	bit = method_bit(method, &v->method);
	r = find_route(&t, bit, v);
	if (t.repeated && (r == NULL || r->parameters.words[0] == '\0'))
		verdict_refuse(v, 400, TWICE);
	if (v->status != 0)
		return;
	if (r->action != 0 && !(p->actions & r->action)) {
		verdict_refuse(v, 403, "%s is not open here; the host's owner "
		    "can open it with --docker-allow %s", r->rule,
		    action_word(r->action));
		return;
	}
	if (strcmp(r->pattern, DISTRIBUTION) == 0 &&
	    check_registry(p, &t, v) == -1)
		return;
	if (parameters_judge(&t, &r->parameters, v) == -1)
		return;
	v->kind = kind_of(p, r, &t);
	v->redact = p->redact;
	v->head = bit == M_HEAD;
	target_write(&t, v);
}

int
policy_judge_body(struct verdict *v, const uint8_t *p, size_t n)
{
	static struct target t;
	size_t i = 0;

	while (routes[i].rule != v->rule)
		i++;
	if (target_read(&t, v->target, strlen(v->target), v) == -1)
		return -1;
	return parameters_judge_body(&t, &routes[i].parameters, p, n, v);
}

bool
policy_row(size_t i, struct policy_row *row)
{
	static const char *const methods[] = { [M_GET] = "GET",
	    [M_GET | M_HEAD] = "GET, HEAD", [M_POST] = "POST" };

	if (i >= NROUTES)
		return false;
	row->methods = methods[routes[i].methods];
	row->pattern = routes[i].pattern;
	row->parameters = routes[i].parameters.passed;
	row->dropped = routes[i].parameters.dropped;
	row->action = action_word(routes[i].action);
	row->kind = routes[i].kind;
	return true;
}
