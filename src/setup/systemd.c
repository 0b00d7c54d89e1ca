/* SPDX-License-Identifier: ISC */
/* systemctl(1) and units: see setup.h. */
#include "config.h"

#include "setup_private.h"

#include <errno.h>
#include <stdio.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"
#include "orthrus/base/program.h"

#define BOOTED "/run/systemd/system"	/* sd_booted(3) */
#define LINGER "/var/lib/systemd/linger"
#define WORDS_MAX 8
#define BUILT_IN "/usr/local/bin/"	/* where units have their program */

int
setup_check_systemd(const struct setup *s, struct error *e)
{
	if (s->dry_run)		/* what it would do elsewhere is shown */
		return 0;
	if (access(BOOTED, F_OK) == -1)
		return error_set(e, EX_UNAVAILABLE, "systemd does not run this "
		    "machine; \"charon snippet NAME --for tarball\" (or "
		    "compose, kubernetes) prints what starts an agent without "
		    "it");
	if (s->user && getenv("XDG_RUNTIME_DIR") == NULL)
		return error_set(e, EX_UNAVAILABLE, "XDG_RUNTIME_DIR is not "
		    "set, by which \"systemctl --user\" finds your systemd: "
		    "log in as this user, and not by su or sudo");
	return 0;
}

/* loginctl(1) leaves an empty file there. */
void
setup_tell_linger(const struct setup *s)
{
	const struct passwd *pw = getpwuid(geteuid());
	char *path;

	if (!s->user || s->dry_run || pw == NULL)
		return;
	path = xasprintf(LINGER "/%s", pw->pw_name);
	if (access(path, F_OK) == -1)
		printf("it ends when you log out, and does not start with the "
		    "machine: \"loginctl enable-linger\" changes both\n");
	free(path);
}

static bool
is_below(const char *path, const char *directory)
{
	return strncmp(path, directory, strlen(directory)) == 0;
}

int
setup_own_path(const struct setup *s, char *path, size_t size, struct error *e)
{
	if (os_program_path(path, size) == -1)
		return error_set(e, EX_OSERR, "cannot find out where this "
		    "program is");
	if (!s->user && (is_below(path, "/home/") || is_below(path, "/root/") ||
	    is_below(path, "/tmp/") || is_below(path, "/var/tmp/") ||
	    is_below(path, "/run/user/")))
		return error_set(e, EX_CONFIG, "the service cannot reach %s, "
		    "as it sees no home and no /tmp: \"install -m 0755 %s "
		    "/usr/local/bin/%s\", and run that", path, path,
		    s->program);
	if (strpbrk(path, " \t\"'\\%$;") != NULL)
		return error_set(e, EX_CONFIG, "%s: no unit can name such a "
		    "path; put the program elsewhere", path);
	return 0;
}

static void
print_words(const char *before, const char *const *argv)
{
	printf("%s", before);
	for (; *argv != NULL; argv++)
		printf(" %s", *argv);
	putchar('\n');
}

/* "systemctl", for the user where that is meant, and words. */
static void
put_words(const struct setup *s, const char *const *words,
    const char *argv[WORDS_MAX + 3])
{
	size_t n = 0, i;

	argv[n++] = "systemctl";
	if (s->user)
		argv[n++] = "--user";
	for (i = 0; words[i] != NULL && i < WORDS_MAX; i++)
		argv[n++] = words[i];
	argv[n] = NULL;
}

int
setup_systemctl(struct setup *s, const char *const *words, struct error *e)
{
	const char *argv[WORDS_MAX + 3];
	const struct program_run run = { .argv = argv };
	int status;

	put_words(s, words, argv);
	if (s->dry_run) {
		print_words("would run", argv);
		return 0;
	}
	fflush(stdout);
	if ((status = program_run(&run, e)) == -1)
		return -1;
	if (status == 0)
		return 0;
	return error_set(e, EX_UNAVAILABLE, "\"systemctl%s %s\" has failed "
	    "(exit status %d)", s->user ? " --user" : "", words[0], status);
}

void
setup_property(const struct setup *s, const char *name, char *value,
    size_t size)
{
	char *unit = xasprintf("%s.service", s->program);
	const char *const words[] = { "show", "--value", "-p", name, unit,
	    NULL };
	const char *argv[WORDS_MAX + 3];
	const struct program_run run = { .argv = argv, .out = value,
	    .size = size, .quiet = true };

	put_words(s, words, argv);
	if (program_run(&run, NULL) != 0)
		value[0] = '\0';
	value[strcspn(value, "\n")] = '\0';
	free(unit);
}

void
setup_forget_failure(struct setup *s)
{
	const char *const words[] = { "reset-failed", s->program, NULL };
	char state[32];

	setup_property(s, "ActiveState", state, sizeof(state));
	if (strcmp(state, "failed") == 0 && !s->dry_run)
		setup_systemctl(s, words, NULL);
}

void
setup_show_log(const struct setup *s)
{
	const char *argv[] = { "journalctl", s->user ? "--user-unit" : "-u",
	    s->program, "-t", s->program, "-n", "3", "-o", "cat",
	    "--no-pager", NULL };
	const struct program_run run = { .argv = argv, .quiet = true };

	fflush(stdout);
	program_run(&run, NULL);
}

bool
setup_has_packaged_unit(const struct setup *s)
{
	static const char *const folders[] = { "/usr/local/lib", "/usr/lib",
	    "/lib" };
	bool found = false;
	char *path;
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		path = xasprintf("%s/systemd/%s/%s.service", folders[i],
		    s->user ? "user" : "system", s->program);
		found |= access(path, F_OK) == 0;
		free(path);
	}
	return found;
}

char *
setup_unit(const char *unit, const char *program, const char *path)
{
	char *built_in = xasprintf(BUILT_IN "%s", program), *text = xstrdup(""),
	    *more;
	const char *at;

	for (; (at = strstr(unit, built_in)) != NULL;
	    unit = at + strlen(built_in)) {
		more = xasprintf("%s%.*s%s", text, (int)(at - unit), unit,
		    path);
		free(text);
		text = more;
	}
	more = xasprintf("%s%s", text, unit);
	free(text);
	free(built_in);
	return more;
}
