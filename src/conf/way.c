/* SPDX-License-Identifier: ISC */
/* How servers are reached: transport, TLS, proxies, a command. */
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "conf.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/well_known.h"
#include "orthrus/proto/proxy_command.h"

/* --- values ------------------------------------------------------- */

int
set_port(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;

	if (port_word_parse(s->value, strlen(s->value), false,
	    &c->port) == -1)
		return error_set(e, EX_CONFIG, "\"%s\" is not a port: expected "
		    "a number from 1 to 65535 or the name of a service",
		    s->value);
	value_replace(&s->value, xasprintf("%u", (unsigned)c->port));
	return 0;
}

int
set_transport(void *config, struct setting *s, struct error *e)
{
	enum transport_kind kind;

	(void)config;
	if (transport_parse(s->value, &kind) == -1)
		return error_set(e, EX_CONFIG, "\"%s\": expected tcp, tls or "
		    "wss", s->value);
	return 0;
}

int
set_tls_name(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;

	if (!host_valid(s->value, strlen(s->value)))
		return error_set(e, EX_CONFIG, "\"%s\" is not a host: expected "
		    "the name that the server's certificate has", s->value);
	value_replace(&c->tls_name, xstrdup(s->value));
	return 0;
}

/* One proxy for every server. */
static int
set_proxy_url(struct config *c, struct setting *s, struct error *e)
{
	char text[PROXY_TEXT_MAX];
	struct proxy p;

	if (proxy_parse(s->value, &p, e) == -1)
		return -1;
	c->proxies.ssh = c->proxies.tls = p;
	sodium_memzero(&p, sizeof(p));
	secret_free(s->value);
	s->value = xstrdup(proxy_format(&c->proxies.ssh, text));
	return 0;
}

int
set_proxy(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;

	proxies_clear(&c->proxies);
	if (strcmp(s->value, "none") == 0)
		return 0;
	if (strcmp(s->value, "env") == 0)
		return proxies_from_environment(&c->proxies, getenv, e);
	return set_proxy_url(c, s, e);
}

int
set_proxy_command(void *config, struct setting *s, struct error *e)
{
	const struct server example = { .host = "host", .user = "user" };
	struct config *c = config;
	char text[PROXY_COMMAND_MAX];

	if (proxy_command_expand(s->value, &example, text, e) == -1)
		return -1;
	value_replace(&c->proxy_command, strcmp(s->value, "none") == 0 ? NULL :
	    xstrdup(s->value));
	return 0;
}

int
set_prefer(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;

	c->prefer = strcmp(s->value, "fastest") == 0 ? PREFER_FASTEST :
	    PREFER_ORDER;
	if (c->prefer == PREFER_FASTEST || strcmp(s->value, "order") == 0)
		return 0;
	return error_set(e, EX_CONFIG, "\"%s\": expected order or fastest",
	    s->value);
}

int
set_resume(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;

	c->resume = 0;
	if (strcmp(s->value, "0") == 0)
		return 0;
	if (duration_parse(s->value, &c->resume, e) == 0)
		return 0;
	error_prefix(e, "0 for never, or else");
	return -1;
}

/* --- together ----------------------------------------------------- */

/* The setting that the n-th server is from. */
static struct setting *
setting_of_server(struct config *c, size_t n)
{
	return (struct setting *)setting_nth(&c->head,
	    keyword_by_key(c->head.program, "server", "address"), n);
}

static void
show_server(struct setting *address, const struct server *server)
{
	char text[SERVER_TEXT_MAX];

	value_replace(&address->value, xstrdup(server_format(server, text)));
}

/*
 * Gives every server the port of -p, unless its address, of an option too, has
 * another one.
 */
static void
choose_port(struct loader *l)
{
	const struct setting *s = setting_plain(l->c, "port", NULL);
	struct config *c = loader_config(l);
	struct setting *address;
	struct server *server;
	struct error e;
	size_t i;

	for (i = 0; s != NULL && i < c->nservers; i++) {
		server = &c->servers[i];
		address = setting_of_server(c, i);
		if (address->origin == FROM_OPTION && server->port_given &&
		    server->port != c->port) {
			error_set(&e, EX_CONFIG, "the server %s has a port of "
			    "its own; leave one of the two out",
			    address->value);
			loader_blame(l, s, &e);
			continue;
		}
		server->port = c->port;
		server->port_given = true;
		show_server(address, server);
	}
}

/* Gives every server the transport that was asked for. */
static void
choose_transport(struct loader *l)
{
	const struct setting *s = setting_find(l->c, "server", "transport");
	struct config *c = loader_config(l);
	enum transport_kind kind;
	struct error e;
	size_t i;

	if (s == NULL || transport_parse(s->value, &kind) == -1)
		return;
	for (i = 0; i < c->nservers; i++) {
		if (server_choose_transport(&c->servers[i], kind, &e) == -1)
			loader_blame(l, s, &e);
		else
			show_server(setting_of_server(c, i), &c->servers[i]);
	}
}

static bool
has_tls(const struct config *c)
{
	size_t i;

	for (i = 0; i < c->nservers; i++)
		if (c->servers[i].transport != TRANSPORT_TCP)
			return true;
	return false;
}

/* What TLS is to check must not be for nothing. */
static void
check_tls(struct loader *l)
{
	static const char *const keys[] = { "tls_ca", "tls_name" };
	const struct config *c = loader_config(l);
	const struct setting *s;
	struct error e;
	size_t i;

	if (c->nservers == 0 || has_tls(c))
		return;
	for (i = 0; i < 2; i++) {
		if ((s = setting_find(l->c, "server", keys[i])) == NULL)
			continue;
		error_set(&e, EX_CONFIG, "no server is reached by TLS: write "
		    "tls:// or wss:// in front of it, or leave this out");
		loader_blame(l, s, &e);
	}
}

/* A password in a file that others read is none. */
static void
check_proxy_file(struct loader *l, const struct setting *s)
{
	struct stat st;
	struct error e;

	if (s->origin != FROM_FILE || strstr(s->value, ":***@") == NULL ||
	    stat(l->c->file, &st) == -1 ||
	    secret_access_check(l->c->file, &st, &e) == 0)
		return;
	error_set(&e, EX_CONFIG, "it holds a password, and others have access "
	    "to this file (mode %04o): run chmod 600 on it, or put the "
	    "password into a file of ORTHRUS_PROXY_PASSWORD_FILE",
	    (unsigned)st.st_mode & 07777);
	loader_blame(l, s, &e);
}

/* Reads the password for the user in the URL of the proxy. */
static void
load_proxy_password(struct loader *l, const struct setting *s)
{
	struct config *c = loader_config(l);
	struct proxy *p = &c->proxies.ssh;
	char *password = NULL;
	struct error e;

	if (p->password[0] != '\0')
		error_set(&e, EX_CONFIG, "the URL of the proxy has a password "
		    "as well; one of them is enough");
	else if ((password = secret_load(s->value, &e)) != NULL &&
	    strlen(password) >= PROXY_WORD_MAX)
		error_set(&e, EX_CONFIG, "the password in %s has %zu bytes; "
		    "at most %d are possible", s->value, strlen(password),
		    PROXY_WORD_MAX - 1);
	else if (password != NULL) {
		strcpy(p->password, password);
		c->proxies.tls = *p;
		secret_free(password);
		return;
	}
	secret_free(password);
	loader_blame(l, s, &e);
}

static void
check_proxy_password(struct loader *l, const struct setting *proxy)
{
	const struct setting *s = setting_plain(l->c, "proxy_password_file",
	    NULL);
	const struct config *c = loader_config(l);
	struct error e;

	if (s == NULL)
		return;
	if (proxy != NULL && strcmp(proxy->value, "env") != 0 &&
	    c->proxies.ssh.user[0] != '\0') {
		load_proxy_password(l, s);
		return;
	}
	error_set(&e, EX_CONFIG, "there is no proxy with a user that this "
	    "password would be of: write --proxy http://USER@HOST:PORT, or "
	    "leave this out");
	loader_blame(l, s, &e);
}

static void
check_proxy_command(struct loader *l, const struct setting *proxy)
{
	const struct setting *s = setting_find(l->c, "server",
	    "proxy_command");
	const struct config *c = loader_config(l);
	char text[PROXY_COMMAND_MAX];
	struct error e;
	size_t i;

	if (s == NULL || c->proxy_command == NULL)
		return;
	if (proxy != NULL && strcmp(proxy->value, "none") != 0) {
		error_set(&e, EX_CONFIG, "there is a proxy as well, and a "
		    "command stands in the place of a connection: set one of "
		    "the two to none");
		loader_blame(l, s, &e);
	}
	for (i = 0; i < c->nservers; i++) {
		if (proxy_command_expand(s->value, &c->servers[i], text,
		    &e) == -1) {
			loader_blame(l, s, &e);
			return;
		}
	}
}

void
load_addresses(struct loader *l)
{
	choose_port(l);
	choose_transport(l);
}

void
load_way(struct loader *l)
{
	const struct setting *proxy = setting_find(l->c, "server", "proxy");

	check_tls(l);
	if (proxy != NULL)
		check_proxy_file(l, proxy);
	check_proxy_password(l, proxy);
	check_proxy_command(l, proxy);
}
