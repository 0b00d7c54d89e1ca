/* SPDX-License-Identifier: ISC */
/*
 * What to do about an engine that cannot be reached: it does not run, its
 * socket is elsewhere, or it is not for us.
 */
#include "advice.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/os.h"

/* --- what is found out at the start ------------------------------------ */

/*
 * Only who stands in the file can be put into a group there: a user that
 * systemd has made up, or a number in a container, has no name for that.
 */
static void
find_user(struct advice *a)
{
	if (!os_local_user(geteuid(), a->user, sizeof(a->user)))
		a->user[0] = '\0';
}

/* The socket's group, or that which it mostly has. */
static void
find_group(struct advice *a, const char *path)
{
	static const char usual[] = "docker";
	struct stat st;
	bool known;

	if (stat(path, &st) == 0) {
		a->gid = st.st_gid;
		known = os_local_group(st.st_gid, a->group, sizeof(a->group));
	} else if ((known = os_local_group_named(usual, &a->gid)))
		memcpy(a->group, usual, sizeof(usual));
	if (!known)
		a->group[0] = '\0';
}

static void
find_other_socket(struct advice *a, const char *path)
{
	static const char *const names[] = { "docker.sock",
	    "podman/podman.sock" };
	const char *dir = getenv("XDG_RUNTIME_DIR");
	char mine[64], text[UNIX_PATH_MAX_LEN];
	size_t i;
	int n;

	snprintf(mine, sizeof(mine), "/run/user/%u", (unsigned)geteuid());
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = snprintf(text, sizeof(text), "%s/%s", dir != NULL ? dir :
		    mine, names[i]);
		if (n < (int)sizeof(text) && strcmp(text, path) != 0 &&
		    access(text, R_OK | W_OK) == 0) {
			memcpy(a->other, text, (size_t)n + 1);
			return;
		}
	}
}

void
advice_prepare(struct advice *a, const char *path)
{
	memset(a, 0, sizeof(*a));
	find_user(a);
	find_group(a, path);
	find_other_socket(a, path);
}

/* --- sentences ---------------------------------------------------------- */

static void
write_elsewhere(const struct advice *a, char *text, size_t size)
{
	snprintf(text, size, a->other[0] != '\0' ?
	    "or name another engine's socket, --docker=%s" :
	    "or name its socket with --docker=PATH%s", a->other);
}

static void
write_absent(const struct advice *a, const char *path, const char *what,
    char text[ERROR_TEXT_MAX])
{
	char elsewhere[UNIX_PATH_MAX_LEN + 64];

	write_elsewhere(a, elsewhere, sizeof(elsewhere));
	snprintf(text, ERROR_TEXT_MAX, "%s %s: start the engine (systemctl "
	    "start docker), %s", what, path, elsewhere);
}

/* By name, where it was known at the start. */
static void
write_group(const struct advice *a, gid_t gid, char *text, size_t size)
{
	if (a->group[0] != '\0' && a->gid == gid)
		snprintf(text, size, "%s", a->group);
	else
		snprintf(text, size, "%u", (unsigned)gid);
}

static void
write_forbidden(const struct advice *a, const char *path,
    char text[ERROR_TEXT_MAX])
{
	char elsewhere[UNIX_PATH_MAX_LEN + 64], group[64], user[80];
	struct stat st;

	write_elsewhere(a, elsewhere, sizeof(elsewhere));
	snprintf(user, sizeof(user), a->user[0] != '\0' ? "the user %s" :
	    "user number %s%u", a->user, (unsigned)geteuid());
	if (stat(path, &st) == -1) {
		snprintf(text, ERROR_TEXT_MAX, "%s may not enter the directory "
		    "of %s: open it, %s", user, path, elsewhere);
		return;
	}
	write_group(a, st.st_gid, group, sizeof(group));
	if (st.st_gid == 0 || (st.st_mode & S_IWGRP) == 0)
		snprintf(text, ERROR_TEXT_MAX, "%s may not use %s, and no "
		    "group but root's may: have the engine give it to one "
		    "(dockerd --group docker), %s", user, path, elsewhere);
	else if (a->user[0] != '\0')
		snprintf(text, ERROR_TEXT_MAX, "%s may not use %s: run "
		    "\"usermod -aG %s %s\" as root and start orthrus in a new "
		    "login, %s", user, path, group, a->user, elsewhere);
	else
		snprintf(text, ERROR_TEXT_MAX, "%s may not use %s: give it the "
		    "group %s (SupplementaryGroups=%s in the unit, group_add "
		    "in Compose), %s", user, path, group, group, elsewhere);
}

void
advice_write(const struct advice *a, const char *path, int error,
    const char *why, char text[ERROR_TEXT_MAX])
{
	char what[64];

	switch (error) {
	case ENOENT:
		write_absent(a, path, "there is no socket", text);
		break;
	case ECONNREFUSED:
		write_absent(a, path, "no engine listens on", text);
		break;
	case EACCES:
	case EPERM:
		write_forbidden(a, path, text);
		break;
	default:
		snprintf(what, sizeof(what), "the engine does not answer (%s) "
		    "on", why);
		write_absent(a, path, what, text);
	}
}
