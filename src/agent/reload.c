/* SPDX-License-Identifier: ISC */
/* SIGHUP: the difference between two configurations, all of it or nothing. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/transport/command.h"
#include "orthrus/transport/tls.h"

#include "orthrus.h"
#include "control.h"
#include "at_gateway.h"

/* What a new configuration brings: what the agent has of an old one. */
struct belongings {
	struct config *config;
	struct identity *identity;
	char *password;
	struct tls_client *tls;
	struct control *control;	/* NULL in a new one: it stays */
};

static void
belongings_free(struct belongings *b)
{
	control_free(b->control);
	identity_free(b->identity);
	secret_free(b->password);
	tls_client_free(b->tls);
	config_free(b->config);
}

static int
reload_control(struct orthrus *a, struct belongings *fresh, struct error *e)
{
	if (address_equal(&a->config->control, &fresh->config->control))
		return 0;
	fresh->control = orthrus_control(a, fresh->config, e);
	return fresh->control == NULL ? -1 : 0;
}

/* The process that runs it has had it from the start. */
static int
reload_command(const struct orthrus *a, const struct config *fresh,
    struct error *e)
{
	const char *command = fresh->proxy_command;

	if (command == NULL || (a->commands != NULL &&
	    commands_are(a->commands, command)))
		return 0;
	return error_set(e, EX_CONFIG, "a proxy command that is new, or "
	    "another one, needs a restart");
}

/*
 * All that can fail: 0, or -1 with *e, and then nothing is changed.  The
 * tunnels come last, since what was ended of them cannot be had back.
 */
static int
reload_prepare(struct orthrus *a, struct belongings *fresh, struct error *e)
{
	if (orthrus_load_credentials(fresh->config, a, &fresh->identity,
	    &fresh->password, e) == -1 ||
	    orthrus_load_tls(fresh->config, &fresh->tls, e) == -1 ||
	    reload_command(a, fresh->config, e) == -1 ||
	    reload_control(a, fresh, e) == -1)
		return -1;
	return orthrus_apply_tunnels(a, fresh->config, e);
}

/* Takes over what has been prepared; fresh is then what there was before. */
static void
reload_commit(struct orthrus *a, struct belongings *fresh)
{
	struct belongings old = { a->config, a->identity, a->password, a->tls,
	    NULL };
	struct link_config lc;

	log_setup(fresh->config->log_level, fresh->config->log_format);
	a->config = fresh->config;
	a->identity = fresh->identity;
	a->password = fresh->password;
	a->tls = fresh->tls;
	if (fresh->control != NULL) {
		old.control = a->control;
		a->control = fresh->control;
	}
	*fresh = old;
	orthrus_link_config(a, &lc);
	link_update(a->link, &lc);
	at_gateway_reloaded(a->gateway);
}

/* Takes over all of the new configuration, or nothing of it. */
void
orthrus_reload(struct orthrus *a)
{
	struct belongings fresh = { NULL, NULL, NULL, NULL, NULL };
	struct error e;
	int code;

	if (a->link == NULL) {
		log_event(LEVEL_ERROR, LOG_FIELDS(.event = "not_reloaded"),
		    "not reloaded: the enrolment comes first");
		return;
	}
	fresh.config = config_load(a->argc, a->argv, config_report_log, NULL,
	    &code);
	if (fresh.config == NULL) {
		log_event(LEVEL_ERROR, LOG_FIELDS(.event = "not_reloaded"),
		    "not reloaded: the configuration has errors, which are "
		    "above; what ran goes on");
		return;
	}
	config_forget_auth_key(fresh.config);
	if (reload_prepare(a, &fresh, &e) == 0) {
		orthrus_warn_untaken(fresh.config);
		reload_commit(a, &fresh);
		log_event(LEVEL_INFO, LOG_FIELDS(.event = "reloaded"),
		    "configuration reloaded");
	} else
		log_event(LEVEL_ERROR, LOG_FIELDS(.event = "not_reloaded",
		    .reason = e.text), "not reloaded: %s", e.text);
	belongings_free(&fresh);
}
