/* SPDX-License-Identifier: ISC */
/*
 * A server: its name and port, by the way that is configured; who answers
 * there, whether that is the one who is meant, and whether it lets us in.
 */
#include "config.h"

#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/auth_key.h"
#include "orthrus/proto/leash.h"
#include "orthrus/ssh/link.h"
#include "orthrus/transport/dial.h"

#include "enroll.h"
#include "orthrus.h"

/* --- name and port ------------------------------------------------ */

static bool
is_literal(const char *host)
{
	return strchr(host, ':') != NULL ||
	    host[strspn(host, "0123456789.")] == '\0';
}

static const char *
what_to_do(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "nothing listens there: is the port right, and does "
		    "the server run?";
	case ETIMEDOUT:
		return "no answer at all: a firewall, or another machine's "
		    "address";
	case ENETUNREACH:
	case EHOSTUNREACH:
		return "no way there: is this host's network up?";
	default:
		return "can others reach it?";
	}
}

/* Of the server, or of the proxy in front of it: false when there is no way. */
static bool
look_at_port(struct doctor *d, const struct address *at, const char *whose)
{
	char text[ADDRESS_TEXT_MAX], peer[HOST_MAX];
	int error = doctor_dial(d, at, peer);

	address_format(at, text);
	if (error == EADDRNOTAVAIL) {
		finding_fail(d->found, EX_UNAVAILABLE, "name", "%s%s: name not "
		    "found; is it right, and does \"getent hosts %s\" find "
		    "others?", whose, at->host, at->host);
		return false;
	}
	if (error == 0 && !is_literal(at->host))
		finding_ok(d->found, "name", "%s%s is %s", whose, at->host,
		    peer);
	if (error == 0)
		finding_ok(d->found, "port", "%s%s takes connections", whose,
		    text);
	else
		finding_fail(d->found, EX_UNAVAILABLE, "port", "%s%s: %s; %s",
		    whose, text, dial_strerror(error), what_to_do(error));
	return error == 0;
}

/* What is dialled first; false where a command is run instead. */
static bool
first_address(const struct config *c, const struct server *server,
    struct address *at, const char **whose)
{
	const struct proxy *proxy = proxies_find(&c->proxies, server);

	if (c->proxy_command != NULL)
		return false;
	memset(at, 0, sizeof(*at));
	at->kind = ADDRESS_TCP;
	strcpy(at->host, proxy != NULL ? proxy->host : server->host);
	at->port = proxy != NULL ? proxy->port : server->port;
	*whose = proxy != NULL ? "the proxy " : "";
	return true;
}

/* --- who it is ---------------------------------------------------- */

/* A session that is made to look, see outbound.h. */
struct look {
	struct doctor *d;
	const struct server *server;
	struct outbound *outbound;
	bool over;		/* ended, or up */
	bool up;
	struct error why;
};

static void
on_look_up(void *arg)
{
	struct look *l = arg;

	l->up = l->over = true;
}

static void
on_look_ended(void *arg, const struct error *why)
{
	struct look *l = arg;

	l->why = *why;
	l->over = true;
}

static bool
will_enrol(const struct doctor *d)
{
	return d->identity == NULL && d->config->auth_key != NULL;
}

/*
 * Makes the session, with what is configured; first: an unknown host key would
 * do, where that is configured.  Nothing is remembered of it.
 */
static void
start_look(struct look *l, bool first)
{
	static const struct outbound_events events = {
		on_look_up, on_look_ended, NULL
	};
	const struct config *c = l->d->config;
	static char pin[FINGERPRINT_MAX];
	static char *pins[] = { pin };
	struct auth_key k;
	struct link_config lc;

	link_config_of(c, l->d->tls, &lc);
	lc.session.server = *l->server;
	lc.session.identity = l->d->identity;
	lc.session.password = l->d->password;
	lc.session.transport.commands = l->d->commands;
	lc.session.policy.accept_new = first;
	lc.session.policy.forgets = true;
	lc.session.resume_ms = 0;
	lc.session.looks = true;
	if (will_enrol(l->d) && auth_key_parse(c->auth_key, &k, NULL) == 0) {
		auth_key_fingerprint(&k, pin);
		auth_key_wipe(&k);
		lc.session.policy.pins = pins;
		lc.session.policy.npins = 1;
	}
	l->up = l->over = false;
	l->outbound = outbound_start(l->d->base, l->d->dialer, &lc.session,
	    &events, l);
}

/* Each of its steps has a limit of its own; the sum has one too. */
static void
wait_for_look(struct look *l)
{
	unsigned steps;

	for (steps = 0; steps < 4 && !doctor_wait(l->d, &l->over); steps++)
		;
	if (!l->over)
		error_set(&l->why, EX_UNAVAILABLE, "no answer");
}

/* Versions that are one apart work together; further ones nobody has tried. */
static bool
is_far_apart(const char *version)
{
	unsigned major, minor, ours_major = 0, ours_minor = 0;

	if (sscanf(version, "%u.%u", &major, &minor) != 2 ||
	    sscanf(PACKAGE_VERSION, "%u.%u", &ours_major, &ours_minor) != 2)
		return false;
	return major != ours_major || minor > ours_minor + 1 ||
	    ours_minor > minor + 1;
}

static bool
is_gateway(const char *identification)
{
	return strncmp(identification, LEASH_BANNER, strlen(LEASH_BANNER)) ==
	    0;
}

/* False when nobody of ours answers there. */
static bool
tell_who_answers(const struct look *l, const struct outbound_info *info)
{
	const char *id = info->identification;
	char text[SERVER_TEXT_MAX];

	server_format(l->server, text);
	if (info->identification[0] == '\0') {
		finding_fail(l->d->found, l->why.code, "server", "%s: %s",
		    text, l->why.text);
		return false;
	}
	if (!is_gateway(id))
		finding_ok(l->d->found, "server", "%s is %s, no charon", text,
		    id);
	else if (is_far_apart(id + strlen(LEASH_BANNER)))
		finding_warn(l->d->found, "server", "%s is %s, and this is "
		    "orthrus %s: bring both to the same version", text,
		    id + strlen("SSH-2.0-"), PACKAGE_VERSION);
	else
		finding_ok(l->d->found, "server", "%s is %s", text,
		    id + strlen("SSH-2.0-"));
	return true;
}

static void
tell_of_host_key(const struct look *l, const struct outbound_info *info,
    bool first)
{
	const struct config *c = l->d->config;

	if (!info->trusted)
		finding_fail(l->d->found, l->why.code, "host_key", "%s",
		    l->why.text);
	else if (first)
		finding_warn(l->d->found, "host_key", "%s is not known yet: "
		    "accept_new trusts it at the first contact; hold it "
		    "against what \"charon fingerprint\" or \"ssh-keygen -lf "
		    "/etc/ssh/ssh_host_ed25519_key.pub\" says there",
		    info->host_key);
	else
		finding_ok(l->d->found, "host_key", "%s, %s", info->host_key,
		    will_enrol(l->d) ? "which the AUTH_KEY names" :
		    c->nhost_keys > 0 ? "pinned" : "known");
}

static void
tell_of_login(struct look *l, bool gateway)
{
	struct doctor *d = l->d;
	const char *user = l->server->user;

	if (l->up)
		finding_ok(d->found, "login", "\"%s\" is let in", user);
	else if (l->why.code != 0)
		finding_fail(d->found, l->why.code, "login", "%s",
		    l->why.text);
	else if (will_enrol(d))
		finding_warn(d->found, "login", "the AUTH_KEY was not tried, "
		    "as it is good for one enrolment; when it is used up, "
		    "\"charon agent rekey %s\" at the gateway makes "
		    "another", d->config->name);
	else if (d->identity != NULL)
		finding_ok(d->found, "login", "%s", l->why.text);
	else
		finding_warn(d->found, "login", "not tried, as there is no "
		    "identity");
	if (l->up && !gateway)
		doctor_look_at_far_end(d, l->server, l->outbound);
}

/*
 * True when the host key is unknown, and that is all there is against it: then
 * another session has found out that it would be taken as a new one.
 */
static bool
would_be_accepted_as_new(struct look *l, struct outbound_info *info)
{
	if (info->trusted || info->host_key[0] == '\0' ||
	    !l->d->config->accept_new || will_enrol(l->d))
		return false;
	outbound_free(l->outbound);
	start_look(l, true);
	wait_for_look(l);
	outbound_info(l->outbound, info);
	return info->trusted;
}

static void
look_at_session(struct doctor *d, const struct server *server)
{
	struct look l = { .d = d, .server = server };
	struct outbound_info info;
	bool first;

	start_look(&l, false);
	wait_for_look(&l);
	outbound_info(l.outbound, &info);
	if (tell_who_answers(&l, &info)) {
		first = would_be_accepted_as_new(&l, &info);
		tell_of_host_key(&l, &info, first);
		if (info.trusted)
			tell_of_login(&l, is_gateway(info.identification));
	}
	outbound_free(l.outbound);
}

void
doctor_look_at_server(struct doctor *d, const struct server *server)
{
	struct address at;
	const char *whose;

	if (server->transport != TRANSPORT_TCP && d->tls == NULL)
		return;			/* which has been told */
	if (!first_address(d->config, server, &at, &whose) ||
	    look_at_port(d, &at, whose))
		look_at_session(d, server);
}
