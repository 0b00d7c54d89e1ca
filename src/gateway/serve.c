/* "charon serve": one loop with the sessions, the registry and the signals. */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/file.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/notify.h"
#include "orthrus/base/service.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/gateway/serve.h"
#include "orthrus/gateway/state.h"
#include "orthrus/relay/socket.h"
#include "orthrus/ssh/outbound.h"
#include "orthrus/transport/dial.h"
#include "orthrus/transport/listener.h"

#include "gateway.h"
#include "http.h"

#define GRACE_MS 20000		/* from a connection to its login */
#define ATTEMPTS 3
#define UNAUTHENTICATED_MAX 100
#define BUSY_PAUSE_MS 50
#define BUSY_MS 100		/* for another process at the registry */
#define SAVE_TICKS 4		/* of SWEEP_MS each: 1 s */
#define DRAIN_TICKS 20		/* 5 s */

struct serving {
	struct gateway g;
	int argc;
	char **argv;
	struct gateway_config *config;
	struct state *state;
	struct service *service;
	struct event *tick;
	unsigned ticks, drain_ticks;
	int code;
};

bool
refused(struct gateway *g, enum refusal why, unsigned *untold)
{
	int64_t now = time(NULL);

	g->refusals[why]++;
	*untold = g->untold[why];
	if (g->told_at[why] == now) {
		g->untold[why]++;
		return false;
	}
	g->told_at[why] = now;
	g->untold[why] = 0;
	return true;
}

/* --- the tick ----------------------------------------------------- */

/* Told when it begins and when it is over, not four times a second. */
static void
registry_trouble(struct serving *sv, const struct error *e)
{
	if (!sv->g.trouble)
		log_error("registry: %s", e->text);
	sv->g.trouble = true;
}

static void
save(struct serving *sv)
{
	struct gateway *g = &sv->g;
	struct error e;

	g->save_soon = false;
	if (agents_save(g->agents, &e) == -1) {
		registry_trouble(sv, &e);
		return;
	}
	if (g->revoked_dirty) {
		if (state_write_revoked(sv->state, &e) == -1) {
			registry_trouble(sv, &e);
			return;
		}
		g->revoked_dirty = false;
	}
	sv->g.trouble = false;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct serving *sv = arg;
	struct error e;

	(void)fd;
	(void)what;
	sessions_sweep(&sv->g);
	sv->ticks++;
	if (agents_update(sv->g.agents, &e) == -1)
		registry_trouble(sv, &e);
	else if (sv->ticks % SAVE_TICKS == 0 || sv->g.save_soon)
		save(sv);
	if (sv->g.stopping && ((TAILQ_EMPTY(&sv->g.sessions) &&
	    sv->g.counters.open == 0) || ++sv->drain_ticks >= DRAIN_TICKS))
		event_base_loopbreak(sv->g.base);
}

/* --- signals ------------------------------------------------------ */

static void
on_stop(void *arg, int sig)
{
	struct serving *sv = arg;
	struct session *s;

	(void)sig;
	if (sv->g.stopping) {		/* asked twice: at once */
		event_base_loopbreak(sv->g.base);
		return;
	}
	sv->g.stopping = true;
	log_info("stopping");
	notify_send("STOPPING=1");
	listener_free(sv->g.listener);
	sv->g.listener = NULL;
	TAILQ_FOREACH(s, &sv->g.sessions, next)
		if (s->leash != NULL)
			leash_drain(s->leash, "this gateway is stopping");
}

/* What can change while sessions go on. */
static void
apply(struct gateway *g, const struct gateway_config *c)
{
	log_setup(c->log_level, c->log_format);
	g->heartbeat_ms = (uint32_t)c->heartbeat;
	g->timeout_ms = (uint32_t)c->timeout;
	g->certificate_lifetime = c->certificate_lifetime;
	g->renew_before = c->renew_before;
	g->enabled = c->enabled;
	g->egress = c->egress;
	g->negress = c->negress;
}

/* The key that does not change with a reload, or NULL. */
static const char *
needs_restart(const struct gateway_config *a, const struct gateway_config *b)
{
	if (!address_equal(&a->ssh_listen, &b->ssh_listen))
		return "[ssh] listen";
	if (strcmp(a->host_key, b->host_key) != 0)
		return "[ssh] host_key";
	if (a->http_listen.kind != b->http_listen.kind ||
	    !address_equal(&a->http_listen, &b->http_listen))
		return "[http] listen";
	if (strcmp(a->state, b->state) != 0)
		return "[state] directory";
	if (strcmp(a->runtime, b->runtime) != 0)
		return "[state] runtime";
	return a->docker_tcp != b->docker_tcp ? "[agents] docker_tcp" : NULL;
}

static void
report_log(void *arg, const char *line)
{
	(void)arg;
	log_error("%s", line);
}

/* All of it is taken over, or nothing is. */
static void
on_reload(void *arg)
{
	struct serving *sv = arg;
	struct gateway_config *fresh;
	struct session *s;
	const char *key;
	int code;

	notify_reloading();
	fresh = gateway_config_load(sv->argc, sv->argv, report_log, NULL,
	    &code);
	if (fresh == NULL)
		log_error("not reloaded: the configuration has errors");
	else if ((key = needs_restart(sv->config, fresh)) != NULL) {
		log_error("not reloaded, nothing of it: %s changes with a "
		    "restart only", key);
		gateway_config_free(fresh);
	} else {
		gateway_config_free(sv->config);
		sv->config = fresh;
		sv->g.runtime = fresh->runtime;
		apply(&sv->g, fresh);
		TAILQ_FOREACH(s, &sv->g.sessions, next) {
			if (s->leash != NULL)
				leash_update(s->leash);
			if (s->agent != NULL && !fresh->enabled)
				session_end(s, "agents are disabled at this "
				    "gateway");
		}
		log_info("configuration reloaded");
	}
	notify_send("READY=1");
}

/* --- life --------------------------------------------------------- */

static void
on_accept(void *arg, int fd)
{
	struct gateway *g = arg;

	acceptor_take(g->acceptor, fd);
	if (acceptor_is_busy(g->acceptor))
		listener_pause(g->listener, BUSY_PAUSE_MS);
}

static bool
egress_ok(void *arg, const struct address *to, const struct sockaddr *resolved)
{
	const struct gateway *g = arg;

	return egress_address_allowed(g->egress, g->negress, to->host,
	    to->port, resolved);
}

/* Who may come in here is whose group the sockets have, whatever umask says. */
static int
make_runtime(struct gateway *g, struct error *e)
{
	char *below = xasprintf("%s/x", g->runtime);
	char *path = xasprintf("%s/agents", g->runtime);
	int rc = file_make_parents(below, e);

	if (rc == 0 && ((mkdir(path, 0750) == -1 && errno != EEXIST) ||
	    chmod(path, 0750) == -1))
		rc = error_set(e, EX_CANTCREAT, "cannot make the directory "
		    "%s: %s", path, strerror(errno));
	free(path);
	free(below);
	return rc;
}

static int
start(struct serving *sv, struct error *e)
{
	const struct gateway_config *c = sv->config;
	const struct acceptor_config limits = {
		.host_key = c->host_key,
		.version = "charon_" PACKAGE_VERSION,
		.grace_ms = GRACE_MS, .attempts = ATTEMPTS,
		.unauthenticated_max = UNAUTHENTICATED_MAX,
		.dead_ms = (unsigned)c->timeout
	};
	static const struct service_events events = { on_stop, on_reload };
	static const struct timeval sweep = { 0, SWEEP_MS * 1000 };
	struct gateway *g = &sv->g;
	char text[ADDRESS_TEXT_MAX];

	if ((g->base = event_base_new()) == NULL)
		return error_set(e, EX_OSERR, "cannot make an event loop");
	if ((sv->state = state_open(c, true, e)) == NULL ||
	    state_lock(sv->state, e) == -1 ||
	    (g->ca = ca_load(c->state, e)) == NULL || make_runtime(g, e) == -1)
		return -1;
	g->registry = sv->state->registry;
	registry_hurry(g->registry, BUSY_MS);
	sv->service = service_new(g->base, &events, sv);
	sv->tick = event_new(g->base, -1, EV_PERSIST, on_tick, sv);
	event_add(sv->tick, &sweep);
	g->dialer = dialer_new(g->base);
	dialer_set_filter(g->dialer, egress_ok, g);
	g->acceptor = acceptor_new(g->base, &limits, ENROLL_USER,
	    &session_events, g, e);
	if (g->acceptor == NULL || registry_all_offline(g->registry, e) == -1)
		return -1;
	g->agents = agents_new(g);
	g->listener = listener_new(g->base, &c->ssh_listen, on_accept, g, e);
	/*
	 * Its own ports before those of agents; nobody is answered yet.  A
	 * change before the update is in it, a later one is told.
	 */
	if (g->listener == NULL ||
	    http_start(g, &c->http_listen, c->state, e) == -1 ||
	    tell_listen(g, e) == -1 || agents_update(g->agents, e) == -1)
		return -1;
	log_info("listening on %s, %zu agents registered",
	    address_format(&c->ssh_listen, text), agents_count(g->agents));
	notify_send("READY=1\nSTATUS=listening");
	return 0;
}

static void
finish(struct serving *sv)
{
	struct gateway *g = &sv->g;
	struct session *s;
	struct error e;

	g->stopping = true;		/* nobody is let in any more */
	if (sv->tick != NULL)
		event_free(sv->tick);
	listener_free(g->listener);
	listener_free(g->tell);
	TAILQ_FOREACH(s, &g->sessions, next)
		session_end(s, "this gateway has stopped");
	gateway_end_streams(g);
	http_stop(g->http);
	if (g->agents != NULL && (agents_save(g->agents, &e) == -1 ||
	    registry_all_offline(g->registry, &e) == -1))
		log_error("registry: %s", e.text);
	agents_free(g->agents);
	/* The ends of sessions are told from the loop. */
	if (g->base != NULL)
		event_base_loop(g->base, EVLOOP_NONBLOCK);
	acceptor_free(g->acceptor);
	dialer_free(g->dialer);
	socket_endpoints_end();
	service_free(sv->service);
	if (g->base != NULL)
		event_base_free(g->base);
	ca_free(g->ca);
	state_close(sv->state);
	gateway_config_free(sv->config);
}

static void
report(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "%s\n", line);
}

int
cmd_serve(int argc, char **argv)
{
	struct serving sv;
	struct gateway *g = &sv.g;
	struct error e;

	memset(&sv, 0, sizeof(sv));
	sv.argc = argc;
	sv.argv = argv;
	if (wants_help(argc, argv)) {
		printf("usage: charon serve [options]\n\nRuns the gateway: an "
		    "SSH server for agents and clients.\n\n");
		gateway_config_usage(stdout);
		return 0;
	}
	sv.config = gateway_config_load(argc, argv, report, NULL, &sv.code);
	if (sv.config == NULL)
		return sv.code;
	ssh_library_init();
	TAILQ_INIT(&g->sessions);
	LIST_INIT(&g->streams);
	g->runtime = sv.config->runtime;
	g->docker_tcp = sv.config->docker_tcp;
	apply(g, sv.config);
	if (start(&sv, &e) == -1) {
		log_error("%s", e.text);
		sv.code = e.code;
	} else
		event_base_dispatch(g->base);
	finish(&sv);
	return sv.code;
}
