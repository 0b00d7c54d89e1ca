/* SPDX-License-Identifier: ISC */
/* The list of tunnels: what is wanted, what is there, and the difference. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/transport/listener.h"

#include "tunnel_private.h"

/* --- life ------------------------------------------------------------- */

static struct tunnel *
tunnel_new(struct tunnels *set, const struct tunnel_config *config)
{
	struct tunnel *t = xcalloc(1, sizeof(*t));

	t->set = set;
	t->config = *config;
	if (config->username != NULL)
		t->username = xstrdup(config->username);
	if (config->password != NULL)
		t->password = xstrdup(config->password);
	t->config.username = t->username;
	t->config.password = t->password;
	t->state = TUNNEL_PENDING;
	if (config->kind == TUNNEL_DOCKER) {
		t->muzzle = muzzle_new(set->base, set->dialer,
		    &config->spec.to, &config->policy);
		muzzle_probe(t->muzzle);
	}
	return t;
}

/* Binds a local listener; a remote forward waits for the session. */
static int
tunnel_setup(struct tunnel *t, struct error *e)
{
	char text[ADDRESS_TEXT_MAX];

	if (is_remote(t)) {
		remote_init(t);
		return 0;
	}
	t->listener = listener_new(t->set->base, &t->config.spec.listen,
	    tunnel_stream_accept, t, e);
	if (t->listener != NULL) {
		t->state = TUNNEL_UP;
		log_event(LEVEL_INFO, LOG_FIELDS(.event = "listening"),
		    "%s listening on %s", tunnel_label(t),
		    address_format(&t->config.spec.listen, text));
		return 0;
	}
	error_prefix(e, "%s", tunnel_label(t));
	if (!t->config.optional)
		return -1;
	t->state = TUNNEL_DOWN;
	snprintf(t->error, sizeof(t->error), "%s", e->text);
	log_warn("%s; going on without it (--socks5 chooses another address, "
	    "--socks5 off none)", e->text);
	return 0;
}

static void
tunnel_remove(struct tunnel *t)
{
	listener_free(t->listener);
	t->listener = NULL;
	if (is_remote(t))
		remote_remove(t);
	/*
	 * Docker that is no longer shared is not shared with those who are
	 * connected, either.
	 */
	if (t->config.kind == TUNNEL_DOCKER)
		tunnel_streams_abort(t);
	t->removed = true;
	if (t->open > 0)
		TAILQ_INSERT_TAIL(&t->set->removed, t, next);
	else
		tunnel_free(t);
}

/* --- applying a configuration ----------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
same_tunnel(const struct tunnel *t, const struct tunnel_config *c)
{
	/*
	 * A listener that could not be had is no reason to keep it: it is tried
	 * again.
	 */
	if (!is_remote(t) && t->state == TUNNEL_DOWN)
		return false;
	return t->config.kind == c->kind &&
	    t->config.automatic == c->automatic &&
	    (c->kind == TUNNEL_SOCKS5 ?
	    address_equal(&t->config.spec.listen, &c->spec.listen) :
	    forward_spec_equal(&t->config.spec, &c->spec)) &&
	    same_text(t->username, c->username) &&
	    same_text(t->password, c->password);
}

/*
 * Takes the tunnel that serves c already out of the list; NULL when there is
 * none.
 */
static struct tunnel *
take_tunnel(struct tunnel_list *list, const struct tunnel_config *c)
{
	struct tunnel *t;

	TAILQ_FOREACH(t, list, next)
		if (same_tunnel(t, c)) {
			TAILQ_REMOVE(list, t, next);
			return t;
		}
	return NULL;
}

/*
 * Tunnels that leave stop listening first, since a new one may want the
 * address.
 */
static void
close_listeners(struct tunnel_list *list)
{
	struct tunnel *t;

	TAILQ_FOREACH(t, list, next) {
		listener_free(t->listener);
		t->listener = NULL;
	}
}

static void
reopen_listeners(struct tunnel_list *list)
{
	struct error e;
	struct tunnel *t;

	TAILQ_FOREACH(t, list, next)
		if (!is_remote(t) && t->state == TUNNEL_UP &&
		    tunnel_setup(t, &e) == -1) {
			log_error("%s", e.text);
			tunnel_set_state(t, TUNNEL_DOWN, "%s", e.text);
		}
}

/*
 * Applies the policy that was configured, less what the gateway takes away, and
 * one that was left while somebody may come from there.
 */
static void
apply_policy(struct tunnel *t)
{
	struct policy p = policy_narrow(policy_narrow(t->config.policy,
	    &t->set->limits), &t->set->left_limits);

	if (t->muzzle != NULL)
		muzzle_set_policy(t->muzzle, &p);
}

/*
 * Sets up the tunnels that kept[] lacks, and lists them in fresh: 0, or -1 with
 * *e.
 */
static int
set_up_fresh(struct tunnels *set, const struct tunnel_config *config,
    size_t n, struct tunnel **kept, struct tunnel_list *fresh,
    struct error *e)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (kept[i] != NULL)
			continue;
		kept[i] = tunnel_new(set, &config[i]);
		TAILQ_INSERT_TAIL(fresh, kept[i], next);
		if (tunnel_setup(kept[i], e) == -1)
			return -1;
	}
	return 0;
}

static void
free_fresh(struct tunnel_list *fresh)
{
	struct tunnel *t;

	while ((t = TAILQ_FIRST(fresh)) != NULL) {
		TAILQ_REMOVE(fresh, t, next);
		tunnel_free(t);
	}
}

/* Gives new tunnels their part in the session, if there is one. */
static void
start_fresh(struct tunnels *set, const struct tunnel_list *fresh)
{
	struct tunnel *t;

	TAILQ_FOREACH(t, fresh, next) {
		if (is_remote(t) && set->mux != NULL)
			remote_arm(t);
		if (t->muzzle != NULL)
			muzzle_watch(t->muzzle, set->server.name[0] != '\0');
	}
}

/*
 * Lists all in the order of the configuration, and takes over names and
 * policies, which need no new listener.
 */
static void
list_in_order(struct tunnels *set, const struct tunnel_config *config,
    size_t n, struct tunnel **kept)
{
	size_t i;

	TAILQ_INIT(&set->list);
	for (i = 0; i < n; i++) {
		memcpy(kept[i]->config.name, config[i].name,
		    sizeof(config[i].name));
		memcpy(kept[i]->config.words, config[i].words,
		    sizeof(config[i].words));
		kept[i]->config.optional = config[i].optional;
		kept[i]->config.policy = config[i].policy;
		apply_policy(kept[i]);
		TAILQ_INSERT_TAIL(&set->list, kept[i], next);
	}
}

int
tunnels_apply(struct tunnels *set, const struct tunnel_config *config,
    size_t n, struct error *e)
{
	struct tunnel_list old = TAILQ_HEAD_INITIALIZER(old);
	struct tunnel_list fresh = TAILQ_HEAD_INITIALIZER(fresh);
	struct tunnel **kept = xcalloc(n + 1, sizeof(*kept));
	struct tunnel *t;
	size_t i;
	int rc;

	TAILQ_CONCAT(&old, &set->list, next);
	for (i = 0; i < n; i++)
		if ((kept[i] = take_tunnel(&old, &config[i])) != NULL)
			TAILQ_INSERT_TAIL(&set->list, kept[i], next);
	close_listeners(&old);
	rc = set_up_fresh(set, config, n, kept, &fresh, e);
	if (rc == -1) {
		free_fresh(&fresh);
		reopen_listeners(&old);
		TAILQ_CONCAT(&set->list, &old, next);
	} else {
		while ((t = TAILQ_FIRST(&old)) != NULL) {
			TAILQ_REMOVE(&old, t, next);
			tunnel_remove(t);
		}
		start_fresh(set, &fresh);
		list_in_order(set, config, n, kept);
		if (set->changed != NULL)
			set->changed(set->changed_arg);
	}
	free(kept);
	return rc;
}

/* --- the session comes and goes --------------------------------------- */

/* The far end connected to a listener; one we did not ask for is refused. */
static void
on_forwarded(void *arg, struct channel *ch, const struct address *listen)
{
	struct tunnels *set = arg;
	struct tunnel *t = remote_find(set, listen);

	if (t == NULL) {
		log_warn("refused a channel for a listener that was not "
		    "asked for");
		channel_refuse(ch, OPEN_PROHIBITED,
		    "no such listener was asked for");
	} else if (set->stopped)
		channel_refuse(ch, OPEN_PROHIBITED, "shutting down");
	else if (t->checking)
		reach_met(t, ch);
	else
		tunnel_stream_incoming(t, ch);
}

/* The same over a session that was left; what comes late is not our fault. */
static void
on_left_forwarded(void *arg, struct channel *ch, const struct address *listen)
{
	struct tunnels *set = arg;
	struct tunnel *t = remote_find_left(set, listen);

	if (t == NULL || set->stopped)
		channel_refuse(ch, OPEN_PROHIBITED, "no longer listening");
	else
		tunnel_stream_incoming(t, ch);
}

static void
add_limits(struct policy_limits *to, const struct policy_limits *limits)
{
	to->actions_closed |= limits->actions_closed;
	to->redact_always |= limits->redact_always;
}

/* The present session goes on for its streams. */
static void
leave_session(struct tunnels *set)
{
	static const struct mux_service service = {
		.forwarded = on_left_forwarded
	};
	struct tunnel *t;

	TAILQ_FOREACH(t, &set->list, next)
		if (is_remote(t))
			remote_session_left(t);
	mux_serve(set->mux, &service, set);
	set->nleft++;
	add_limits(&set->left_limits, &set->limits);
	memset(&set->limits, 0, sizeof(set->limits));
}

void
tunnels_up(struct tunnels *set, struct mux *mux,
    const struct tunnel_server *server)
{
	static const struct mux_service service = { .forwarded = on_forwarded };
	struct mux *left = set->mux;
	struct tunnel *t;

	if (left != NULL)
		leave_session(set);
	set->mux = mux;
	mux_serve(mux, &service, set);
	set->server = *server;
	/*
	 * Listeners are asked for before anything else, since others wait for
	 * them.
	 */
	TAILQ_FOREACH(t, &set->list, next) {
		if (is_remote(t))
			remote_arm(t);
		if (t->muzzle != NULL)
			muzzle_watch(t->muzzle, server->name[0] != '\0');
	}
	tunnel_streams_session_up(set, left != NULL && mux_is_parted(left) ?
	    left : NULL);
	singles_session_up(set);
	if (set->changed != NULL)
		set->changed(set->changed_arg);
}

void
tunnels_down(struct tunnels *set)
{
	struct tunnel *t;

	set->mux = NULL;
	memset(&set->server, 0, sizeof(set->server));
	memset(&set->limits, 0, sizeof(set->limits));
	TAILQ_FOREACH(t, &set->list, next) {
		if (is_remote(t))
			remote_session_ended(t);
		if (t->muzzle != NULL)
			muzzle_watch(t->muzzle, false);
		apply_policy(t);
	}
}

void
tunnels_gone(struct tunnels *set, struct mux *mux)
{
	struct tunnel *t;

	TAILQ_FOREACH(t, &set->list, next)
		if (is_remote(t))
			remote_left_ended(t, mux);
	tunnel_streams_session_gone(set, mux);
	if (--set->nleft > 0)
		return;
	memset(&set->left_limits, 0, sizeof(set->left_limits));
	TAILQ_FOREACH(t, &set->list, next)
		apply_policy(t);
}

void
tunnels_limit(struct tunnels *set, const struct policy_limits *limits)
{
	struct tunnel *t;

	add_limits(&set->limits, limits);
	TAILQ_FOREACH(t, &set->list, next)
		apply_policy(t);
}

/* --- the set ---------------------------------------------------------- */

struct tunnels *
tunnels_new(struct event_base *base, struct dialer *dialer)
{
	struct tunnels *set = xcalloc(1, sizeof(*set));

	set->base = base;
	set->dialer = dialer;
	TAILQ_INIT(&set->list);
	TAILQ_INIT(&set->removed);
	TAILQ_INIT(&set->streams);
	TAILQ_INIT(&set->handshakes);
	TAILQ_INIT(&set->singles);
	return set;
}

void
tunnels_free(struct tunnels *set)
{
	struct tunnel *t;

	if (set == NULL)
		return;
	set->changed = NULL;
	tunnel_streams_free(set);
	singles_free(set);
	while ((t = TAILQ_FIRST(&set->list)) != NULL) {
		TAILQ_REMOVE(&set->list, t, next);
		tunnel_remove(t);
	}
	free(set);
}

void
tunnels_stop(struct tunnels *set)
{
	set->stopped = true;
	close_listeners(&set->list);
}

size_t
tunnels_open(const struct tunnels *set)
{
	return set->nstreams;
}

bool
tunnels_ready(const struct tunnels *set)
{
	const struct tunnel *t;

	TAILQ_FOREACH(t, &set->list, next)
		if (t->state != TUNNEL_UP && !t->config.optional)
			return false;
	return true;
}

void
tunnels_on_change(struct tunnels *set, void (*changed)(void *arg), void *arg)
{
	set->changed = changed;
	set->changed_arg = arg;
}

void
tunnels_each(const struct tunnels *set,
    void (*each)(void *arg, const struct tunnel_info *info), void *arg)
{
	const struct tunnel *t;
	struct tunnel_info info;

	TAILQ_FOREACH(t, &set->list, next) {
		info.kind = t->config.kind;
		info.name = t->config.name;
		info.words = t->config.words;
		info.spec = &t->config.spec;
		info.listen = t->config.spec.listen;
		info.gateway = is_remote(t) && set->server.name[0] != '\0';
		if (is_remote(t))
			remote_place(t, &info.listen);
		info.state = t->state;
		info.error = t->error;
		info.open = t->open;
		info.total = t->total;
		if (t->muzzle != NULL)
			muzzle_info(t->muzzle, &info.docker);
		each(arg, &info);
	}
}
