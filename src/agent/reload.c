/* SIGHUP: the difference between two configurations, all of it or nothing. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/agent/control.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/identity.h"

#include "agent.h"

static void
report_log(void *arg, const char *line)
{
	(void)arg;
	log_error("%s", line);
}

static bool
same_list(char *const *a, size_t na, char *const *b, size_t nb)
{
	size_t i;

	if (na != nb)
		return false;
	for (i = 0; i < na; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* True when the session that is there is the one that new asks for. */
static bool
same_session(const struct config *a, const struct config *b)
{
	char one[SERVER_TEXT_MAX], other[SERVER_TEXT_MAX];
	size_t i;

	if (a->nservers != b->nservers)
		return false;
	for (i = 0; i < a->nservers; i++)
		if (strcmp(server_format(&a->servers[i], one),
		    server_format(&b->servers[i], other)) != 0)
			return false;
	return same_list(a->host_keys, a->nhost_keys, b->host_keys,
	    b->nhost_keys) && same_list(a->known_hosts, a->nknown_hosts,
	    b->known_hosts, b->nknown_hosts) &&
	    same_text(a->identity, b->identity) &&
	    same_text(a->password_file, b->password_file) &&
	    a->accept_new == b->accept_new &&
	    a->backoff_min == b->backoff_min &&
	    a->backoff_max == b->backoff_max && a->reconnect == b->reconnect;
}

#define SWAP(a, b) do { \
	__typeof__(a) t_ = (a); (a) = (b); (b) = t_; \
} while (0)

/* The link points into the old configuration: equal lists change owner. */
static void
keep_session_lists(struct config *a, struct config *b)
{
	SWAP(a->servers, b->servers);
	SWAP(a->host_keys, b->host_keys);
	SWAP(a->known_hosts, b->known_hosts);
}

static int
reload_control(struct agent *a, const struct config *c, struct error *e)
{
	struct control *fresh;

	if (address_equal(&a->config->control, &c->control))
		return 0;
	fresh = control_new(a->base, &c->control, agent_snapshot, a, e);
	if (fresh == NULL)
		return -1;
	control_free(a->control);
	a->control = fresh;
	return 0;
}

/* All of it is taken over, or nothing is. */
void
agent_reload(struct agent *a)
{
	struct config *c, *old = a->config;
	struct identity *id;
	struct error e;
	char *password;
	int code;

	if ((c = config_load(a->argc, a->argv, report_log, NULL,
	    &code)) == NULL) {
		log_error("not reloaded: the configuration has errors");
		return;
	}
	if (agent_load_credentials(c, &id, &password, &e) == -1)
		goto refused;
	if (agent_apply_tunnels(a, c, &e) == -1)
		goto refused_late;
	if (reload_control(a, c, &e) == -1) {
		struct error ignored;

		agent_apply_tunnels(a, old, &ignored);
		goto refused_late;
	}
	log_setup(c->log_level, c->log_format);
	a->config = c;
	if (same_session(old, c)) {
		identity_free(id);
		secret_free(password);
		keep_session_lists(c, old);
	} else {
		link_free(a->link);
		agent_forget_credentials(a);
		a->identity = id;
		a->password = password;
		agent_start_link(a);
	}
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
