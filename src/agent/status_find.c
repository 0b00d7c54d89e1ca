/* SPDX-License-Identifier: ISC */
/* Where the control socket of a running "orthrus connect" may be. */
#include "status_find.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"
#include "orthrus/conf/config.h"

/* --- the one that is meant -------------------------------------------- */

static int
socket_address(const char *file, struct address *at, struct error *e)
{
	char *dir = runtime_directory();
	char *path = xasprintf("%s/%s", dir, file);
	int r = address_parse(path, false, at, e);

	free(path);
	free(dir);
	return r;
}

static int
named_address(const char *name, struct address *at, struct error *e)
{
	char file[NAME_MAX_LEN + sizeof(".sock")];

	if (!name_valid(name))
		return error_set(e, EX_USAGE, "--name %s: a name is 1 to 63 "
		    "of a-z 0-9 -", name);
	snprintf(file, sizeof(file), "%s.sock", name);
	return socket_address(file, at, e);
}

struct first_line {
	struct error *e;
	bool seen;
};

static void
keep_first(void *arg, const char *line)
{
	struct first_line *first = arg;

	if (!first->seen)
		error_set(first->e, EX_CONFIG, "%s", line);
	first->seen = true;
}

/*
 * The control address that "connect" would take.  The server is made up, since
 * its address plays no part.
 */
static int
configured_address(const char *file, struct address *at, struct error *e)
{
	char status[] = "status", server[] = "--server", host[] = "localhost",
	    option[] = "--config", *path = xstrdup(file != NULL ? file : "");
	char *argv[] = { status, server, host, option, path, NULL };
	struct first_line first = { e, false };
	struct config *c;
	int code = 0;

	c = config_load(file != NULL ? 5 : 3, argv, keep_first, &first,
	    &code);
	free(path);
	if (c == NULL)
		return -1;
	*at = c->control;
	config_free(c);
	return 0;
}

bool
status_any_will_do(const struct status_target *target)
{
	static const char *const env[] = { "ORTHRUS_CONTROL", "ORTHRUS_NAME",
	    "ORTHRUS_CONFIG" };
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(env) / sizeof(env[0]); i++)
		if ((value = getenv(env[i])) != NULL && *value != '\0')
			return false;
	return target->control == NULL && target->name == NULL &&
	    target->config == NULL;
}

int
status_address(const struct status_target *target, struct address *at,
    struct error *e)
{
	if (target->control != NULL)
		return address_parse(target->control, false, at, e);
	if (target->name != NULL)
		return named_address(target->name, at, e);
	return configured_address(target->config, at, e);
}

/* --- all that there are ----------------------------------------------- */

static bool
is_socket_name(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".sock") == 0;
}

/* Adds what is in a directory, which need not exist. */
static void
add_sockets(struct status_sockets *s, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *ent;
	char *path;

	if (d == NULL && errno == EACCES)
		s->hidden = true;
	while (d != NULL && s->n < STATUS_SOCKETS_MAX &&
	    (ent = readdir(d)) != NULL) {
		if (!is_socket_name(ent->d_name))
			continue;
		path = xasprintf("%s/%s", dir, ent->d_name);
		s->n += address_parse(path, false, &s->at[s->n], NULL) == 0;
		free(path);
	}
	if (d != NULL)
		closedir(d);
}

void
status_sockets(struct status_sockets *s)
{
	char *own = runtime_directory();
	char *services = xasprintf("%s/orthrus", os_run_directory());
	glob_t users = { 0 };
	size_t i;

	s->n = 0;
	s->hidden = false;
	add_sockets(s, own);
	/* Whoever says where sockets are means these. */
	if (getenv("RUNTIME_DIRECTORY") == NULL) {
		if (strcmp(own, services) != 0)
			add_sockets(s, services);
		if (geteuid() == 0 &&
		    glob("/run/user/*/orthrus", 0, NULL, &users) == 0)
			for (i = 0; i < users.gl_pathc; i++)
				add_sockets(s, users.gl_pathv[i]);
		globfree(&users);
	}
	free(services);
	free(own);
}
