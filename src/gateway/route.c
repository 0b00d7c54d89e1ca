/* SPDX-License-Identifier: ISC */
/*
 * Who may go where: a client's direct channels to agents and beyond, and what
 * an agent may listen on, which is its own name.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/proto/allow.h"

#include "gateway.h"

void
route_refused(struct session *s, enum refusal why, const char *text)
{
	unsigned untold;

	if (refused(s->gateway, why, &untold))
		log_event(LEVEL_INFO, SESSION_FIELDS(s,
		    .event = "channel_refused", .reason = text),
		    "%s: refused a channel: %s", session_who(s), text);
}

static void
refuse_channel(struct session *s, struct channel *ch, enum refusal why,
    const char *text)
{
	route_refused(s, why, text);
	channel_refuse(ch, why == REFUSED_OFFLINE ? OPEN_CONNECT_FAILED :
	    why == REFUSED_LIMIT ? OPEN_RESOURCE_SHORTAGE : OPEN_PROHIBITED,
	    text);
}

/* --- names of what agents offer ----------------------------------- */

/* "docker.sock", "9100.sock" */
static bool
read_socket_file(const char *file, uint16_t *port)
{
	const char *dot = strchr(file, '.');

	*port = 0;
	return dot != NULL && strcmp(dot, ".sock") == 0 &&
	    (strcmp(file, "docker.sock") == 0 ||
	    port_parse(file, (size_t)(dot - file), false, port) == 0);
}

/*
 * "/NAME/docker.sock" and "/NAME/9100.sock", or the whole path that such a
 * socket has here.
 */
static bool
read_socket_path(const struct gateway *g, const char *path, struct wish *t)
{
	size_t n = strlen(g->runtime);
	const char *slash;

	if (strncmp(path, g->runtime, n) == 0 &&
	    strncmp(path + n, "/agents/", 8) == 0)
		path += n + 7;
	if (*path++ != '/' || (slash = strchr(path, '/')) == NULL ||
	    (size_t)(slash - path) >= sizeof(t->name))
		return false;
	memset(t->name, 0, sizeof(t->name));
	memcpy(t->name, path, (size_t)(slash - path));
	return name_valid(t->name) && read_socket_file(slash + 1, &t->port);
}

static bool
read_target(const struct gateway *g, const struct address *at,
    struct wish *t)
{
	const struct agent *a;

	if (at->kind == ADDRESS_UNIX)
		return read_socket_path(g, at->path, t);
	if (!leash_host(at->host, t->name))
		return false;
	t->port = at->port;
	/* Docker's own port stands for Docker, unless it is exposed itself. */
	if (at->port != DOCKER_PORT)
		return true;
	a = agents_find(g->agents, t->name);
	t->port = a != NULL && agent_port(a, at->port) != NULL ? at->port : 0;
	return true;
}

/*
 * An agent's login is for what it offers.  Its Docker is for clients whose
 * list has it, so that who has only the agent's key cannot use it from afar.
 */
static bool
may_reach(const struct session *s, const struct wish *t)
{
	switch (s->kind) {
	case SESSION_AGENT:
		return t->port != 0 && strcmp(t->name, s->name) == 0;
	case SESSION_CLIENT:
		return t->port == 0 ? allow_docker(s->allow, t->name) :
		    allow_port(s->allow, t->name, t->port);
	default:
		return false;
	}
}

/* --- direct channels ---------------------------------------------- */

static void
route_egress(struct session *s, struct channel *ch, const struct address *to)
{
	const struct gateway *g = s->gateway;

	if (s->kind != SESSION_CLIENT || !allow_egress(s->allow))
		refuse_channel(s, ch, REFUSED_PERMISSION, "not allowed: it is "
		    "no agent's address (NAME.orthrus), and egress is not "
		    "among this client's permissions");
	else if (to->kind != ADDRESS_TCP || !egress_allows(g->egress,
	    g->negress, to->host, to->port))
		refuse_channel(s, ch, REFUSED_EGRESS, "not allowed: the "
		    "gateway's [egress] allow does not name it");
	else if (!share_is_fair(s->principal->dialled, g->dialled,
	    g->dialled_max))
		refuse_channel(s, ch, REFUSED_LIMIT, "too many connections "
		    "through this gateway at once");
	else
		gateway_stream_dial(s, to, ch);
}

bool
route_open(struct session *s, enum open_failure *reason, const char **text)
{
	if (s->over || s->gateway->stopping) {
		*reason = OPEN_PROHIBITED;
		*text = "this session is ending";
		return false;
	}
	if (s->principal->streams < s->gateway->streams_max)
		return true;
	*reason = OPEN_RESOURCE_SHORTAGE;
	*text = "too many streams at once ([limits] streams)";
	route_refused(s, REFUSED_LIMIT, *text);
	return false;
}

static struct agent *
unreachable(struct wish *w, enum refusal why, const char *text)
{
	w->why = why;
	w->text = text;
	return NULL;
}

static struct agent *
not_allowed(const struct session *s, struct wish *w)
{
	if (s->kind != SESSION_AGENT)
		return unreachable(w, REFUSED_PERMISSION, "not allowed: it is "
		    "not among this client's permissions (charon client "
		    "allow)");
	if (strcmp(w->name, s->name) != 0)
		return unreachable(w, REFUSED_FOREIGN, "not allowed: an agent "
		    "reaches its own name only");
	return unreachable(w, REFUSED_PERMISSION, "not allowed: an agent does "
	    "not use its own Docker from here, a client may (charon client "
	    "add)");
}

struct agent *
route_find(const struct session *s, struct wish *w)
{
	struct agent *a;

	/* Before anything tells whether there is such an agent. */
	if (!may_reach(s, w))
		return not_allowed(s, w);
	if ((a = agents_find(s->gateway->agents, w->name)) == NULL)
		return unreachable(w, REFUSED_UNKNOWN,
		    "there is no such agent");
	if (a->session == NULL)
		return unreachable(w, REFUSED_OFFLINE,
		    s->gateway->enabled ? a->away : DISABLED);
	return a;
}

void
route_direct(struct session *s, struct channel *ch, const struct address *to)
{
	enum open_failure reason;
	struct agent_endpoint *ep;
	const char *text;
	struct wish w;
	struct agent *a;

	if (!route_open(s, &reason, &text))
		channel_refuse(ch, reason, text);
	else if (!read_target(s->gateway, to, &w))
		route_egress(s, ch, to);
	else if ((a = route_find(s, &w)) == NULL)
		refuse_channel(s, ch, w.why, w.text);
	else if (w.port == 0)
		gateway_stream_docker(s, a, ch);
	else if ((ep = agent_port(a, w.port)) == NULL)
		refuse_channel(s, ch, REFUSED_UNKNOWN,
		    "the agent does not offer this port");
	else {
		agent_endpoint_count(ep);
		gateway_stream_agent(s, a, w.port, ch);
	}
}

/* --- what agents listen on ---------------------------------------- */

/* What ssh -R sends when it is told of no address, or of one of its own. */
static bool
is_own_host(const struct session *s, const char *host)
{
	static const char *const any[] = { "", "*", "localhost", "127.0.0.1",
	    "::1", "0.0.0.0", "::" };
	char name[NAME_MAX_LEN];
	size_t i;

	for (i = 0; i < sizeof(any) / sizeof(any[0]); i++)
		if (strcmp(host, any[i]) == 0)
			return true;
	return strcmp(host, s->name) == 0 ||
	    (leash_host(host, name) && strcmp(name, s->name) == 0);
}

static bool
refuse_listen(struct session *s)
{
	unsigned untold;

	if (refused(s->gateway, REFUSED_FOREIGN, &untold))
		log_event(LEVEL_WARN, SESSION_FIELDS(s,
		    .event = "listen_refused"),
		    "%s: refused to listen: an agent listens under its "
		    "own name only, a client not at all", session_who(s));
	return false;
}

static bool
stop_listening(struct session *s, uint16_t port)
{
	if (!session_listen_remove(s, port))
		return false;
	if (port != 0)
		agent_unexpose(s->agent, port);
	return true;
}

bool
route_listen(struct session *s, const struct address *at, bool cancel,
    uint16_t *port)
{
	struct wish t = { .port = at->port };

	if (s->over || s->agent == NULL)
		return refuse_listen(s);
	if (at->kind == ADDRESS_UNIX ?
	    !read_socket_path(s->gateway, at->path, &t) ||
	    strcmp(t.name, s->name) != 0 : !is_own_host(s, at->host))
		return refuse_listen(s);
	/* Port 0 is any when it is asked for, and none that is taken back. */
	if (at->kind == ADDRESS_TCP && at->port == 0) {
		if (cancel)
			return false;
		t.port = session_listen_choose(s);
	}
	if (cancel)
		return stop_listening(s, t.port);
	if (!session_listen_add(s, at, t.port))
		return false;
	if (t.port != 0 && !agent_expose(s->agent, t.port)) {
		session_listen_remove(s, t.port);
		return false;
	}
	if (at->kind == ADDRESS_TCP)
		*port = t.port;
	return true;
}
