/* SPDX-License-Identifier: ISC */
/* "charon serve": the gateway and its HTTP API in one loop, until a signal. */
#include "config.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/api/api.h"
#include "orthrus/base/command_line.h"
#include "orthrus/base/complete.h"
#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/notify.h"
#include "orthrus/base/privileges.h"
#include "orthrus/base/service.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/gateway/serve.h"
#include "orthrus/monitor/monitor.h"
#include "orthrus/monitor/state.h"
#include "orthrus/relay/socket.h"

#include "cli.h"
#include "commands.h"

struct serving {
	int argc;
	char **argv;
	struct event_base *base;
	struct service *service;
	struct gateway_helpers helpers;
	struct gateway *gateway;
	struct api *api;
};

static void
on_serve_stop(void *arg, int sig)
{
	struct serving *sv = arg;

	(void)sig;
	gateway_drain(sv->gateway);
}

/* Takes over all of the new configuration, or nothing of it. */
static void
on_serve_reload(void *arg)
{
	struct serving *sv = arg;
	struct gateway_config *fresh;
	const char *key;
	int code;

	loop_doing(LOOP_RELOAD);
	notify_reloading();
	fresh = gateway_config_load(sv->argc, sv->argv, config_report_log,
	    NULL, &code);
	if (fresh == NULL)
		log_event(LEVEL_ERROR, LOG_FIELDS(.event = "not_reloaded"),
		    "not reloaded: the configuration has errors, which are "
		    "above; what ran goes on");
	else if ((key = gateway_reload(sv->gateway, fresh)) != NULL) {
		log_event(LEVEL_ERROR, LOG_FIELDS(.event = "not_reloaded"),
		    "not reloaded, nothing of it: %s changes with a restart "
		    "only", key);
		gateway_config_free(fresh);
	} else
		log_event(LEVEL_INFO, LOG_FIELDS(.event = "reloaded"),
		    "configuration reloaded");
	notify_send("READY=1");
}

int
serve_check_user(const struct gateway_config *c, struct error *e)
{
	if (geteuid() != 0 || !c->user_given || getpwnam(c->user) != NULL)
		return 0;
	return error_set(e, EX_CONFIG, "[charon] user: there is no user %s; "
	    "make one with \"useradd --system %s\", or name another", c->user,
	    c->user);
}

/*
 * From here on nothing is done as root, whoever has started us.  systemd has
 * already done the same for its User=.
 */
static int
become_user(const struct gateway_config *c, struct error *e)
{
	const struct privileges_place places[] = {
		{ c->state, state_files }, { c->runtime, NULL }
	};

	if (serve_check_user(c, e) == -1 || state_check(c, e) == -1)
		return -1;
	if (geteuid() != 0 || strcmp(c->user, "root") == 0)
		return 0;
	if (getpwnam(c->user) == NULL) {
		log_warn("running as root, for there is no user %s: make one "
		    "with \"useradd --system %s\", or name another, or root, "
		    "in [charon] user", c->user, c->user);
		return 0;
	}
	return privileges_drop(c->user, places, 2, e);
}

static int
serve_start(struct serving *sv, struct gateway_config *c, struct error *e)
{
	static const struct service_events events = { on_serve_stop,
	    on_serve_reload };

	/* Before there is anything that these should not share. */
	if (become_user(c, e) == -1 || gateway_start_helpers(&sv->helpers, c,
	    sv->argc, sv->argv, e) == -1) {
		gateway_config_free(c);
		return -1;
	}
	sv->base = loop_new();
	monitor_watch(sv->helpers.monitor, sv->base);
	sv->service = service_new(sv->base, &events, sv);
	if ((sv->gateway = gateway_start(sv->base, &sv->helpers, c, e)) == NULL ||
	    api_start(&sv->api, sv->gateway, sv->base, &c->http_listen,
	    c->ntls_listen > 0, c->state, e) == -1 || gateway_admit(sv->gateway, e) == -1 ||
	    gateway_confine(sv->gateway, e) == -1)
		return -1;
	notify_send("READY=1\nSTATUS=listening");
	return 0;
}

static void
serve_finish(struct serving *sv)
{
	api_stop(sv->api);
	gateway_free(sv->gateway);
	socket_endpoints_end();
	service_free(sv->service);
	gateway_end_helpers(&sv->helpers);
	if (sv->base != NULL)
		loop_free(sv->base);
}

int
cmd_serve(int argc, char **argv)
{
	struct serving sv = { .argc = argc, .argv = argv };
	struct gateway_config *config;
	struct error e;
	int code = 0;

	if (complete_asked(argc, argv)) {
		gateway_config_complete();
		return 0;
	}
	if (wants_help(argc, argv)) {
		printf("usage: charon serve [options]\n\nRuns the gateway: an "
		    "SSH server for agents and clients.\n\n");
		gateway_config_usage(stdout);
		return 0;
	}
	config = gateway_config_load(argc, argv, config_report, NULL, &code);
	if (config == NULL)
		return code;
	if (serve_start(&sv, config, &e) == -1) {
		log_error("%s", e.text);
		code = e.code;
	} else {
		event_base_dispatch(sv.base);
		if (monitor_is_lost(sv.helpers.monitor))
			code = EX_SOFTWARE;
	}
	serve_finish(&sv);
	return code;
}
