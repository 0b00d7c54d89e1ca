/* SPDX-License-Identifier: ISC */
/*
 * What becomes of the lines that an ssh_config(5) has for a server: all else,
 * given by option, environment or ini file, wins over it.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ssh_reading.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/well_known.h"
#include "orthrus/proto/proxy_command.h"

/* Harmless to a shell and to ssh(1), in what a ProxyJump says. */
#define JUMP_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789._-@:[],/"

/* --- tokens ------------------------------------------------------- */

/* What %c is, or NULL; text is room for some. */
static const char *
token_word(char c, const struct server *server, const char *alias,
    char text[16])
{
	const struct passwd *pw;

	switch (c) {
	case '%':
		return "%";
	case 'h':
		return server->host;
	case 'n':
		return alias;
	case 'p':
		snprintf(text, 16, "%u", (unsigned)server->port);
		return text;
	case 'r':
		return server->user[0] != '\0' ? server->user : NULL;
	case 'u':
		pw = getpwuid(getuid());
		return pw == NULL ? NULL : pw->pw_name;
	case 'i':
		snprintf(text, 16, "%u", (unsigned)getuid());
		return text;
	default:
		return NULL;
	}
}

char *
ssh_expand_tokens(const char *in, const char *kinds,
    const struct server *server, const char *alias, struct error *e)
{
	const char *word;
	char text[16], *out, *home;
	size_t len;
	FILE *f = open_memstream(&out, &len);
	bool ok = true;

	for (; ok && *in != '\0'; in++) {
		if (*in != '%') {
			fputc(*in, f);
			continue;
		}
		in++;
		home = *in == 'd' ? home_directory() : NULL;
		word = *in == '\0' || strchr(kinds, *in) == NULL ? NULL :
		    home != NULL ? home : token_word(*in, server, alias, text);
		if (word != NULL)
			fputs(word, f);
		else
			ok = false;
		free(home);
		if (!ok)
			break;
	}
	fclose(f);
	if (ok)
		return out;
	error_set(e, EX_CONFIG, "\"%%%.1s\" is not known here; there are %%%% "
	    "and, of these, the letters %s", in, kinds);
	free(out);
	return NULL;
}

/*
 * A ProxyCommand with its %n replaced, for the caller to free; what else begins
 * with a '%' is replaced when it is run.  NULL where a shell could read the
 * alias, which may come from anywhere, as more than a name.
 */
static char *
command_for(const char *alias, const char *in)
{
	char *out;
	size_t len;
	FILE *f = open_memstream(&out, &len);
	bool ok = true;
	const char *p;

	for (; *in != '\0'; in++) {
		if (in[0] == '%' && in[1] == 'n') {
			ok = ok && proxy_command_takes(alias);
			for (p = alias; *p != '\0'; p++)
				fputs(*p == '%' ? "%%" : (char[]){ *p, 0 }, f);
			in++;
			continue;
		}
		fputc(*in, f);
		if (in[0] == '%' && in[1] != '\0')
			fputc(*++in, f);
	}
	fclose(f);
	if (ok)
		return out;
	free(out);
	return NULL;
}

/* --- what becomes of it ------------------------------------------- */

/* Takes the value for the key in [server], unless somebody else has set it. */
static void
take_found(struct ssh_reading *r, const char *key, const struct found *from,
    const char *value)
{
	const struct keyword *kw = keyword_by_key(r->l->c->program, "server",
	    key);

	r->l->source = from->file;
	*loader_given_to(r->l, kw) = true;
	loader_take_one(r->l, kw, FROM_SSH_CONFIG, from->line, NULL, value);
	r->l->source = NULL;
}

/* The address with what was found for it, and a note where that is from. */
static void
take_address(struct ssh_reading *r, struct server *server,
    struct setting *address)
{
	const struct found *name = &r->found[SSH_HOST_NAME];
	const struct found *port = &r->found[SSH_PORT];
	const struct found *at = NULL;
	char text[SERVER_TEXT_MAX];

	if (name->value != NULL) {
		snprintf(server->host, sizeof(server->host), "%s",
		    r->state.hostname);
		at = name;
	}
	if (port->value != NULL && !server->port_given &&
	    loader_config(r->l)->port == 0) {
		if (port_word_parse(port->value, strlen(port->value), false,
		    &server->port) == -1) {
			ssh_fail(r, port->file, port->line, "Port: expected a "
			    "number from 1 to 65535 or the name of a service");
			return;
		}
		server->port_given = true;
		at = at == NULL ? port : at;
	}
	if (at == NULL)
		return;
	value_replace(&address->value, xstrdup(server_format(server, text)));
	value_replace(&address->note, xasprintf("%s:%u", at->file, at->line));
}

static void
take_user(struct ssh_reading *r, struct server *server)
{
	const struct found *user = &r->found[SSH_USER];
	struct setting s = { .origin = FROM_SSH_CONFIG };

	if (user->value == NULL || server->user[0] != '\0' ||
	    loader_given(r->l, "server", "user"))
		return;
	s.kw = s.from = keyword_by_key(r->l->c->program, "server", "user");
	s.value = xstrdup(user->value);
	s.line = user->line;
	s.file = xstrdup(user->file);
	r->l->source = s.file;
	if (s.kw->set(r->l->c, &s, NULL) == -1) {
		ssh_fail(r, s.file, s.line, "User: not the name of a user");
		setting_clear(&s);
	} else {
		strcpy(server->user, s.value);
		setting_add(r->l->c, &s);
	}
	r->l->source = NULL;
}

/* The command that ssh(1) would run in the place of a ProxyJump. */
static char *
jump_command(const struct ssh_reading *r, const char *jump)
{
	const struct keyword *kw = keyword_by_key(r->l->c->program, "server",
	    "ssh_config");
	const char *last = strrchr(jump, ',');
	const char *own = loader_config(r->l)->ssh_config;
	char *usual = home_expand(kw->fixed), *option, *command;
	bool scheme = strncmp(last == NULL ? jump : last + 1, "ssh://", 6) == 0;

	option = strcmp(own, usual) == 0 ? xstrdup("") :
	    xasprintf(" -F '%s'", own);
	command = last == NULL ?
	    xasprintf("ssh%s -W '[%%h]:%%p' %s%s", option,
	    scheme ? "" : "ssh://", jump) :
	    xasprintf("ssh%s -J %.*s -W '[%%h]:%%p' %s%s", option,
	    (int)(last - jump), jump, scheme ? "" : "ssh://", last + 1);
	free(option);
	free(usual);
	return command;
}

/* One host or some, none of them empty, and nothing that a shell would read. */
static bool
is_jump(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && text[0] != '-' && text[0] != ',' &&
	    text[len - 1] != ',' && strstr(text, ",,") == NULL &&
	    strstr(text, ",-") == NULL && strspn(text, JUMP_BYTES) == len;
}

static void
take_proxy(struct ssh_reading *r)
{
	const struct found *command = &r->found[SSH_PROXY_COMMAND];
	const struct found *jump = &r->found[SSH_PROXY_JUMP];
	const char *own = loader_config(r->l)->ssh_config;
	char *text;

	if (loader_given(r->l, "server", "proxy") ||
	    loader_given(r->l, "server", "proxy_command"))
		return;
	if (command->value != NULL && strcasecmp(command->value, "none") != 0) {
		text = command_for(r->state.alias, command->value);
		if (text == NULL)
			ssh_fail(r, command->file, command->line,
			    "ProxyCommand: the name of the server holds what a "
			    "shell could read as more than a name, so that no "
			    "command is given it; leave %n out");
		else
			take_found(r, "proxy_command", command, text);
		free(text);
		return;
	}
	if (jump->value == NULL || strcasecmp(jump->value, "none") == 0)
		return;
	if (!is_jump(jump->value)) {
		ssh_fail(r, jump->file, jump->line, "ProxyJump: expected "
		    "[user@]host[:port], or some with ',' between");
		return;
	}
	if (strpbrk(own, "'%") != NULL) {
		ssh_fail(r, jump->file, jump->line, "ProxyJump: the path of "
		    "the file has a ' or % in it, which no command is given");
		return;
	}
	text = jump_command(r, jump->value);
	take_found(r, "proxy_command", jump, text);
	free(text);
}

/* The path of found with its tokens replaced, or NULL: told, or "none". */
static char *
expanded_path(struct ssh_reading *r, const char *keyword,
    const struct found *from, const struct server *server)
{
	struct error e;
	char *path, *whole;

	if (from->value == NULL || strcasecmp(from->value, "none") == 0)
		return NULL;
	path = strstr(from->value, "${") != NULL ? NULL :
	    ssh_expand_tokens(from->value, "%dhnpriu", server,
	    r->state.alias, &e);
	if (path == NULL || (path[0] == '~' && path[1] != '/')) {
		ssh_note_untaken(r, from->file, from->line, keyword);
		free(path);
		return NULL;
	}
	whole = home_expand(path);
	free(path);
	return whole;
}

static void
take_identity(struct ssh_reading *r, const struct server *server)
{
	const struct found *identity = &r->found[SSH_IDENTITY_FILE];
	const struct found *cert = &r->found[SSH_CERTIFICATE_FILE];
	struct config *c = loader_config(r->l);
	char *path;

	if (loader_given(r->l, "server", "identity"))
		return;
	if ((path = expanded_path(r, "IdentityFile", identity, server)) != NULL)
		take_found(r, "identity", identity, path);
	free(path);
	/* ssh(1) goes on without one that is not there. */
	path = expanded_path(r, "CertificateFile", cert, server);
	if (path != NULL && access(path, F_OK) == -1)
		ssh_note_untaken(r, cert->file, cert->line, "CertificateFile");
	else if (path != NULL) {
		free(c->certificate);
		c->certificate = xstrdup(path);
	}
	free(path);
}

static void
take_known_hosts(struct ssh_reading *r, const struct server *server)
{
	char *path;
	size_t i;

	if (loader_given(r->l, "server", "known_hosts"))
		return;
	for (i = 0; i < r->nhosts; i++) {
		path = expanded_path(r, "UserKnownHostsFile", &r->hosts[i],
		    server);
		if (path != NULL)
			take_found(r, "known_hosts", &r->hosts[i], path);
		free(path);
	}
}

static void
forget_found(struct found *f)
{
	free(f->value);
	free(f->file);
}

static void
read_for_server(struct loader *l, struct server *server,
    struct setting *address)
{
	char alias[HOST_MAX];
	struct ssh_reading r = { .l = l, .state = { .alias = alias,
	    .active = true } };
	size_t i;

	strcpy(alias, server->host);
	ssh_read_file(&r, loader_config(l)->ssh_config, 0);
	take_address(&r, server, address);
	take_user(&r, server);
	take_identity(&r, server);
	take_known_hosts(&r, server);
	take_proxy(&r);
	for (i = 0; i < SSH_CONFIG_KEYS; i++)
		forget_found(&r.found[i]);
	for (i = 0; i < r.nhosts; i++)
		forget_found(&r.hosts[i]);
	free(r.hosts);
}

void
load_ssh_config(struct loader *l)
{
	struct config *c = loader_config(l);
	size_t i;

	if (c->ssh_config == NULL || strcasecmp(c->ssh_config, "none") == 0)
		return;
	for (i = 0; i < c->nservers; i++)
		if (c->servers[i].transport == TRANSPORT_TCP)
			read_for_server(l, &c->servers[i],
			    (struct setting *)setting_nth(&c->head,
			    keyword_by_key(c->head.program, "server",
			    "address"), i));
}
