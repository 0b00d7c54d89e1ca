/* SPDX-License-Identifier: ISC */
/* The configuration of "orthrus connect", from its table to its end. */
#include <stdlib.h>

#include "conf.h"
#include "orthrus/base/mem.h"

static void
free_strings(char **v, size_t n)
{
	while (n > 0)
		free(v[--n]);
	free(v);
}

void
clear_config(void *config)
{
	struct config *c = config;

	free_strings(c->known_hosts, c->nknown_hosts);
	free_strings(c->host_keys, c->nhost_keys);
	free_strings(c->ssh_files, c->nssh_files);
	free(c->ssh_config);
	free(c->certificate);
	free(c->ssh_untaken);
	free(c->servers);
	free(c->tls_ca);
	free(c->tls_name);
	proxies_clear(&c->proxies);
	free(c->proxy_password_file);
	free(c->proxy_command);
	free(c->identity);
	free(c->password_file);
	secret_free(c->auth_key);
	free(c->auth_key_file);
	free(c->auth_key_trouble);
	free(c->socks5_username);
	free(c->socks5_password_file);
	free(c->docker_socket);
	free(c->docker_hosts);
	free(c->docker_reveal);
	free(c->docker_registries);
	free(c->local);
	free(c->remote);
	free(c->exposed);
}

static void
check_identity_too(struct loader *l, int (*look)(const struct config *,
    struct error *))
{
	const struct setting *s = setting_find(l->c, "server", "identity");
	struct error e;

	if (s == NULL || (s->origin == FROM_DEFAULT && loader_unclear(l)))
		return;
	if (look(loader_config(l), &e) == -1)
		loader_blame(l, s, &e);
}

struct config *
config_load(int argc, char **argv, void (*report)(void *arg, const char *line),
    void *arg, int *code)
{
	return config_check(argc, argv, NULL, report, arg, code);
}

struct config *
config_check(int argc, char **argv, int (*look)(const struct config *,
    struct error *), void (*report)(void *, const char *), void *arg,
    int *code)
{
	struct loader l;

	loader_begin(&l, &program_orthrus, argc, argv);
	load_finish(&l);
	if (look != NULL)
		check_identity_too(&l, look);
	return loader_end(&l, report, arg, code);
}

void
config_free(struct config *c)
{
	if (c != NULL)
		head_free(&c->head);
}

void
config_forget_auth_key(struct config *c)
{
	secret_free(c->auth_key);
	c->auth_key = NULL;
}

bool
config_name_is_default(const struct config *c)
{
	const struct setting *s = setting_find(&c->head, "agent", "name");

	return s == NULL || s->origin == FROM_DEFAULT;
}

char *
config_untaken(const struct config *c)
{
	if (c->nssh_untaken == 0)
		return NULL;
	return xasprintf("--ssh-config: not taken: %s%s; orthrus has no such "
	    "thing, or options of its own", c->ssh_untaken,
	    c->nssh_untaken > SSH_UNTAKEN_SHOWN ? " and more" : "");
}

bool
config_identity_is_default(const struct config *c)
{
	const struct setting *s = setting_find(&c->head, "server", "identity");

	return s == NULL || s->origin == FROM_DEFAULT;
}

void
config_print(const struct config *c, FILE *f)
{
	head_print(&c->head, f);
}

void
config_blame(const struct config *c, const char *section, const char *key,
    struct error *e)
{
	head_blame(&c->head, section, key, e);
}

void
config_complete(void)
{
	head_complete(&program_orthrus);
}

void
config_usage(FILE *f)
{
	usage_options(&program_orthrus, "options", f);
	usage_origins(&program_orthrus, f);
	fprintf(f, "\nWhat may be repeated is a comma list in the environment "
	    "and in address and\nhost_key of the file.  Of it, too, the first "
	    "origin that has any counts alone;\nonly forwards and exposed "
	    "ports of all origins add up.\n");
}
