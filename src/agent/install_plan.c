/* SPDX-License-Identifier: ISC */
/* Where an installed agent has its files, and what is in them. */
#include "config.h"

#include "install.h"

#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/mem.h"
#include "orthrus/conf/config.h"
#include "orthrus/proto/server.h"
#include "orthrus/setup/setup.h"

#define DOCKER_SOCKET "/var/run/docker.sock"

/* --- where -------------------------------------------------------- */

static char *
user_config(struct error *e)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (xdg != NULL && xdg[0] == '/')
		return xstrdup(xdg);
	if (home != NULL && home[0] == '/')
		return xasprintf("%s/.config", home);
	error_set(e, EX_CONFIG, "HOME is not set: whose service is it to be?");
	return NULL;
}

int
install_paths(bool user, struct install_paths *p, struct error *e)
{
	char *config = user ? user_config(e) : xstrdup("/etc");
	const char *units = user ? "systemd/user" : "systemd/system";

	if (config == NULL)
		return -1;
	p->ini = xasprintf("%s/orthrus/orthrus.ini", config);
	p->key = xasprintf("%s/orthrus/auth_key", config);
	p->manifest = xasprintf("%s/orthrus/.installed", config);
	p->unit = xasprintf("%s/%s/orthrus.service", config, units);
	p->drop_in = xasprintf("%s/%s/orthrus.service.d/install.conf", config,
	    units);
	p->state = user ? state_directory() : xstrdup("/var/lib/orthrus");
	free(config);
	return 0;
}

void
install_paths_clear(struct install_paths *p)
{
	free(p->ini);
	free(p->key);
	free(p->manifest);
	free(p->unit);
	free(p->drop_in);
	free(p->state);
}

/* --- orthrus.ini -------------------------------------------------- */

static void
add_line(char **text, const char *section, const char *key, const char *value)
{
	char *more = xasprintf("%s%s[%s]\n%s = %s\n", *text, **text != '\0' ?
	    "\n" : "", section, key, value);

	free(*text);
	*text = more;
}

/* Every value was parsed, so that none is more than one. */
static int
plan_ini(struct setup *s, const struct install_options *o, const char *path,
    struct error *e)
{
	char section[32], address[SERVER_TEXT_MAX];
	struct server server;
	char *text, *whole;
	size_t i;

	if (server_parse(o->server, &server, e) == -1) {
		error_prefix(e, "--server");
		return -1;
	}
	text = xstrdup("");
	if (o->name != NULL)
		add_line(&text, "agent", "name", o->name);
	add_line(&text, "server", "address", server_format(&server, address));
	add_line(&text, "socks5", "listen", o->socks5 != NULL ? o->socks5 :
	    "off");
	if (o->docker)
		add_line(&text, "docker", "socket", DOCKER_SOCKET);
	for (i = 0; i < o->nexposed; i++) {
		snprintf(section, sizeof(section), "expose e%zu", i + 1);
		add_line(&text, section, "to", o->exposed[i]);
	}
	whole = xasprintf("# Written by \"orthrus install\"; edit it, and "
	    "\"systemctl%s reload orthrus\".\n# orthrus.ini(5) explains every "
	    "key.\n\n%s", o->user ? " --user" : "", text);
	setup_plan(s, path, 0644, whole, strlen(whole), false);
	free(whole);
	free(text);
	return 0;
}

struct first_line {
	char text[ERROR_TEXT_MAX];
	bool seen;
};

static void
keep_first_line(void *arg, const char *line)
{
	struct first_line *first = arg;

	if (!first->seen)
		snprintf(first->text, sizeof(first->text), "%s", line);
	first->seen = true;
}

/* One that is there has to be good; *docker says whether it shares Docker. */
static int
look_at_ini(const char *path, bool *docker, struct error *e)
{
	char command[] = "install", *option = xasprintf("--config=%s", path),
	    *argv[] = { command, option, NULL };
	struct first_line first = { .seen = false };
	struct config *c;
	int code = 0;

	if (access(path, F_OK) == -1) {
		free(option);
		return error_set(e, EX_USAGE, "where to? there is no %s yet: "
		    "give --server SERVER", path);
	}
	c = config_load(2, argv, keep_first_line, &first, &code);
	free(option);
	if (c == NULL)
		return error_set(e, code, "%s", first.text);
	*docker = c->docker;
	config_free(c);
	return 0;
}

/* --- the unit ----------------------------------------------------- */

/* The group that may use the Docker socket, for the service to be in. */
static const char *
docker_group(void)
{
	const struct group *g;
	struct stat st;

	g = stat(DOCKER_SOCKET, &st) == 0 ? getgrgid(st.st_gid) :
	    getgrnam("docker");
	return g != NULL && g->gr_gid != 0 ? g->gr_name : NULL;
}

/*
 * What the unit itself does not say.  The key's file may go once it has served:
 * an empty line stands in for it then.
 */
static void
plan_drop_in(struct setup *s, const struct install_options *o,
    const struct install_paths *p, bool docker)
{
	bool key = o->auth_key != NULL || setup_is_ours(s, p->key);
	const char *group = docker && !o->user ? docker_group() : NULL;
	char *credential = xasprintf("LoadCredential=auth_key:%s\n"
	    "SetCredential=auth_key:\\n\n"
	    "Environment=AUTH_KEY_FILE=%%d/auth_key\n", p->key);
	char *text = xasprintf("# Written by \"orthrus install\".\n[Service]\n"
	    "%s%s%s%s", !key ? "" : o->user ?
	    "Environment=AUTH_KEY_FILE=%E/orthrus/auth_key\n" : credential,
	    group != NULL ? "SupplementaryGroups=" : "",
	    group != NULL ? group : "", group != NULL ? "\n" : "");

	if (key || group != NULL)
		setup_plan(s, p->drop_in, 0644, text, strlen(text), false);
	free(text);
	free(credential);
}

static int
plan_unit(struct setup *s, bool user, const char *path, struct error *e)
{
	char program[1024], *text;

	if (setup_has_packaged_unit(s))
		return 0;
	if (setup_own_path(s, program, sizeof(program), e) == -1)
		return -1;
	text = setup_unit(user ? setup_orthrus_user_unit : setup_orthrus_unit,
	    "orthrus", program);
	setup_plan(s, path, 0644, text, strlen(text), false);
	free(text);
	return 0;
}

int
install_plan(struct setup *s, const struct install_options *o,
    const struct install_paths *p, struct error *e)
{
	bool docker = o->docker;
	char *line;

	if ((o->server != NULL ? plan_ini(s, o, p->ini, e) :
	    look_at_ini(p->ini, &docker, e)) == -1)
		return -1;
	if (o->auth_key != NULL) {
		line = xasprintf("%s\n", o->auth_key);
		setup_plan(s, p->key, 0600, line, strlen(line), true);
		secret_free(line);
	}
	plan_drop_in(s, o, p, docker);
	return plan_unit(s, o->user, p->unit, e);
}
