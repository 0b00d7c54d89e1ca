/* SPDX-License-Identifier: ISC */
/*
 * The HTTP API: where it listens, whom it answers, and what is asked for.
 * The answers themselves are made elsewhere.
 */
#include "config.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/span.h"
#include "orthrus/gateway/front.h"
#include "orthrus/muzzle/muzzle.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"
#include "orthrus/transport/endpoint.h"
#include "orthrus/transport/listener.h"

#include "api_private.h"

#define CONNS_MAX 256
/*
 * So many of them may have answers that take their time, so that health and
 * metrics are always answered; for one agent's Docker a fair share of these,
 * so that an agent that drips its answers does not have them all.
 */
#define HOLDS_MAX 192
#define AGENTS "/api/v1/agents"

/* Those who come one way. */
struct face {
	struct api *api;
	struct http_server *server;
	bool needs_token;
	bool named;		/* by TLS: its Host is what DNS calls us */
};

struct api {
	struct gateway *gateway;
	struct event_base *base;
	struct face local, secure;	/* of [http], and of [tls] */
	struct listener *listener;
	char token[TOKEN_LEN + 1];	/* wiped */
};

/* --- whom it answers ---------------------------------------------- */

static void
count_refusal(struct api *api, int status, const char *why)
{
	unsigned untold;

	if (refused(api->gateway, REFUSED_HTTP, &untold))
		log_warn("http: refused a request (%d): %s", status, why);
}

static const char no_body[] = "a request with a body is not taken";

static void
api_refuse(struct api *api, struct http_conn *c, int status, const char *why)
{
	count_refusal(api, status, why);
	http_reply_message(c, status, status == 401 ?
	    "WWW-Authenticate: Bearer realm=\"charon\"\r\n" : "", "%s", why);
}

static bool
target_is_plain(const struct http_request *r)
{
	size_t i;

	for (i = 0; i < r->target_len; i++)
		if ((unsigned char)r->target[i] <= ' ' ||
		    (unsigned char)r->target[i] >= 0x7f)
			return false;
	return r->target[0] == '/';
}

static bool
has_token(const struct api *api, const struct http_request *r)
{
	struct span value;

	return http_request_header(r, "Authorization", &value) == 1 &&
	    token_matches(api->token, value.p, value.len);
}

/* 0, or the status of a request that is not looked at any further. */
static int
judge_request(const struct face *face, const struct http_request *r,
    const char **why)
{
	enum caller_kind kind = caller_judge(&r->caller, NULL);

	/* There the token says who asks, which a page does not have. */
	if (kind == CALLER_FOREIGN && face->named)
		kind = CALLER_PROGRAM;
	if (!target_is_plain(r)) {
		*why = "malformed target";
		return 400;
	}
	if (kind != CALLER_PROGRAM) {
		*why = kind == CALLER_PAGE ? "browsers are not served" :
		    "a Host that DNS can answer for is refused, lest it led a "
		    "web page here; say localhost";
		return 403;
	}
	if (face->needs_token && !has_token(face->api, r)) {
		*why = "the bearer token of http.token in the gateway's state "
		    "directory is needed";
		return 401;
	}
	return 0;
}

/*
 * Counts a request that could not be read, or whose body could not.  Who is
 * silent for too long gets no answer, only the end of the connection.
 */
static int
on_api_refused(void *arg, int status, bool body, const char **why)
{
	if (body) {
		status = 413;
		*why = no_body;
	} else if (status == 431)
		status = 400;
	count_refusal(((const struct face *)arg)->api, status, *why);
	return status == 408 ? 0 : status;
}

/* --- what is asked for -------------------------------------------- */

static void
reply_not_found(struct http_conn *c)
{
	http_reply_message(c, 404, "", "page not found");
}

static void
answer_health(struct gateway *g, struct http_conn *c)
{
	const char *trouble = gateway_trouble(g);
	char *text = xasprintf("%s\n", trouble != NULL ? trouble : "ok");

	http_reply(c, trouble != NULL ? 503 : 200,
	    "Content-Type: text/plain\r\n", text, strlen(text));
	free(text);
}

/* Our own routes take no body and are only read: true when r is refused. */
static bool
refuse_all_but_reads(struct api *api, struct http_conn *c,
    const struct http_request *r)
{
	if (r->body) {
		api_refuse(api, c, 413, no_body);
		return true;
	}
	if (strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0)
		return false;
	http_reply_message(c, 405, "Allow: GET, HEAD\r\n",
	    "only GET and HEAD are allowed here");
	return true;
}

/* Is one more answer that takes its time within payer's share of them? */
static bool
has_fair_hold(const struct api *api, const struct account *payer)
{
	return share_is_fair(
	    http_server_holds_of(api->local.server, payer) +
	    http_server_holds_of(api->secure.server, payer),
	    http_server_holds(api->local.server) +
	    http_server_holds(api->secure.server), HOLDS_MAX);
}

/*
 * Hands a request to the Muzzle of agent a, which judges rest, what follows
 * "/docker" in the target, without any of it having been decoded here.
 */
static void
answer_docker(struct api *api, struct http_conn *c,
    const struct http_request *r, struct agent *a, struct span rest)
{
	static char target[HTTP_HEAD_MAX];
	struct account *payer;
	struct muzzle *m;
	const char *why;

	if ((m = agent_docker(a, &payer, &why)) == NULL) {
		http_reply_message(c, 502, "", "%s", why);
		return;
	}
	http_pay(c, payer);
	if (!has_fair_hold(api, payer))
		http_reply_message(c, 503, "",
		    "too many requests to Docker at once");
	else if (rest.len > 0 && *rest.p == '/')
		muzzle_serve(m, c, r, rest.p, rest.len);
	else {
		target[0] = '/';
		memcpy(target + 1, rest.p, rest.len);
		muzzle_serve(m, c, r, target, rest.len + 1);
	}
}

/* Answers what is asked of one agent; path is "NAME" and what follows it. */
static void
route_agent(struct api *api, struct http_conn *c,
    const struct http_request *r, struct span path)
{
	static const char docker_path[] = "/docker";
	const size_t skip = sizeof(docker_path) - 1;
	struct span rest = path;
	char name[NAME_MAX_LEN] = "";
	struct agent *a;
	bool docker;

	while (rest.len > 0 && *rest.p != '/' && *rest.p != '?') {
		rest.p++;
		rest.len--;
	}
	if (path.len - rest.len < sizeof(name))
		memcpy(name, path.p, path.len - rest.len);
	docker = rest.len >= skip && memcmp(rest.p, docker_path, skip) == 0 &&
	    (rest.len == skip || strchr("/?", rest.p[skip]) != NULL);
	if (!docker && refuse_all_but_reads(api, c, r))
		return;
	if (!name_valid(name))
		http_reply_message(c, 400, "", "no or malformed agent name: 1 "
		    "to 63 of a-z 0-9 - are right");
	else if (docker && !gateway_is_enabled(api->gateway))
		http_reply_message(c, 503, "",
		    "agents are disabled at this gateway");
	else if (!docker && rest.len > 0 && *rest.p == '/')
		reply_not_found(c);
	else if ((a = gateway_agent(api->gateway, name)) == NULL)
		http_reply_message(c, 404, "", "no such agent: %s", name);
	else if (docker)
		answer_docker(api, c, r, a, (struct span){ rest.p + skip,
		    rest.len - skip });
	else
		answer_agent(api->gateway, c, a);
}

static const struct route {
	const char *path;
	void (*answer)(struct gateway *g, struct http_conn *c);
} routes[] = {
	{ "/healthz", answer_health },
	{ "/metrics", answer_metrics },
	{ AGENTS, answer_agents }
};

static void
route_request(struct api *api, struct http_conn *c,
    const struct http_request *r)
{
	const size_t below = sizeof(AGENTS "/") - 1;
	const char *query = memchr(r->target, '?', r->target_len);
	size_t i, n = query != NULL ? (size_t)(query - r->target) :
	    r->target_len;

	if (r->target_len >= below &&
	    memcmp(r->target, AGENTS "/", below) == 0) {
		route_agent(api, c, r, (struct span){ r->target + below,
		    r->target_len - below });
		return;
	}
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strlen(routes[i].path) == n &&
		    memcmp(r->target, routes[i].path, n) == 0) {
			if (!refuse_all_but_reads(api, c, r))
				routes[i].answer(api->gateway, c);
			return;
		}
	if (r->body)
		api_refuse(api, c, 413, no_body);
	else
		reply_not_found(c);
}

/* Is it a method of RFC 9110 section 9 or RFC 5789?  Else the answer is 501. */
static bool
is_method(const char *method)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT",
	    "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH" };
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(method, methods[i]) == 0)
			return true;
	return false;
}

static void
on_api_request(void *arg, struct http_conn *c, const struct http_request *r)
{
	const struct face *face = arg;
	struct api *api = face->api;
	const char *why;
	int status = judge_request(face, r, &why);

	http_pay(c, NULL);		/* the one before may have been Docker's */
	/* What follows a body that is not read could pass for a request. */
	if (r->http10 || r->body || status != 0)
		http_last(c);
	if (status != 0)
		api_refuse(api, c, status, why);
	else if (!is_method(r->method))
		http_reply_message(c, 501, "", "a method that is not known");
	else
		route_request(api, c, r);
}

/* --- where it listens --------------------------------------------- */

static void
on_api_closed(void *arg)
{
	const struct api *api = ((const struct face *)arg)->api;

	if (api->listener != NULL)
		listener_hold(api->listener, false);
}

static void
on_api_accept(void *arg, int fd)
{
	struct api *api = arg;

	relay_start(socket_endpoint_new(api->base, fd, NULL, 0),
	    http_conn_new(api->local.server, NULL), NULL, NULL);
	if (http_server_conns(api->local.server) >= CONNS_MAX)
		listener_hold(api->listener, true);
}

/* By TLS come those who have the token; others hear that nothing is there. */
static bool
on_api_may(void *arg, const struct http_request *r)
{
	return has_token(arg, r);
}

static void
on_api_take(void *arg, struct transport *t)
{
	struct api *api = arg;

	relay_start(transport_endpoint_new(api->base, t),
	    http_conn_new(api->secure.server, NULL), NULL, NULL);
}

static const struct http_service api_service = {
	.conns_max = CONNS_MAX, .unhurried = 0, .prefix = "",
	.every = "X-Content-Type-Options: nosniff\r\n",
	.own = "Cache-Control: no-store\r\n",
	.request = on_api_request, .refused = on_api_refused,
	.closed = on_api_closed
};

static const struct front_api by_tls = { on_api_may, on_api_take };

static void
make_face(struct api *api, struct face *face)
{
	face->api = api;
	face->server = http_server_new(api->base, &api_service, face);
}

int
api_start(struct api **started, struct gateway *g, struct event_base *base,
    const struct address *at, bool tls, const char *state, struct error *e)
{
	char text[ADDRESS_TEXT_MAX];
	struct api *api;

	*started = NULL;
	if (at->kind == ADDRESS_NONE)
		return 0;
	*started = api = xcalloc(1, sizeof(*api));
	api->gateway = g;
	api->base = base;
	api->local.needs_token = at->kind == ADDRESS_TCP;
	api->secure.needs_token = api->secure.named = true;
	if ((tls || api->local.needs_token) &&
	    token_load(state, api->token, e) == -1)
		return -1;
	make_face(api, &api->local);
	make_face(api, &api->secure);
	if (tls)
		gateway_serve_api(g, &by_tls, api);
	api->listener = listener_new(base, at, on_api_accept, api, e);
	if (api->listener == NULL)
		return -1;
	listener_label(api->listener, "http: ");
	if (at->kind == ADDRESS_UNIX)
		chmod(at->path, 0660);	/* its group may use it, too */
	log_info("http: listening on %s", address_format(at, text));
	return 0;
}

void
api_stop(struct api *api)
{
	if (api == NULL)
		return;
	gateway_serve_api(api->gateway, NULL, NULL);
	listener_free(api->listener);
	api->listener = NULL;
	http_server_free(api->local.server);
	http_server_free(api->secure.server);
	sodium_memzero(api->token, sizeof(api->token));
	free(api);
}
