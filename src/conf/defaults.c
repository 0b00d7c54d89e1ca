/* SPDX-License-Identifier: ISC */
/* Default values, and the directories that they are made of. */
#include <sys/stat.h>
#include <sys/types.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"
#include "orthrus/base/well_known.h"

/* An absolute path from the environment, or NULL. */
static const char *
absolute_from(const char *env)
{
	const char *path = getenv(env);

	return path != NULL && path[0] == '/' ? path : NULL;
}

static char *
below_home(const char *path)
{
	char *home = home_directory(), *s;

	s = xasprintf("%s/%s", home, path);
	free(home);
	return s;
}

/* The first of the directories that systemd made, or NULL. */
static char *
from_systemd(const char *env)
{
	const char *dirs = absolute_from(env);

	return dirs == NULL ? NULL :
	    xasprintf("%.*s", (int)strcspn(dirs, ":"), dirs);
}

char *
path_below(char *directory, const char *file)
{
	char *path = xasprintf("%s/%s", directory, file);

	free(directory);
	return path;
}

/*
 * At the start: a service that has become another user since must find at a
 * reload what it found then.
 */
static bool
started_by_root(void)
{
	static bool known, root;

	if (!known)
		root = geteuid() == 0;
	known = true;
	return root;
}

char *
state_directory_of(const char *program)
{
	char *dir = from_systemd("STATE_DIRECTORY");

	if (dir != NULL)
		return dir;
	if (started_by_root())
		return path_below(xstrdup("/var/lib"), program);
	if (absolute_from("XDG_STATE_HOME") != NULL)
		return path_below(xstrdup(absolute_from("XDG_STATE_HOME")),
		    program);
	return path_below(below_home(".local/state"), program);
}

char *
runtime_directory_of(const char *program)
{
	char *dir = from_systemd("RUNTIME_DIRECTORY");

	if (dir != NULL)
		return dir;
	if (started_by_root())
		return path_below(xstrdup(os_run_directory()), program);
	if (absolute_from("XDG_RUNTIME_DIR") != NULL)
		return path_below(xstrdup(absolute_from("XDG_RUNTIME_DIR")),
		    program);
	return xasprintf("/tmp/%s-%u", program, (unsigned)geteuid());
}

char *
state_directory(void)
{
	return state_directory_of("orthrus");
}

char *
runtime_directory(void)
{
	return runtime_directory_of("orthrus");
}

/*
 * The first default file that exists.  One that we may not see counts as
 * missing.
 */
char *
initial_file(const void *c, unsigned i)
{
	struct stat st;
	char *path;

	(void)c;
	if (i > 0)
		return NULL;
	if (absolute_from("XDG_CONFIG_HOME") != NULL)
		path = xasprintf("%s/orthrus/orthrus.ini",
		    absolute_from("XDG_CONFIG_HOME"));
	else
		path = below_home(".config/orthrus/orthrus.ini");
	if (stat(path, &st) == 0)
		return path;
	free(path);
	path = xstrdup("/etc/orthrus/orthrus.ini");
	if (stat(path, &st) == 0)
		return path;
	free(path);
	return NULL;
}

char *
initial_name(const void *c, unsigned i)
{
	char host[256] = "", *p;

	(void)c;
	if (i > 0)
		return NULL;
	gethostname(host, sizeof(host) - 1);
	host[strcspn(host, ".")] = '\0';
	for (p = host; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return xstrdup(host);
}

char *
initial_identity(const void *c, unsigned i)
{
	(void)c;
	return i > 0 ? NULL : path_below(state_directory(), "id_ed25519");
}

char *
initial_known_hosts(const void *c, unsigned i)
{
	(void)c;
	if (i == 0)
		return path_below(state_directory(), "known_hosts");
	return i > 1 ? NULL : below_home(".ssh/known_hosts");
}

char *
initial_control(const void *config, unsigned i)
{
	const struct config *c = config;
	char file[NAME_MAX_LEN + sizeof(".sock")];

	if (i > 0 || c->name[0] == '\0')
		return NULL;
	strcpy(file, c->name);
	strcat(file, ".sock");
	return path_below(runtime_directory(), file);
}
