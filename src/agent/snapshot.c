/* SPDX-License-Identifier: ISC */
/* What "orthrus status --json" shows, made with jansson. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/ssh/identity.h"

#include "orthrus.h"
#include "enroll.h"
#include "at_gateway.h"

static const char *
state_text(const struct orthrus *a, const struct link_info *info)
{
	static const char *const text[] = {
		[LINK_CONNECTING] = "connecting",
		[LINK_CONNECTED] = "connected",
		[LINK_BACKOFF] = "backoff"
	};

	if (a->stopping)
		return "stopping";
	/*
	 * A session that only enrols is of no use to anybody, and not
	 * "connected".
	 */
	if (a->link == NULL && info->state == LINK_CONNECTED)
		return text[LINK_CONNECTING];
	return text[info->state];
}

static json_t *
time_json(int64_t when)
{
	char text[TIME_TEXT_MAX];

	return json_string(time_text(when, text));
}

static json_t *
certificate_json(const struct certificate *c)
{
	char serial[24];

	if (c == NULL)
		return json_null();
	/*
	 * The serial is text, since many readers of JSON have no 64 bits for a
	 * number.
	 */
	snprintf(serial, sizeof(serial), "%llu",
	    (unsigned long long)c->serial);
	return json_pack("{s:s, s:o}", "serial", serial, "expires",
	    time_json((int64_t)c->valid_before));
}

static json_t *
address_json(const struct address *a)
{
	char text[ADDRESS_TEXT_MAX];

	return json_string(address_format(a, text));
}

struct lists {
	json_t *socks5, *forwards, *docker;
};

/*
 * Fills in the contract's docker object.  o, which is used up, has what it
 * shares with a forward.
 */
static void
add_docker(json_t *docker, json_t *o, const struct tunnel_info *t)
{
	char text[DOCKER_HOST_MAX];

	json_object_del(o, "listen");
	json_object_update(docker, o);
	json_decref(o);
	json_object_set_new(docker, "socket", address_json(&t->spec->to));
	json_object_set_new(docker, "remote", address_json(&t->listen));
	json_object_set_new(docker, "docker_host", t->state != TUNNEL_UP ||
	    t->gateway ? json_null() :
	    json_string(docker_host(&t->listen, text)));
	json_object_set_new(docker, "ping", json_boolean(t->docker.ping));
	json_object_set_new(docker, "ping_error", t->docker.ping ?
	    json_null() : json_string(t->docker.error));
	json_object_set_new(docker, "allowed",
	    json_integer((json_int_t)t->docker.allowed));
	json_object_set_new(docker, "denied",
	    json_integer((json_int_t)t->docker.denied));
}

static void
add_tunnel(void *arg, const struct tunnel_info *t)
{
	static const char *const state[] = {
		[TUNNEL_DOWN] = "down", [TUNNEL_PENDING] = "pending",
		[TUNNEL_RETRYING] = "retrying", [TUNNEL_UP] = "up"
	};
	static const char *const kind[] = {
		[TUNNEL_LOCAL] = "local", [TUNNEL_REMOTE] = "remote",
		[TUNNEL_EXPOSE] = "expose"
	};
	struct lists *to = arg;
	char spec[SPEC_TEXT_MAX];
	json_t *o = json_pack("{s:o, s:s, s:o, s:I, s:I}",
	    "listen", address_json(&t->listen),
	    "state", state[t->state],
	    "error", t->error[0] != '\0' ? json_string(t->error) :
	    json_null(),
	    "open", (json_int_t)t->open, "total", (json_int_t)t->total);

	if (t->kind == TUNNEL_SOCKS5) {
		json_object_update(to->socks5, o);
		json_decref(o);
		return;
	}
	if (t->kind == TUNNEL_DOCKER) {
		add_docker(to->docker, o, t);
		return;
	}
	json_object_set_new(o, "kind", json_string(kind[t->kind]));
	json_object_set_new(o, "name", json_string(t->name));
	json_object_set_new(o, "spec", json_string(t->words));
	json_object_set_new(o, "normalized", t->kind == TUNNEL_EXPOSE ?
	    address_json(&t->spec->to) :
	    json_string(forward_spec_format(t->spec, spec)));
	json_object_set_new(o, "to", t->spec->to.kind == ADDRESS_NONE ?
	    json_string("socks5") : address_json(&t->spec->to));
	json_array_append_new(to->forwards, o);
}

static json_t *
rtt_json(int64_t rtt_ms)
{
	return rtt_ms < 0 ? json_null() : json_integer(rtt_ms);
}

/* What carries the session, and for how long it has. */
static void
add_link(json_t *o, const struct link_info *info)
{
	const struct outbound_info *session = &info->session;
	char proxy[PROXY_TEXT_MAX];

	json_object_set_new(o, "link", json_pack(
	    "{s:s?, s:s?, s:s?, s:o, s:I, s:I, s:I}",
	    "transport", session->transport[0] != '\0' ? session->transport :
	    NULL, "proxy", session->proxy == NULL ? NULL :
	    proxy_format(session->proxy, proxy),
	    "address", session->address[0] != '\0' ? session->address : NULL,
	    "since", session->link_since != 0 ?
	    time_json(session->link_since) : json_null(),
	    "resumed", (json_int_t)session->resumed,
	    "parked", (json_int_t)session->parked_ms,
	    "resent_bytes", (json_int_t)session->resent));
}

static void
add_gateway(void *arg, const struct link_gateway *g)
{
	static const char *const state[] = {
		[GATEWAY_IS_UNKNOWN] = "unknown", [GATEWAY_IS_UP] = "up",
		[GATEWAY_IS_DOWN] = "down", [GATEWAY_IS_TRIED] = "connecting",
		[GATEWAY_IS_IN_USE] = "connected",
		[GATEWAY_IS_LEFT] = "draining"
	};
	char server[SERVER_TEXT_MAX];

	json_array_append_new(arg, json_pack("{s:s, s:o, s:s}",
	    "server", server_format(g->server, server),
	    "rtt_ms", rtt_json(g->rtt_ms), "state", state[g->state]));
}

static void
add_gateways(json_t *o, const struct link *l)
{
	json_t *list = json_array();

	link_gateways(l, add_gateway, list);
	json_object_set_new(o, "gateways", list);
}

static json_t *
error_json(const struct orthrus *a, const struct outbound_info *session)
{
	if (session->parted)
		return json_sprintf("the link is gone (%s); the session waits "
		    "for another one", session->why_parted);
	return a->trouble.code != 0 ? json_string(a->trouble.text) :
	    json_null();
}

/* What is known of the session, or of the attempt at one. */
static void
add_session(json_t *o, const struct orthrus *a, const struct link_info *info)
{
	const struct outbound_info *session = &info->session;

	json_object_set_new(o, "error", error_json(a, session));
	json_object_set_new(o, "gateway", json_boolean(session->gateway));
	json_object_set_new(o, "leash", json_boolean(!session->parted &&
	    at_gateway_held(a->gateway)));
	json_object_set_new(o, "certificate",
	    certificate_json(identity_certificate(a->identity)));
	json_object_set_new(o, "kex", json_string(session->kex));
	json_object_set_new(o, "cipher", json_string(session->cipher));
	json_object_set_new(o, "host_key", json_string(session->host_key));
}

static void
add_tunnels(json_t *o, const struct orthrus *a)
{
	struct lists lists = { json_pack("{s:n}", "listen"), json_array(),
	    json_object() };

	tunnels_each(a->tunnels, add_tunnel, &lists);
	json_object_set_new(o, "socks5", lists.socks5);
	json_object_set_new(o, "forwards", lists.forwards);
	json_object_set_new(o, "docker", json_object_size(lists.docker) > 0 ?
	    json_incref(lists.docker) : json_null());
	json_decref(lists.docker);
}

/* Of this session, and of those before it. */
static void
add_counters(json_t *o, const struct orthrus *a)
{
	struct mux_counters c = { 0 };

	if (a->link != NULL)
		link_counters(a->link, &c);
	json_object_set_new(o, "channels", json_pack("{s:I, s:I}",
	    "open", (json_int_t)c.open,
	    "total", (json_int_t)(a->past.total + c.total)));
	json_object_set_new(o, "bytes", json_pack("{s:I, s:I}",
	    "in", (json_int_t)(a->past.in + c.in),
	    "out", (json_int_t)(a->past.out + c.out)));
	json_object_set_new(o, "backlog_bytes", json_integer(
	    (json_int_t)c.backlog));
}

char *
orthrus_snapshot(void *arg)
{
	const struct orthrus *a = arg;
	const struct link *l = a->link != NULL ? a->link :
	    enrolment_link(a->enrolment);
	struct link_info info;
	char server[SERVER_TEXT_MAX], *text;
	json_t *o;

	link_info(l, &info);
	o = json_pack("{s:s, s:s, s:i, s:s, s:s, s:o, s:I, s:o, s:s}",
	    "name", a->config->name, "version", PACKAGE_VERSION,
	    "pid", (int)getpid(), "state", state_text(a, &info),
	    "server", server_format(info.server, server),
	    "since", time_json(info.since),
	    "reconnects", (json_int_t)info.reconnects,
	    "rtt_ms", rtt_json(info.session.rtt_ms),
	    "transport", transport_word(info.server->transport));
	json_object_set_new(o, "retry_ms", info.state == LINK_BACKOFF ?
	    json_integer((json_int_t)info.retry_ms) : json_null());
	add_link(o, &info);
	add_gateways(o, l);
	add_session(o, a, &info);
	add_tunnels(o, a);
	add_counters(o, a);
	text = json_dumps(o, JSON_INDENT(2));
	json_decref(o);
	return text != NULL ? text : xstrdup("{}");
}
