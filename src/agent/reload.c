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

/* Takes over all of the new configuration, or nothing of it. */
void
orthrus_reload(struct orthrus *a)
{
	struct config *c, *old = a->config;
	struct identity *id, *old_id;
	struct link_config lc;
	struct error e;
	char *password, *old_password;
	int code;

	if (a->link == NULL) {
		log_error("not reloaded: the enrolment comes first");
		return;
	}
	if ((c = config_load(a->argc, a->argv, config_report_log, NULL,
	    &code)) == NULL) {
		log_error("not reloaded: the configuration has errors");
		return;
	}
	config_forget_auth_key(c);
	if (orthrus_load_credentials(c, &id, &password, &e) == -1)
		goto refused;
	if (orthrus_apply_tunnels(a, c, &e) == -1)
		goto refused_late;
	if (reload_control(a, c, &e) == -1) {
		struct error ignored;

		orthrus_apply_tunnels(a, old, &ignored);
		goto refused_late;
	}
	log_setup(c->log_level, c->log_format);
	old_id = a->identity;
	old_password = a->password;
	a->config = c;
	a->identity = id;
	a->password = password;
	orthrus_link_config(a, &lc);
	link_update(a->link, &lc);
	at_gateway_reloaded(a->gateway);
	identity_free(old_id);
	secret_free(old_password);
	config_free(old);
	log_info("configuration reloaded");
	return;
refused_late:
	identity_free(id);
	secret_free(password);
refused:
	config_free(c);
	log_error("not reloaded: %s", e.text);
}
