/* SPDX-License-Identifier: ISC */
/* From the configuration to what runs: the link, and the list of tunnels. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/transport/command.h"
#include "orthrus/transport/tls.h"

#include "orthrus.h"

#define CONNECT_MS 10000	/* to one server, all its addresses */
#define LOGIN_MS 10000		/* key exchange and login */
#define PROBE_MS 5000		/* contract: a probe every 5 s ... */
#define DEAD_MS 13000		/* ... and a dead peer noticed within 15 s */
#define WELL_MS 60000		/* before a better server is moved to */
#define KEEP_MS 600000		/* for streams where it was moved from */

void
orthrus_warn_untaken(const struct config *c)
{
	char *untaken = config_untaken(c);

	if (untaken != NULL)
		log_warn("%s", untaken);
	free(untaken);
}

static void
forget_config(void *config)
{
	config_free(config);
}

int
orthrus_start_commands(struct config *c, struct commands **commands,
    struct error *e)
{
	*commands = NULL;
	if (c->proxy_command == NULL)
		return 0;
	*commands = commands_new(c->proxy_command, forget_config, c, e);
	return *commands == NULL ? -1 : 0;
}

int
orthrus_load_tls(const struct config *c, struct tls_client **tls,
    struct error *e)
{
	size_t i;

	*tls = NULL;
	for (i = 0; i < c->nservers && *tls == NULL; i++)
		if (c->servers[i].transport != TRANSPORT_TCP &&
		    (*tls = tls_client_new(c->tls_ca, e)) == NULL) {
			config_blame(c, "server", "tls_ca", e);
			return -1;
		}
	return 0;
}

void
link_config_of(const struct config *c, struct tls_client *tls,
    struct link_config *lc)
{
	*lc = (struct link_config) {
		.session = {
			.policy = {
				.pins = c->host_keys,
				.npins = c->nhost_keys,
				.known_hosts = c->known_hosts,
				.nknown_hosts = c->nknown_hosts,
				.servers = c->servers,
				.nservers = c->nservers,
				.accept_new = c->accept_new
			},
			.transport = {
				.step_ms = CONNECT_MS,
				.proxies = &c->proxies,
				.tls = tls,
				.tls_name = c->tls_name
			},
			.login_ms = LOGIN_MS,
			.probe_ms = PROBE_MS, .dead_ms = DEAD_MS,
			.resume_ms = c->resume
		},
		.servers = c->servers, .nservers = c->nservers,
		.prefer = c->prefer,
		/* What carries one stream stays where it is. */
		.well_ms = c->stdio.kind == ADDRESS_NONE ? WELL_MS : 0,
		.keep_ms = KEEP_MS,
		.backoff_min = c->backoff_min, .backoff_max = c->backoff_max,
		.reconnect = c->reconnect
	};
}

void
orthrus_link_config(const struct orthrus *a, struct link_config *lc)
{
	link_config_of(a->config, a->tls, lc);
	lc->session.identity = a->identity;
	lc->session.password = a->password;
	if (a->config->proxy_command != NULL)
		lc->session.transport.commands = a->commands;
}

void
orthrus_set_identity(struct orthrus *a, struct identity *id)
{
	struct identity *old = a->identity;
	struct link_config lc;

	a->identity = id;
	orthrus_link_config(a, &lc);
	link_update(a->link, &lc);
	identity_free(old);
}

static struct tunnel_config *
add_tunnel_config(struct tunnel_config *list, size_t *n, enum tunnel_kind kind,
    const struct forward_conf *from)
{
	struct tunnel_config *t;

	list = xreallocarray(list, *n + 1, sizeof(*list));
	t = &list[(*n)++];
	memset(t, 0, sizeof(*t));
	t->kind = kind;
	if (from != NULL) {
		memcpy(t->name, from->name, sizeof(t->name));
		memcpy(t->words, from->words, sizeof(t->words));
		t->spec = from->spec;
	}
	return list;
}

int
orthrus_apply_tunnels(struct orthrus *a, const struct config *c,
    struct error *e)
{
	struct tunnel_config *list = NULL;
	char *password = NULL;
	size_t i, n = 0;
	int rc;

	if (!c->socks5 && c->socks5_default)
		log_warn("a forward listens on SOCKS5's default port: going on "
		    "without SOCKS5 (--socks5 chooses another address)");
	if (c->socks5) {
		if (c->socks5_password_file != NULL && (password =
		    secret_load(c->socks5_password_file, e)) == NULL)
			return -1;
		list = add_tunnel_config(list, &n, TUNNEL_SOCKS5, NULL);
		list[n - 1].spec.listen = c->socks5_listen;
		list[n - 1].optional = c->socks5_default;
		list[n - 1].username = c->socks5_username;
		list[n - 1].password = password;
	}
	for (i = 0; i < c->nlocal; i++)
		list = add_tunnel_config(list, &n, TUNNEL_LOCAL, &c->local[i]);
	for (i = 0; i < c->nremote; i++)
		list = add_tunnel_config(list, &n, TUNNEL_REMOTE,
		    &c->remote[i]);
	if (c->docker) {
		list = add_tunnel_config(list, &n, TUNNEL_DOCKER, NULL);
		list[n - 1].spec.listen = c->docker_remote;
		list[n - 1].automatic = c->docker_auto;
		list[n - 1].spec.to.kind = ADDRESS_UNIX;
		snprintf(list[n - 1].spec.to.path,
		    sizeof(list[n - 1].spec.to.path), "%s", c->docker_socket);
		list[n - 1].policy = c->docker_policy;
	}
	for (i = 0; i < c->nexposed; i++) {
		list = add_tunnel_config(list, &n, TUNNEL_EXPOSE,
		    &c->exposed[i]);
		list[n - 1].automatic = true;
	}
	rc = tunnels_apply(a->tunnels, list, n, e);
	free(list);
	secret_free(password);
	return rc;
}
