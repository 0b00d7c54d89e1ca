/*
 * The HTTP API: where it listens, whom it answers, and what is asked for.
 * The replies themselves are made elsewhere.
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/http/caller.h"
#include "orthrus/transport/listener.h"

#include "gateway.h"
#include "http.h"

#define RETRY_SECONDS 1		/* after accept(2) has failed */
#define AGENTS "/api/v1/agents"

/* --- whom it answers ---------------------------------------------- */

/* What the headers say that matters here. */
struct asked {
	struct caller caller;
	unsigned authorizations;
	bool body;
	const char *authorization;
};

static void
read_headers(struct evhttp_request *req, struct asked *asked)
{
	const struct evkeyval *header;
	const char *name, *value;

	memset(asked, 0, sizeof(*asked));
	TAILQ_FOREACH(header, evhttp_request_get_input_headers(req), next) {
		name = header->key;
		value = header->value;
		caller_header(&asked->caller, name, strlen(name), value,
		    strlen(value));
		if (strcasecmp(name, "Authorization") == 0) {
			asked->authorizations++;
			asked->authorization = value;
		} else if ((strcasecmp(name, "Content-Length") == 0 &&
		    strcmp(value, "0") != 0) ||
		    strcasecmp(name, "Transfer-Encoding") == 0)
			asked->body = true;
	}
}

static void
refuse(struct http *h, struct evhttp_request *req, int status, const char *why)
{
	unsigned untold;

	if (refused(h->gateway, REFUSED_HTTP, &untold))
		log_warn("http: refused a request (%d): %s", status, why);
	http_header(req, "Connection", "close");
	http_message(req, status, "%s", why);
}

static bool
target_is_plain(const char *s)
{
	if (*s != '/')
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

/* Answers what is not to be answered otherwise: true when it was. */
static bool
is_refused(struct http *h, struct evhttp_request *req)
{
	const char *why = NULL;
	enum caller_kind kind;
	struct asked asked;
	int status = 400;

	read_headers(req, &asked);
	kind = caller_judge(&asked.caller, NULL);
	if (req->major != 1 || (req->minor != 0 && req->minor != 1)) {
		req->major = req->minor = 1;
		status = 505;
		why = "only HTTP/1.1 is spoken here";
	} else if (!target_is_plain(evhttp_request_get_uri(req)))
		why = "malformed target";
	else if (asked.caller.hosts > 1 || (asked.caller.hosts == 0 &&
	    req->minor == 1))
		why = "not one Host";
	else if (kind != CALLER_PROGRAM) {
		status = 403;
		why = kind == CALLER_PAGE ? "browsers are not served" :
		    "a Host that DNS can answer for is refused, lest it led "
		    "a browser here; use an address or NAME.localhost";
	} else if (h->needs_token && (asked.authorizations != 1 ||
	    !http_token_matches(h->token, asked.authorization))) {
		status = 401;
		why = "the bearer token of http.token in the gateway's state "
		    "directory is needed";
		http_header(req, "WWW-Authenticate",
		    "Bearer realm=\"charon\"");
	} else if (asked.body) {
		status = 413;
		why = "a request with a body is not taken";
	}
	if (why != NULL)
		refuse(h, req, status, why);
	return why != NULL;
}

/* --- what is asked for -------------------------------------------- */

static void
not_found(struct evhttp_request *req)
{
	http_message(req, 404, "page not found");
}

static void
health(struct http *h, struct http_conn *c, struct evhttp_request *req)
{
	const struct gateway *g = h->gateway;

	(void)c;
	if (g->trouble || g->stopping)
		http_say(req, 503, "text/plain", g->stopping ? "stopping\n" :
		    "the registry is in trouble\n");
	else
		http_say(req, 200, "text/plain", "ok\n");
}

/* Only for reading; Docker's own requests are the Muzzle's to judge. */
static bool
may_only_read(struct evhttp_request *req)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(req);

	if (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD)
		return false;
	http_header(req, "Allow", "GET, HEAD");
	http_message(req, 405, "only GET and HEAD are allowed here");
	return true;
}

/* "NAME" and what follows it. */
static void
route_agent(struct http *h, struct http_conn *c, struct evhttp_request *req,
    const char *path)
{
	size_t n = strcspn(path, "/?");
	const char *rest = path + n;
	bool docker = strncmp(rest, "/docker", 7) == 0 &&
	    strchr("/?", rest[7]) != NULL;
	char name[NAME_MAX_LEN] = "";
	struct agent *a;

	if (n < sizeof(name))
		memcpy(name, path, n);
	if (!docker && may_only_read(req))
		return;
	if (!name_valid(name))
		http_message(req, 400, "no or malformed agent name: 1 to 63 "
		    "of a-z 0-9 - are right");
	else if (docker && !h->gateway->enabled)
		http_message(req, 503, "agents are disabled at this gateway");
	else if (!docker && *rest == '/')
		not_found(req);
	else if ((a = agents_find(h->gateway->agents, name)) == NULL)
		http_message(req, 404, "no such agent: %s", name);
	else if (docker)
		http_docker(h, c, req, a, rest + 7);
	else
		http_agent(req, a);
}

static const struct route {
	const char *path;
	void (*answer)(struct http *h, struct http_conn *c,
	    struct evhttp_request *req);
} routes[] = {
	{ "/healthz", health },
	{ "/metrics", http_metrics },
	{ AGENTS, http_agents }
};

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct http *h = arg;
	struct http_conn *c = http_conn_of(h, req);
	const char *target = evhttp_request_get_uri(req);
	size_t i, n = strcspn(target, "?");

	/* These connections are not kept, where libevent would do so. */
	if (req->type == EVHTTP_REQ_CONNECT)
		req->type = EVHTTP_REQ_TRACE;
	if (req->minor == 0)
		evhttp_remove_header(evhttp_request_get_input_headers(req),
		    "Connection");
	if (is_refused(h, req))
		return;
	if (strncmp(target, AGENTS "/", strlen(AGENTS) + 1) == 0) {
		route_agent(h, c, req, target + strlen(AGENTS) + 1);
		return;
	}
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strlen(routes[i].path) == n &&
		    strncmp(target, routes[i].path, n) == 0) {
			if (!may_only_read(req))
				routes[i].answer(h, c, req);
			return;
		}
	not_found(req);
}

/* --- where it listens --------------------------------------------- */

/* What arg is, is libevent's; the timer lets it accept again. */
static void
on_accept_error(struct evconnlistener *accepting, void *arg)
{
	(void)arg;
	log_warn("http: cannot accept connections: %s; trying again in 1 s",
	    strerror(EVUTIL_SOCKET_ERROR()));
	evconnlistener_disable(accepting);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	http_conns_accept(arg);
}

/* libevent accepts by itself, on a duplicate, which it closes. */
static int
accept_on(struct http *h, int fd, struct error *e)
{
	struct evhttp_bound_socket *bound = NULL;
	int dup = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (dup != -1)
		bound = evhttp_accept_socket_with_handle(h->server, dup);
	if (bound == NULL) {
		if (dup != -1)
			close(dup);
		return error_set(e, EX_OSERR, "cannot serve HTTP: %s",
		    strerror(errno));
	}
	h->accepting[h->naccepting] = evhttp_bound_socket_get_listener(bound);
	evconnlistener_set_error_cb(h->accepting[h->naccepting++],
	    on_accept_error);
	return 0;
}

static struct evhttp *
new_server(struct http *h)
{
	struct evhttp *server = evhttp_new(h->gateway->base);

	if (server == NULL)
		return NULL;
	evhttp_set_max_headers_size(server, HTTP_HEADERS_SIZE);
	evhttp_set_max_body_size(server, HTTP_BODY_MAX);
	evhttp_set_default_content_type(server, NULL);
	evhttp_set_allowed_methods(server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD |
	    EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
	    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT |
	    EVHTTP_REQ_PATCH);
	evhttp_set_gencb(server, on_request, h);
	return server;
}

static int
listen_at(struct http *h, const struct address *at, struct error *e)
{
	int fd;

	if ((h->server = new_server(h)) == NULL)
		return error_set(e, EX_OSERR, "cannot serve HTTP");
	http_conns_watch(h);
	h->listener = listener_new(h->gateway->base, at, NULL, NULL, e);
	if (h->listener == NULL)
		return -1;
	if (at->kind == ADDRESS_UNIX)
		chmod(at->path, 0660);	/* its group may use it, too */
	while ((fd = listener_descriptor(h->listener, h->naccepting)) != -1)
		if (accept_on(h, fd, e) == -1)
			return -1;
	return 0;
}

int
http_start(struct gateway *g, const struct address *at, const char *state,
    struct error *e)
{
	struct timeval tv = { RETRY_SECONDS, 0 };
	char text[ADDRESS_TEXT_MAX];
	struct http *h;

	if (at->kind == ADDRESS_NONE)
		return 0;
	g->http = h = xcalloc(1, sizeof(*h));
	h->gateway = g;
	h->needs_token = at->kind == ADDRESS_TCP;
	if (h->needs_token && http_token_load(state, h->token, e) == -1)
		return -1;
	if (listen_at(h, at, e) == -1)
		return -1;
	h->retry = event_new(g->base, -1, EV_PERSIST, on_retry, h);
	event_add(h->retry, &tv);
	log_info("http: listening on %s", address_format(at, text));
	return 0;
}

void
http_stop(struct http *h)
{
	if (h == NULL)
		return;
	if (h->retry != NULL)
		event_free(h->retry);
	h->naccepting = 0;
	if (h->server != NULL)
		http_conns_free(h);
	listener_free(h->listener);
	sodium_memzero(h->token, sizeof(h->token));
	free(h);
}
