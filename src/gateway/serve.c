/* SPDX-License-Identifier: ISC */
/* The gateway that runs: its tick, what a reload changes, start and end. */
#include "config.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/machine.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/notify.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/gateway/serve.h"
#include "orthrus/monitor/ask.h"
#include "orthrus/monitor/monitor.h"
#include "orthrus/monitor/web_certificate.h"
#include "orthrus/http/server.h"
#include "orthrus/ssh/outbound.h"
#include "orthrus/transport/dial.h"
#include "orthrus/transport/listener.h"

#include "front_private.h"
#include "gateway.h"

#define GRACE_MS 20000		/* from a connection to its login */
#define ATTEMPTS 3
#define BUSY_PAUSE_MS 50
#define SAVE_TICKS 4		/* of SWEEP_MS each: 1 s */
#define DRAIN_TICKS 20		/* 5 s */
#define LOOK_TICKS (WEB_CERTIFICATE_LOOK_MS / SWEEP_MS)

/* --- the tick ----------------------------------------------------- */

/* The monitor has told what is wrong with one that it did not take. */
static void
renew_certificate(struct gateway *g)
{
	struct error e;

	if (front_certify(g->front, &e) == -1)
		log_error("tls: %s", e.text);
}

static void
on_gateway_tick(evutil_socket_t fd, short what, void *arg)
{
	struct gateway *g = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_SWEEP);
	sessions_sweep(g);
	principals_sweep(g);
	loop_doing(LOOP_REGISTRY);
	g->ticks++;
	if (g->ticks % SAVE_TICKS == 0 || g->save_soon)
		g->saving = true;
	g->save_soon = false;
	chores_soon(g);
	if (g->config->ntls_listen > 0 && g->ticks % LOOK_TICKS == 0)
		renew_certificate(g);
	if (g->stopping && ((TAILQ_EMPTY(&g->sessions) &&
	    g->counters.open == 0) || ++g->drain_ticks >= DRAIN_TICKS))
		event_base_loopbreak(g->base);
}

static void
on_relief(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	principals_sweep(arg);
}

static void
on_memory_full(void *arg)
{
	struct gateway *g = arg;

	event_active(g->relief, EV_TIMEOUT, 0);
}

void
gateway_drain(struct gateway *g)
{
	if (g->stopping) {		/* asked twice: at once */
		event_base_loopbreak(g->base);
		return;
	}
	g->stopping = true;
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "stopping"), "stopping");
	notify_send("STOPPING=1");
	listener_free(g->listener);
	g->listener = NULL;
	front_close(g->front);
	g->news++;
	chores_soon(g);
}

/* --- the configuration -------------------------------------------- */

/* What can change while sessions go on. */
static void
apply_config(struct gateway *g, struct gateway_config *c)
{
	gateway_config_free(g->config);
	g->config = c;
	log_setup(c->log_level, c->log_format);
	g->runtime = c->runtime;
	g->heartbeat_ms = (uint32_t)c->heartbeat;
	g->timeout_ms = (uint32_t)c->timeout;
	g->renew_before = c->renew_before;
	g->enabled = c->enabled;
	g->streams_max = c->streams;
	g->memory.limit = c->memory != 0 ? c->memory :
	    g->memory_found / 4 * 3;
	g->egress = c->egress;
	g->negress = c->negress;
}

/* In the same order. */
static bool
same_addresses(const struct address *a, size_t na, const struct address *b,
    size_t nb)
{
	size_t i;

	for (i = 0; i < na && i < nb && address_equal(&a[i], &b[i]); i++)
		;
	return i == na && i == nb;
}

/* The key that does not change with a reload, or NULL. */
static const char *
needs_restart(const struct gateway_config *a, const struct gateway_config *b)
{
	if (strcmp(a->user, b->user) != 0)
		return "[charon] user";
	if (!address_equal(&a->ssh_listen, &b->ssh_listen))
		return "[ssh] listen";
	if (strcmp(a->host_key, b->host_key) != 0)
		return "[ssh] host_key";
	if (!same_addresses(a->tls_listen, a->ntls_listen, b->tls_listen,
	    b->ntls_listen))
		return "[tls] listen";
	if (a->http_listen.kind != b->http_listen.kind ||
	    !address_equal(&a->http_listen, &b->http_listen))
		return "[http] listen";
	if (strcmp(a->state, b->state) != 0)
		return "[state] directory";
	if (strcmp(a->runtime, b->runtime) != 0)
		return "[state] runtime";
	return a->docker_tcp != b->docker_tcp ? "[agents] docker_tcp" : NULL;
}

static struct acceptor_limits
limits_of(const struct gateway_config *c)
{
	return (struct acceptor_limits){
		.unauthenticated = c->max_unauthenticated,
		.per_source = c->per_source, .penalty_ms = c->penalty,
		.resume_ms = c->resume, .resume_memory = c->resume_memory
	};
}

const char *
gateway_reload(struct gateway *g, struct gateway_config *c)
{
	const char *key = needs_restart(g->config, c);
	const struct acceptor_limits limits = limits_of(c);
	struct error e;

	if (key != NULL)
		return key;
	apply_config(g, c);
	if (ask_reload(g->monitor, &e) == -1)
		log_error("the monitor goes on as before: %s", e.text);
	renew_certificate(g);
	dialer_reload(g->dialer);
	acceptor_limit(g->acceptor, &limits);
	principals_sweep(g);
	g->news++;
	chores_soon(g);
	return NULL;
}

/* --- life --------------------------------------------------------- */

static void
on_ssh_accept(void *arg, int fd)
{
	struct gateway *g = arg;

	acceptor_take(g->acceptor, fd);
	if (acceptor_is_busy(g->acceptor))
		listener_pause(g->listener, BUSY_PAUSE_MS);
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

/* Never asked: it says what is wrong with a port, see stream.c. */
static const struct http_service refuser = {
	.prefix = "", .every = "", .own = ""
};

/*
 * What we call ourselves, with a comment (RFC 4253 section 4.2) by which an
 * agent that comes by another way knows that this is the gateway that it is at.
 */
static const char *
own_version(struct gateway *g)
{
	snprintf(g->version, sizeof(g->version), "charon_" PACKAGE_VERSION
	    " %08x", (unsigned)randombytes_random());
	return g->version;
}

static int
listen_all(struct gateway *g, struct error *e)
{
	const struct gateway_config *c = g->config;
	const struct acceptor_config limits = {
		.host_key = monitor_host_key(g->monitor),
		.version = own_version(g),
		.grace_ms = GRACE_MS, .attempts = ATTEMPTS,
		.limits = limits_of(c), .dead_ms = (unsigned)c->timeout
	};

	g->acceptor = acceptor_new(g->base, &limits, ENROLL_USER,
	    &session_events, g, e);
	if (g->acceptor == NULL)
		return -1;
	g->agents = agents_new(g, &gateway_stream_way);
	g->front = front_new(g->base, g->acceptor, g->monitor, c, e);
	if (g->front == NULL)
		return -1;
	if (front_is_shared(c))
		return 0;
	g->listener = listener_new(g->base, &c->ssh_listen, on_ssh_accept, g,
	    e);
	return g->listener == NULL ? -1 : 0;
}

int
gateway_admit(struct gateway *g, struct error *e)
{
	char text[ADDRESS_TEXT_MAX];
	size_t n;

	/* A change before the update is in it, a later one is told. */
	if (tell_listen(g, e) == -1 || agents_load(g->agents, e) == -1)
		return -1;
	n = agents_count(g->agents);
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "listening"),
	    "listening on %s, %zu agent%s registered",
	    address_format(&g->config->ssh_listen, text), n,
	    n == 1 ? "" : "s");
	return 0;
}

static int
start_parts(struct gateway *g, struct error *e)
{
	static const struct timeval sweep = { 0, SWEEP_MS * 1000 };

	if (make_runtime(g, e) == -1)
		return -1;
	g->tick = event_new(g->base, -1, EV_PERSIST, on_gateway_tick, g);
	event_add(g->tick, &sweep);
	chores_begin(g);
	g->dialer = dialer_new_elsewhere(g->base, g->helpers->egress.fd);
	g->refuser = http_server_new(g->base, &refuser, g);
	return listen_all(g, e);
}

/* Half of them, so that agents and those who log in find theirs. */
static size_t
descriptors_for_egress(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ?
	    (size_t)limit.rlim_max / 2 : 0;
}

struct gateway *
gateway_start(struct event_base *base, const struct gateway_helpers *h,
    struct gateway_config *c, struct error *e)
{
	struct gateway *g = xcalloc(1, sizeof(*g));

	TAILQ_INIT(&g->sessions);
	LIST_INIT(&g->streams);
	g->base = base;
	g->memory_found = machine_memory();
	g->dialled_max = descriptors_for_egress();
	g->helpers = h;
	g->monitor = h->monitor;
	g->relief = evtimer_new(base, on_relief, g);
	budget_init(&g->memory, NULL, 0);
	budget_charge(&g->memory, BASE_COST);
	g->memory.full = on_memory_full;
	g->memory.arg = g;
	g->docker_tcp = c->docker_tcp;
	g->revoked_dirty = true;	/* as the monitor will find */
	apply_config(g, c);
	ssh_library_init();	/* which may have to say something */
	if (start_parts(g, e) == 0)
		return g;
	gateway_free(g);
	return NULL;
}

void
gateway_free(struct gateway *g)
{
	struct session *s;
	struct error e;
	int more = 1;

	if (g == NULL)
		return;
	g->stopping = true;		/* nobody is let in any more */
	if (g->tick != NULL)
		event_free(g->tick);
	chores_end(g);
	listener_free(g->listener);
	if (g->front != NULL)
		front_close(g->front);
	listener_free(g->tell);
	TAILQ_FOREACH(s, &g->sessions, next)
		session_end(s, "this gateway has stopped");
	gateway_end_streams(g);
	while (g->agents != NULL && !monitor_is_lost(g->monitor) && more == 1)
		if ((more = agents_save(g->agents, &e)) == -1)
			log_error("registry: %s", e.text);
	agents_free(g->agents);
	/* The ends of sessions are told from the loop. */
	event_base_loop(g->base, EVLOOP_NONBLOCK);
	front_free(g->front);
	acceptor_free(g->acceptor);
	dialer_free(g->dialer);
	http_server_free(g->refuser);
	principals_free(g);
	event_free(g->relief);
	gateway_config_free(g->config);
	free(g);
}
