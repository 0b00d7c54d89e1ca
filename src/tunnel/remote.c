/* SPDX-License-Identifier: ISC */
/*
 * Remote forwards: a listener at the far end for each, asked for with every
 * new session, and again while the far end refuses (a dead session may still
 * hold the address).  Where a session takes the place of another without a
 * break, the listener of the other goes when the new one is there; where that
 * is refused, as the two are of one machine, before it is asked for again.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"

#include "tunnel_private.h"

bool
is_remote(const struct tunnel *t)
{
	return t->config.kind == TUNNEL_REMOTE ||
	    t->config.kind == TUNNEL_DOCKER ||
	    t->config.kind == TUNNEL_EXPOSE;
}

static void
on_listen_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	remote_arm(arg);
}

void
remote_init(struct tunnel *t)
{
	t->retry = evtimer_new(t->set->base, on_listen_retry, t);
	t->at = t->config.spec.listen;
}

static bool
has_place(const struct tunnel *t)
{
	return t->config.automatic && t->set->server.name[0] != '\0';
}

/*
 * Finds where to ask the server to listen.  A gateway has a place of its own
 * for each agent's socket and ports, whose names charon forms in the same way.
 */
static void
find_place(struct tunnel *t)
{
	const char *name = t->set->server.name;

	t->at = t->config.spec.listen;
	if (!has_place(t))
		return;
	memset(&t->at, 0, sizeof(t->at));
	if (t->config.kind == TUNNEL_DOCKER) {
		t->at.kind = ADDRESS_UNIX;
		snprintf(t->at.path, sizeof(t->at.path), "/%s/docker.sock",
		    name);
		return;
	}
	t->at.kind = ADDRESS_TCP;
	t->at.port = t->config.spec.to.port;
	snprintf(t->at.host, sizeof(t->at.host), "%s.orthrus", name);
}

/*
 * Where the far end listens, to be shown.  A port at a gateway has the agent's
 * name for its host, whatever host was asked for.
 */
void
remote_place(const struct tunnel *t, struct address *at)
{
	*at = t->at;
	if (at->kind != ADDRESS_TCP)
		return;
	if (t->port != 0)
		at->port = t->port;
	if (t->reach != REACH_ASKED)
		strcpy(at->host, t->reach == REACH_ALL ? "*" : "localhost");
	if (t->set->server.name[0] != '\0')
		snprintf(at->host, sizeof(at->host), "%s.orthrus",
		    t->set->server.name);
}

/* What somebody can look at when the far end refuses to listen. */
static const char *
listen_hint(const struct tunnel *t)
{
	if (t->set->server.name[0] != '\0')
		return "the gateway's log says why";
	return t->at.kind == ADDRESS_UNIX ?
	    "it may still be there from a dead session (sshd_config: "
	    "StreamLocalBindUnlink yes), or not be allowed (sshd_config: "
	    "AllowStreamLocalForwarding)" :
	    "it may still be held by a dead session, be in use, or not be "
	    "allowed (sshd_config: AllowTcpForwarding, PermitListen)";
}

/* --- the listener of a session that was left -------------------------- */

static void
forget_left(struct tunnel *t)
{
	if (t->left.mux != NULL)
		mux_forget(t->left.mux, t);
	memset(&t->left, 0, sizeof(t->left));
}

/* The address that it gave up may be had now. */
static void
on_left_unlistened(void *arg, enum mux_answer answer, uint16_t port)
{
	(void)answer;
	(void)port;
	remote_arm(arg);
}

/* Has it stop: true when that is under way, and answered follows. */
static bool
unlisten_left(struct tunnel *t, mux_answered *answered)
{
	if (t->left.mux == NULL || t->left.ending)
		return false;
	t->left.ending = true;
	mux_unlisten(t->left.mux, &t->left.at, answered, t);
	return true;
}

void
remote_left_ended(struct tunnel *t, const struct mux *mux)
{
	bool awaited = t->left.ending && t->state == TUNNEL_PENDING;

	if (t->left.mux != mux)
		return;
	forget_left(t);
	if (awaited)
		remote_arm(t);
}

/* --- the listener ----------------------------------------------------- */

static void
listen_refused(struct tunnel *t)
{
	char text[ADDRESS_TEXT_MAX];
	bool first = t->state != TUNNEL_RETRYING;
	struct address at;

	remote_place(t, &at);
	tunnel_set_state(t, TUNNEL_RETRYING, "the server refused to listen "
	    "on %s: %s", address_format(&at, text), listen_hint(t));
	if (first)
		log_event(LEVEL_WARN, LOG_FIELDS(.event = "forward_refused",
		    .reason = t->error), "%s: %s; asking again every %d s",
		    tunnel_label(t), t->error, RETRY_SECONDS);
	timer_set(t->retry, RETRY_SECONDS * 1000);
}

/*
 * Where the server listens, or may do so soon, as its answer is still due:
 * true when there is such a place.
 */
static bool
listened_place(const struct tunnel *t, struct address *at)
{
	*at = t->at;
	if (at->kind == ADDRESS_TCP && t->port != 0)
		at->port = t->port;
	return (t->state == TUNNEL_UP || t->asked || t->port != 0) &&
	    (at->kind == ADDRESS_UNIX || at->port != 0);
}

static void
remote_unlisten(struct tunnel *t)
{
	struct address at;

	if (listened_place(t, &at))
		mux_unlisten(t->set->mux, &at, NULL, NULL);
	t->port = 0;
}

/*
 * Gives up a listener that is open to all.  It is not asked for again in this
 * session, since it would be open for a moment each time.
 */
static void
remote_withdraw(struct tunnel *t)
{
	remote_unlisten(t);
	t->reach = REACH_ASKED;
	tunnel_set_state(t, TUNNEL_DOWN, "not shared: the server listens on "
	    "every interface instead of its loopback, so anyone could come "
	    "in; let it heed the address that is asked for (sshd_config: "
	    "GatewayPorts clientspecified)%s",
	    t->config.kind == TUNNEL_DOCKER ? ", or use a Unix socket there "
	    "(--docker-remote /PATH)" : "");
	log_event(LEVEL_ERROR, LOG_FIELDS(.event = "forward_refused",
	    .reason = t->error), "%s: %s", tunnel_label(t), t->error);
}

static void
warn_of_reach(const struct tunnel *t)
{
	const char *asked = strcmp(t->at.host, "*") == 0 ? "every interface" :
	    t->at.host;

	if (t->reach == REACH_ALL)
		log_warn("%s: the server listens on every interface instead of "
		    "on %s (sshd_config: GatewayPorts): anyone who reaches it "
		    "may come in", tunnel_label(t), asked);
	else if (t->reach == REACH_LOOPBACK)
		log_warn("%s: the server listens on its loopback only instead "
		    "of on %s: nobody else can come in (sshd_config: "
		    "GatewayPorts clientspecified lets them)", tunnel_label(t),
		    asked);
}

void
remote_settled(struct tunnel *t, enum reach reach)
{
	char text[ADDRESS_TEXT_MAX], host[DOCKER_HOST_MAX];
	struct address at;

	t->reach = reach;
	if (reach == REACH_ALL && (t->config.kind != TUNNEL_REMOTE ||
	    (is_remote_socks(t) && strcmp(t->at.host, "*") != 0))) {
		remote_withdraw(t);
		return;
	}
	warn_of_reach(t);
	remote_place(t, &at);
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "listening"),
	    "%s: the server listens on %s", tunnel_label(t),
	    address_format(&at, text));
	if (t->config.kind == TUNNEL_DOCKER && t->set->server.name[0] == '\0')
		log_info("Docker: use it there with DOCKER_HOST=%s",
		    docker_host(&at, host));
	tunnel_set_state(t, TUNNEL_UP, "%s", "");
}

static void
on_listen_answer(void *arg, enum mux_answer answer, uint16_t port)
{
	struct tunnel *t = arg;
	bool plain = t->set->server.name[0] == '\0' &&
	    t->at.kind == ADDRESS_TCP;

	t->asked = false;
	if (t->set->mux == NULL)	/* the session ended instead */
		return;
	if (answer == MUX_REFUSED) {
		if (!unlisten_left(t, on_left_unlistened))
			listen_refused(t);
		return;
	}
	unlisten_left(t, NULL);
	t->port = port;
	if (!plain)
		remote_settled(t, REACH_ASKED);
	else if (answer == MUX_OVERRIDDEN)
		remote_settled(t, REACH_ALL);
	else if (reach_is_known(t))
		remote_settled(t, REACH_ASKED);
	else
		reach_check(t);
}

void
remote_arm(struct tunnel *t)
{
	if (t->set->mux == NULL || t->asked || t->checking)
		return;
	find_place(t);
	t->asked = true;
	if (t->state == TUNNEL_PENDING)
		tunnel_set_state(t, TUNNEL_PENDING, "%s", "");
	mux_listen(t->set->mux, &t->at, on_listen_answer, t);
}

/* Nothing is listened on in the present session, nor asked for. */
static void
no_place(struct tunnel *t)
{
	t->port = 0;
	t->reach = REACH_ASKED;
	event_del(t->retry);
	reach_cancel(t);
	t->at = t->config.spec.listen;
}

void
remote_session_ended(struct tunnel *t)
{
	no_place(t);
	tunnel_set_state(t, TUNNEL_PENDING, "%s", "not connected");
}

void
remote_session_left(struct tunnel *t)
{
	struct address at;

	forget_left(t);
	if (listened_place(t, &at)) {
		t->left.mux = t->set->mux;
		t->left.at = at;
	}
	mux_forget(t->set->mux, t);
	t->asked = false;
	no_place(t);
	tunnel_set_state(t, TUNNEL_PENDING, "%s", "");
}

void
remote_remove(struct tunnel *t)
{
	event_del(t->retry);
	reach_cancel(t);
	unlisten_left(t, NULL);
	forget_left(t);
	if (t->set->mux == NULL)
		return;
	mux_forget(t->set->mux, t);
	remote_unlisten(t);
}

/*
 * The far end names the listener as we asked for it; a server may also give
 * the address that the name stood for.
 */
static bool
same_host(const char *asked, const char *given)
{
	static const char *const any[] = { "", "0.0.0.0", "::", "*" };
	static const char *const loopback[] = { "127.0.0.1", "::1" };
	size_t i;

	if (strcmp(asked, given) == 0)
		return true;
	if (strcmp(asked, "*") == 0)
		for (i = 0; i < sizeof(any) / sizeof(any[0]); i++)
			if (strcmp(given, any[i]) == 0)
				return true;
	if (strcmp(asked, "localhost") == 0)
		for (i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++)
			if (strcmp(given, loopback[i]) == 0)
				return true;
	return false;
}

static bool
same_place(const struct address *asked, uint16_t port,
    const struct address *given)
{
	if (asked->kind != given->kind)
		return false;
	return asked->kind == ADDRESS_UNIX ?
	    strcmp(asked->path, given->path) == 0 :
	    port == given->port && same_host(asked->host, given->host);
}

struct tunnel *
remote_find(struct tunnels *set, const struct address *listen)
{
	struct tunnel *t;

	TAILQ_FOREACH(t, &set->list, next)
		if (is_remote(t) && (t->state == TUNNEL_UP || t->checking) &&
		    same_place(&t->at, t->port, listen))
			return t;
	return NULL;
}

struct tunnel *
remote_find_left(struct tunnels *set, const struct address *listen)
{
	struct tunnel *t;

	TAILQ_FOREACH(t, &set->list, next)
		if (t->left.mux != NULL &&
		    same_place(&t->left.at, t->left.at.port, listen))
			return t;
	return NULL;
}
