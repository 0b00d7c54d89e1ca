/* SPDX-License-Identifier: ISC */
/* SIGHUP: the difference between two configurations, all of it or nothing. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/identity.h"

#include "orthrus.h"
#include "control.h"
#include "at_gateway.h"

static int
reload_control(struct orthrus *a, const struct config *c, struct error *e)
{
	struct control *fresh;

	if (address_equal(&a->config->control, &c->control))
		return 0;
	fresh = control_new(a->base, &c->control, orthrus_snapshot, a, e);
	if (fresh == NULL)
		return -1;
	control_free(a->control);
	a->control = fresh;
	return 0;
}

/* What a new configuration brings: what the agent has of an old one. */
struct credentials {
	struct config *config;
	struct identity *identity;
	char *password;
};

static void
credentials_free(struct credentials *c)
{
	identity_free(c->identity);
	secret_free(c->password);
	config_free(c->config);
}

/* All that can fail: 0, or -1 with *e, and then nothing is changed. */
static int
reload_prepare(struct orthrus *a, struct credentials *fresh, struct error *e)
{
	struct error ignored;

	if (orthrus_load_credentials(fresh->config, &fresh->identity,
	    &fresh->password, e) == -1 ||
	    orthrus_apply_tunnels(a, fresh->config, e) == -1)
		return -1;
	if (reload_control(a, fresh->config, e) == 0)
		return 0;
	orthrus_apply_tunnels(a, a->config, &ignored);
	return -1;
}

/* Takes over what has been prepared; fresh is then what there was before. */
static void
reload_commit(struct orthrus *a, struct credentials *fresh)
{
	struct credentials old = { a->config, a->identity, a->password };
	struct link_config lc;

	log_setup(fresh->config->log_level, fresh->config->log_format);
	a->config = fresh->config;
	a->identity = fresh->identity;
	a->password = fresh->password;
	*fresh = old;
	orthrus_link_config(a, &lc);
	link_update(a->link, &lc);
	at_gateway_reloaded(a->gateway);
}

/* Takes over all of the new configuration, or nothing of it. */
void
orthrus_reload(struct orthrus *a)
{
	struct credentials fresh = { NULL, NULL, NULL };
	struct error e;
	int code;

	if (a->link == NULL) {
		log_error("not reloaded: the enrolment comes first");
		return;
	}
	fresh.config = config_load(a->argc, a->argv, config_report_log, NULL,
	    &code);
	if (fresh.config == NULL) {
		log_error("not reloaded: the configuration has errors");
		return;
	}
	config_forget_auth_key(fresh.config);
	if (reload_prepare(a, &fresh, &e) == 0) {
		reload_commit(a, &fresh);
		log_info("configuration reloaded");
	} else
		log_error("not reloaded: %s", e.text);
	credentials_free(&fresh);
}
