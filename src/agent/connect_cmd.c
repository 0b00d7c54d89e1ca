/* SPDX-License-Identifier: ISC */
/*
 * "orthrus connect": one loop with the link, the tunnels, the control socket
 * and the signals; or, with -W, one stream in the place of all tunnels.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/command_line.h"
#include "orthrus/base/complete.h"
#include "orthrus/base/confine.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/notify.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/service.h"
#include "orthrus/relay/socket.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/transport/command.h"
#include "orthrus/transport/dial.h"
#include "orthrus/transport/tls.h"

#include "orthrus.h"
#include "commands.h"
#include "control.h"
#include "enroll.h"
#include "at_gateway.h"
#include "stdio.h"

#define DRAIN_TICK_MS 50
#define DRAIN_TICKS 40		/* 2 s */

/* With -W there is one stream, and nobody to hear how we are. */
static bool
is_stdio(const struct orthrus *a)
{
	return a->config->stdio.kind != ADDRESS_NONE;
}

/* --- what the link says ----------------------------------------------- */

static void
stop_loop(struct orthrus *a, int code)
{
	a->code = code;
	event_base_loopbreak(a->base);
}

/* Tells systemd that we are ready when every listener is bound, not before. */
static void
on_tunnels_change(void *arg)
{
	struct orthrus *a = arg;
	bool ready = a->mux != NULL && tunnels_ready(a->tunnels);

	if (a->stopping || ready == a->ready)
		return;
	a->ready = ready;
	if (ready) {
		a->told_ready = true;
		log_event(LEVEL_INFO, LOG_FIELDS(.event = "ready"),
		    "ready: every forward is up");
	}
	notify_send(ready ? "READY=1\nSTATUS=connected, every forward is up" :
	    "STATUS=not connected, or not every forward is up");
}

static void
on_link_up(void *arg, struct mux *mux, bool gateway)
{
	struct orthrus *a = arg;
	struct tunnel_server server = { 0 };
	struct link_info info;

	link_info(a->link, &info);
	if (a->mux != NULL)	/* its leash ends where it was */
		at_gateway_down(a->gateway);
	a->mux = mux;
	a->trouble.code = 0;
	if (gateway)
		snprintf(server.name, sizeof(server.name), "%.*s",
		    NAME_MAX_LEN - 1, info.server->user);
	server.tells = info.session.openssh;
	if (info.session.proxy == NULL)
		memcpy(server.address, info.session.address,
		    sizeof(server.address));
	tunnels_up(a->tunnels, mux, &server);
	if (!is_stdio(a))
		at_gateway_up(a->gateway, mux, gateway);
}

static void
count_past(struct orthrus *a, const struct mux *mux)
{
	struct mux_counters c;

	mux_counters(mux, &c);
	a->past.total += c.total;
	a->past.in += c.in;
	a->past.out += c.out;
}

static void
on_link_down(void *arg)
{
	struct orthrus *a = arg;

	at_gateway_down(a->gateway);
	count_past(a, a->mux);
	a->mux = NULL;
	if (a->tunnels != NULL)
		tunnels_down(a->tunnels);
	on_tunnels_change(a);
}

/* One that another has taken the place of ends. */
static void
on_link_gone(void *arg, struct mux *mux)
{
	struct orthrus *a = arg;

	count_past(a, mux);
	if (a->tunnels != NULL)
		tunnels_gone(a->tunnels, mux);
}

/*
 * Keeps the reason for "orthrus status", and tells it to systemd.  The link has
 * logged it.
 */
static void
on_link_trouble(void *arg, const struct error *why)
{
	struct orthrus *a = arg;
	char text[ERROR_TEXT_MAX + 32];

	a->trouble = *why;
	if (is_stdio(a))
		return;
	snprintf(text, sizeof(text), "STATUS=not connected: %s", why->text);
	notify_send(text);
}

static void
on_link_gave_up(void *arg, const struct error *why)
{
	struct orthrus *a = arg;

	if (is_stdio(a)) {
		stdio_without_session(a->stdio, why);
		return;
	}
	if (!a->stopping)
		log_event(LEVEL_ERROR, LOG_FIELDS(.event = "gave_up",
		    .reason = why->text, .code = why->code), "%s", why->text);
	stop_loop(a, a->stopping ? 0 : why->code);
}

static void
start_link(struct orthrus *a)
{
	static const struct link_events events = {
		on_link_up, on_link_down, on_link_trouble, on_link_gave_up,
		on_link_gone
	};
	struct link_config lc;

	orthrus_link_config(a, &lc);
	a->link = link_new(a->base, a->dialer, &lc, &events, a);
}

/* --- enrolment, which comes first where there is no identity ------ */

static void
on_enrolled(void *arg, const char *name)
{
	struct orthrus *a = arg;
	struct error e;

	log_own_name(name);
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "enrolled"),
	    "enrolled as %s", name);
	enrolment_free(a->enrolment);
	a->enrolment = NULL;
	config_forget_auth_key(a->config);
	if (orthrus_load_credentials(a->config, NULL, &a->identity, &a->password,
	    &e) == 0) {
		start_link(a);
		return;
	}
	log_error("%s", e.text);
	stop_loop(a, e.code);
}

static int
start_session(struct orthrus *a, bool enrol, struct error *e)
{
	static const struct enrolment_events events = {
		on_enrolled, on_link_trouble, on_link_gave_up
	};

	if (!enrol) {
		start_link(a);
		return 0;
	}
	a->enrolment = enrolment_new(a->base, a->dialer, a->commands,
	    a->config, false, &events, a, e);
	return a->enrolment == NULL ? -1 : 0;
}

/* --- signals ---------------------------------------------------------- */

static void
on_drain_tick(evutil_socket_t fd, short what, void *arg)
{
	struct orthrus *a = arg;
	struct mux_counters c = { 0 };

	(void)fd;
	(void)what;
	if (a->link != NULL)
		link_counters(a->link, &c);
	/* When the peer has closed every channel, it has got everything. */
	if ((tunnels_open(a->tunnels) == 0 && c.open == 0 &&
	    !socket_endpoints_linger()) ||
	    ++a->drain_ticks > DRAIN_TICKS)
		stop_loop(a, 0);
	else
		timer_set(a->drain, DRAIN_TICK_MS);
}

static void
on_connect_stop(void *arg, int sig)
{
	struct orthrus *a = arg;

	if (is_stdio(a)) {		/* as of one whom the signal ends */
		stop_loop(a, 128 + sig);
		return;
	}
	if (a->stopping) {		/* asked twice: at once */
		stop_loop(a, 0);
		return;
	}
	a->stopping = true;
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "stopping"), "stopping");
	notify_send("STOPPING=1");
	tunnels_stop(a->tunnels);
	/*
	 * The leash goes first, or its channel would be waited for like a
	 * stream.
	 */
	at_gateway_down(a->gateway);
	on_drain_tick(-1, 0, a);
}

static void
on_connect_reload(void *arg)
{
	struct orthrus *a = arg;

	if (is_stdio(a)) {		/* ssh(1) ends a ProxyCommand so */
		stop_loop(a, 128 + SIGHUP);
		return;
	}
	if (a->stopping)
		return;
	loop_doing(LOOP_RELOAD);
	/*
	 * While systemd waits for the first READY, a reload's must not be taken
	 * for it.
	 */
	if (a->told_ready)
		notify_reloading();
	orthrus_reload(a);
	if (a->told_ready)
		notify_send("READY=1");
}

/* --- life ------------------------------------------------------------- */

/* All that others can connect to; with -W there is nothing of the kind. */
static int
listen_to_all(struct orthrus *a, struct error *e)
{
	if (is_stdio(a)) {
		stdio_ask(a->stdio);
		return 0;
	}
	tunnels_on_change(a->tunnels, on_tunnels_change, a);
	a->control = orthrus_control(a, a->config, e);
	return a->control == NULL ? -1 : orthrus_apply_tunnels(a, a->config,
	    e);
}

/*
 * The loop and the signals.  *lent: the running orthrus of this name gives the
 * stream of -W, and there is nothing more to do.
 */
static int
begin(struct orthrus *a, bool *lent, struct error *e)
{
	static const struct service_events events = { on_connect_stop,
	    on_connect_reload };

	*lent = false;
	a->base = is_stdio(a) ? loop_new_for_files() : loop_new();
	/* While it asks, a signal ends it as by default. */
	if (is_stdio(a) && (a->stdio = stdio_start(a, lent, e)) == NULL)
		return -1;
	a->service = service_new(a->base, &events, a);
	if (a->commands != NULL)
		commands_watch(a->commands, a->base);
	/* Whoever joins two descriptors needs no file at all. */
	return *lent ? confinement_apply(confinement_new(CONFINE_AGENT), e) : 0;
}

static int
connect_start(struct orthrus *a, struct error *e)
{
	bool enrol, lent;

	if (begin(a, &lent, e) == -1)
		return -1;
	if (lent)
		return 0;
	if (enrolment_look(a->config, &enrol, e) == -1)
		return -1;
	if (a->config->auth_key_trouble != NULL)
		log_warn("AUTH_KEY_FILE: %s; going on with the identity %s",
		    a->config->auth_key_trouble, a->config->identity);
	if (!enrol && a->config->auth_key != NULL &&
	    enrolment_is_own(a->config))
		log_info("AUTH_KEY is not used: the identity %s is there, and "
		    "did not come from an enrolment", a->config->identity);
	if (!enrol) {
		config_forget_auth_key(a->config);
		if (orthrus_load_credentials(a->config, NULL, &a->identity,
		    &a->password, e) == -1)
			return -1;
	}
	a->drain = evtimer_new(a->base, on_drain_tick, a);
	a->dialer = dialer_new(a->base);
	a->tunnels = tunnels_new(a->base, a->dialer);
	a->gateway = at_gateway_new(a);
	if (orthrus_load_tls(a->config, &a->tls, e) == -1 ||
	    listen_to_all(a, e) == -1 || orthrus_confine(a->config, e) == -1)
		return -1;
	return start_session(a, enrol, e);
}

static void
connect_finish(struct orthrus *a)
{
	control_free(a->control);
	a->stopping = true;
	stdio_end(a->stdio);
	tunnels_free(a->tunnels);
	a->tunnels = NULL;
	enrolment_free(a->enrolment);
	link_free(a->link);
	commands_free(a->commands);
	tls_client_free(a->tls);
	at_gateway_free(a->gateway);
	if (a->dialer != NULL)
		dialer_free(a->dialer);
	socket_endpoints_end();
	service_free(a->service);
	if (a->drain != NULL)
		event_free(a->drain);
	if (a->base != NULL)
		loop_free(a->base);
	orthrus_forget_credentials(a);
	config_free(a->config);
}

static void
connect_usage(void)
{
	printf("usage: orthrus connect [options] [[user@]HOST[:PORT]]\n\n"
	    "Keeps one SSH session to a server and carries SOCKS5 and every "
	    "forward over it.\nThe server may stand alone, as in ssh(1), "
	    "whose -N, -T and -n are taken.\n\n");
	config_usage(stdout);
}

int
cmd_connect(int argc, char **argv)
{
	struct orthrus a = { .argc = argc, .argv = argv };
	struct error e;

	if (complete_asked(argc, argv)) {
		config_complete();
		return 0;
	}
	if (wants_help(argc, argv)) {
		connect_usage();
		return 0;
	}
	randombytes_buf(a.instance, sizeof(a.instance));
	a.config = config_load(argc, argv, config_report, NULL, &a.code);
	if (a.config == NULL)
		return a.code;
	log_setup(a.config->log_level, a.config->log_format);
	orthrus_warn_untaken(a.config);
	log_own_name(a.config->name);
	if (orthrus_start_commands(a.config, &a.commands, &e) == -1) {
		log_error("%s", e.text);
		config_free(a.config);
		return e.code;
	}
	ssh_library_init();
	if (connect_start(&a, &e) == -1) {
		log_event(LEVEL_ERROR, LOG_FIELDS(.event = "not_started",
		    .reason = e.text, .code = e.code), "%s", e.text);
		a.code = e.code;
	} else
		event_base_dispatch(a.base);
	connect_finish(&a);
	return a.code;
}
