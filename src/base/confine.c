/* SPDX-License-Identifier: ISC */
/* See confine.h: the walls are planned, put up, and told of. */
#include "orthrus/base/confine.h"

#include <sys/prctl.h>

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "orthrus/base/file.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"

#include "confine_private.h"

struct confinement {
	enum confine_for what;
	int rules;		/* Landlock's, or -1 */
};

struct confinement *
confinement_new(enum confine_for what)
{
	struct confinement *w = xcalloc(1, sizeof(*w));

	w->what = what;
	w->rules = files_rules_new();
	if (CONFINE_SANITIZED)	/* which look at their threads in the end */
		confinement_below(w, "/proc", CONFINE_READ);
	return w;
}

void
confinement_below(struct confinement *w, const char *path, unsigned access)
{
	if (path != NULL && w->rules != -1)
		files_allow(w->rules, path, access);
}

void
confinement_beside(struct confinement *w, const char *path, unsigned access)
{
	struct error ignored;		/* whoever writes there finds it, too */
	char *copy;

	if (path == NULL)
		return;
	if (access & (CONFINE_WRITE | CONFINE_SOCKETS))
		file_make_parents(path, &ignored);
	copy = xstrdup(path);
	confinement_below(w, dirname(copy), access);
	free(copy);
}

/*
 * The files in /etc are replaced while we run (resolvconf, NetworkManager), and
 * /etc/resolv.conf is often a link to elsewhere: so directories are opened.
 */
void
confinement_resolver(struct confinement *w)
{
	static const char *const places[] = { "/etc", "/usr", "/lib",
	    "/lib64" };
	char target[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		confinement_below(w, places[i], CONFINE_READ);
	if (realpath("/etc/resolv.conf", target) != NULL)
		confinement_beside(w, target, CONFINE_READ);
}

/* --- what there is ------------------------------------------------ */

static const char *
files_missing(void)
{
	if (files_version() != -1)
		return NULL;
	return errno == EOPNOTSUPP ? "Landlock is switched off (lsm= of the "
	    "kernel's command line)" : errno == ENOSYS ?
	    "this kernel has no Landlock (Linux 5.13)" :
	    "Landlock may not be used here";
}

const char *
confine_text(char text[CONFINE_TEXT_MAX])
{
	const char *calls = calls_missing(), *files = files_missing();
	char landlock[32];

	snprintf(landlock, sizeof(landlock), "Landlock %d", files_version());
	snprintf(text, CONFINE_TEXT_MAX, "%s%s%s%s%s%s%s%s",
	    calls == NULL ? "seccomp, " : "",
	    files == NULL ? landlock : "", files == NULL ? ", " : "",
	    "no new privileges", calls != NULL ? "; not: " : "",
	    calls != NULL ? calls : "",
	    files == NULL ? "" : calls != NULL ? ", " : "; not: ",
	    files != NULL ? files : "");
	return text;
}

/* --- the walls ---------------------------------------------------- */

static int
refused(const char *what, struct error *e)
{
	return error_set(e, EX_OSERR, "this process cannot be confined: %s: %s",
	    what, strerror(errno));
}

static int
put_up(const struct confinement *w, struct error *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return refused("no new privileges", e);
	if (w->rules != -1 && files_confine(w->rules) == -1)
		return refused("Landlock", e);
	if (calls_missing() == NULL && calls_confine(w->what) == -1)
		return refused("seccomp", e);
	return 0;
}

/* Of a program of several processes, each says which one it is. */
static const char *
who_is_confined(enum confine_for what)
{
	switch (what) {
	case CONFINE_GATEWAY:
		return "gateway: ";
	case CONFINE_MONITOR:
		return "monitor: ";
	case CONFINE_EGRESS:
		return "egress: ";
	default:
		return "";
	}
}

int
confinement_apply(struct confinement *w, struct error *e)
{
	char text[CONFINE_TEXT_MAX];
	int rc;

	confine_text(text);
	tzset();		/* reads a file, at the first time of day */
	rc = put_up(w, e);
	if (rc == 0 && (calls_missing() != NULL || w->rules == -1))
		log_warn("%sconfined by: %s", who_is_confined(w->what), text);
	else if (rc == 0)
		log_info("%sconfined by: %s", who_is_confined(w->what), text);
	if (w->rules != -1)
		close(w->rules);
	free(w);
	return rc;
}

void
confine_memory(void)
{
	if (!CONFINE_SANITIZED)
		os_hide_memory();
}
