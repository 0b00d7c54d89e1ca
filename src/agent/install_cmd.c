/* SPDX-License-Identifier: ISC */
/*
 * "orthrus install" and "orthrus uninstall": the service, its file and its
 * secret, in one step each way.
 */
#include "config.h"

#include "install.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/address.h"
#include "orthrus/base/command_line.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/terminal.h"
#include "orthrus/conf/config.h"
#include "orthrus/proto/auth_key.h"
#include "orthrus/setup/setup.h"

#include "commands.h"

#define WAIT_MS 30000
#define UNIT "orthrus.service"

static void
install_usage(void *arg, FILE *f)
{
	(void)arg;
	fprintf(f, "usage: orthrus install --server SERVER [options]\n\n"
	    "Makes an agent of this host: writes orthrus.ini, the AUTH_KEY and "
	    "a unit of systemd,\nstarts it, and waits until it is connected.  "
	    "What is there and not its own stays as\nit is; \"orthrus "
	    "uninstall\" takes away what it wrote.\n\n"
	    "      --server SERVER    the gateway; not needed where "
	    "orthrus.ini is there already\n"
	    "      --auth-key-file FILE\n"
	    "                         with the AUTH_KEY; \"-\": it is asked "
	    "for, or read from\n"
	    "                         standard input\n"
	    "      --name NAME        of this agent (the host name)\n"
	    "      --docker           share the Docker socket\n"
	    "      --expose PORT|ADDRESS\n"
	    "                         offer a local port; repeatable\n"
	    "      --socks5 ADDRESS   have a SOCKS5 server (off)\n"
	    "      --user             a service of this user, without root\n"
	    "      --wait DURATION    until it is connected (30s)\n"
	    "      --dry-run          show what would be done\n"
	    "  -h, --help             this text\n");
}

/* --- the AUTH_KEY ------------------------------------------------- */

/* One line from the terminal, unseen, or from standard input. */
static char *
ask_for_line(void)
{
	const size_t size = AUTH_KEY_TEXT_MAX + 2;
	char *line = xcalloc(1, size);

	setvbuf(stdin, NULL, _IONBF, 0);	/* no copy of it stays there */
	if ((isatty(STDIN_FILENO) ? terminal_ask("AUTH_KEY: ", line, size) :
	    fgets(line, (int)size, stdin) == NULL ? -1 : 0) == -1)
		line[0] = '\0';
	line[strcspn(line, " \t\r\n")] = '\0';
	return line;
}

/* A wrong one is told now, and not when it is used. */
static int
read_auth_key(struct install_options *o, struct error *e)
{
	struct auth_key k;

	if (o->auth_key_file == NULL)
		return 0;
	o->auth_key = strcmp(o->auth_key_file, "-") == 0 ? ask_for_line() :
	    secret_load(o->auth_key_file, e);
	if (o->auth_key == NULL)
		return -1;
	if (auth_key_parse(o->auth_key, &k, e) == -1) {
		error_prefix(e, "--auth-key-file");
		return -1;
	}
	auth_key_wipe(&k);
	return 0;
}

/* --- options ------------------------------------------------------ */

static int
take_exposed(void *arg, char *value, struct error *e)
{
	struct install_options *o = arg;
	struct address a;

	if (o->nexposed == INSTALL_EXPOSED_MAX)
		return error_set(e, EX_USAGE, "%d at most; more go into "
		    "orthrus.ini", INSTALL_EXPOSED_MAX);
	o->exposed[o->nexposed++] = value;
	return address_parse(value, false, &a, e);
}

static int
take_install_wait(void *arg, char *value, struct error *e)
{
	return duration_parse(value, &((struct install_options *)arg)->wait_ms,
	    e);
}

static int
check_install_options(void *arg, char **arguments, struct error *e)
{
	const struct install_options *o = arg;
	struct address a;

	(void)arguments;
	if (o->name != NULL && !name_valid(o->name))
		return error_set(e, EX_USAGE, "--name %s: a name is 1 to 63 "
		    "of a-z 0-9 -", o->name);
	if (o->socks5 != NULL && strcmp(o->socks5, "off") != 0 &&
	    address_parse(o->socks5, false, &a, e) == -1) {
		error_prefix(e, "--socks5");
		return -1;
	}
	if (o->server == NULL && (o->name != NULL || o->socks5 != NULL ||
	    o->docker || o->nexposed > 0))
		return error_set(e, EX_USAGE, "where to? give --server SERVER "
		    "(or none of --name, --docker, --expose and --socks5, for "
		    "an orthrus.ini that is there)");
	return 0;
}

/* --- install ------------------------------------------------------ */

/*
 * One that runs with what has changed since is stopped first, so that it is not
 * the old one that answers afterwards; nor is an old failure taken for a new.
 */
static int
start_anew(struct setup *s, bool dry_run, struct error *e)
{
	static const char *const stop[] = { "stop", UNIT, NULL };
	static const char *const start[] = { "start", "--no-block", UNIT,
	    NULL };
	char state[32];

	if (dry_run)
		return setup_systemctl(s, start, e);
	setup_property(s, "ActiveState", state, sizeof(state));
	if (strcmp(state, "active") == 0 && !setup_has_changed(s))
		return 0;
	setup_forget_failure(s);
	if ((strcmp(state, "active") == 0 ||
	    strcmp(state, "activating") == 0) &&
	    setup_systemctl(s, stop, e) == -1)
		return -1;
	return setup_systemctl(s, start, e);
}

static int
start_service(struct setup *s, const struct install_options *o,
    const struct install_paths *p, struct error *e)
{
	static const char *const reload[] = { "daemon-reload", NULL };
	static const char *const enable[] = { "enable", UNIT, NULL };

	if (setup_systemctl(s, reload, e) == -1 ||
	    setup_systemctl(s, enable, e) == -1 ||
	    start_anew(s, o->dry_run, e) == -1)
		return -1;
	setup_tell_linger(s);
	return o->dry_run ? 0 : install_wait(s, p->ini, o->wait_ms, e);
}

static int
install(struct install_options *o, const struct install_paths *p,
    struct error *e)
{
	const struct setup_config config = { .program = "orthrus",
	    .manifest = p->manifest, .user = o->user, .dry_run = o->dry_run };
	struct setup *s = setup_open(&config, e);
	int r = -1;

	if (s != NULL && setup_check_systemd(s, e) == 0 &&
	    read_auth_key(o, e) == 0 && install_plan(s, o, p, e) == 0 &&
	    setup_write(s, e) == 0)
		r = start_service(s, o, p, e);
	setup_close(s);
	return r;
}

/* Root, or one user and what is his. */
static int
check_who(bool user, const char *command, struct error *e)
{
	if (user || geteuid() == 0)
		return 0;
	return error_set(e, EX_NOPERM, "a service of the whole machine needs "
	    "root: \"sudo orthrus %s ...\"; --user makes one of your own",
	    command);
}

int
cmd_install(int argc, char **argv)
{
	struct install_options o = { .wait_ms = WAIT_MS };
	const struct command_option options[] = {
		{ "server", .text = &o.server },
		{ "auth-key-file", .text = &o.auth_key_file },
		{ "name", .text = &o.name },
		{ "docker", .flag = &o.docker },
		{ "expose", .take = take_exposed },
		{ "socks5", .text = &o.socks5 },
		{ "user", .flag = &o.user },
		{ "wait", .take = take_install_wait },
		{ "dry-run", .flag = &o.dry_run },
	};
	const struct command_line line = {
		.command = "orthrus install",
		.options = options, .n = sizeof(options) / sizeof(options[0]),
		.hint = "--server names the gateway",
		.usage = install_usage, .check = check_install_options,
		.arg = &o
	};
	struct install_paths paths = { .ini = NULL };
	struct error e;
	int code, r;

	if (!command_line_read(&line, argc, argv, &code))
		return code;
	r = check_who(o.user, "install", &e);
	if (r == 0 && (r = install_paths(o.user, &paths, &e)) == 0)
		r = install(&o, &paths, &e);
	install_paths_clear(&paths);
	secret_free(o.auth_key);
	if (r == 0)
		return 0;
	fflush(stdout);
	fprintf(stderr, "orthrus install: %s\n", e.text);
	return e.code;
}

/* --- uninstall ---------------------------------------------------- */

static void
uninstall_usage(void *arg, FILE *f)
{
	(void)arg;
	fprintf(f, "usage: orthrus uninstall [options]\n\n"
	    "Stops the service that \"orthrus install\" has made, and removes "
	    "what it wrote.  What\nwas changed since stays, and so does the "
	    "identity.\n\n"
	    "      --user             the service of this user\n"
	    "      --dry-run          show what would be done\n"
	    "  -h, --help             this text\n");
}

/* A package's unit was there before, and starts nothing without its file. */
static int
remove_all(struct setup *s, const struct install_paths *p, struct error *e)
{
	static const char *const disable[] = { "disable", "--now", UNIT,
	    NULL };
	static const char *const stop[] = { "stop", UNIT, NULL };
	static const char *const reload[] = { "daemon-reload", NULL };

	if (setup_systemctl(s, setup_is_ours(s, p->unit) ? disable : stop,
	    e) == -1)
		return -1;
	setup_forget_failure(s);
	if (setup_remove(s, e) == -1 || setup_systemctl(s, reload, e) == -1)
		return -1;
	if (access(p->state, F_OK) == 0)
		printf("kept %s, with the identity; \"charon agent remove "
		    "NAME\" at the gateway ends that\n", p->state);
	return 0;
}

/* Of a user, whose systemd leaves it, unless another orthrus has it as well. */
static void
remove_runtime_directory(void)
{
	char *directory = runtime_directory();

	if (directory != NULL)
		rmdir(directory);
	free(directory);
}

static int
uninstall(bool user, bool dry_run, const struct install_paths *p,
    struct error *e)
{
	const struct setup_config config = { .program = "orthrus",
	    .manifest = p->manifest, .user = user, .dry_run = dry_run };
	struct setup *s = setup_open(&config, e);
	int r = -1;

	if (s != NULL && access(p->manifest, F_OK) == -1) {
		printf("\"orthrus install\" has installed nothing here\n");
		r = 0;
	} else if (s != NULL && setup_check_systemd(s, e) == 0)
		r = remove_all(s, p, e);
	setup_close(s);
	if (r == 0 && user && !dry_run)
		remove_runtime_directory();
	return r;
}

int
cmd_uninstall(int argc, char **argv)
{
	bool user = false, dry_run = false;
	const struct command_option options[] = {
		{ "user", .flag = &user },
		{ "dry-run", .flag = &dry_run },
	};
	const struct command_line line = {
		.command = "orthrus uninstall",
		.options = options, .n = sizeof(options) / sizeof(options[0]),
		.hint = "it takes options only", .usage = uninstall_usage
	};
	struct install_paths paths = { .ini = NULL };
	struct error e;
	int code, r;

	if (!command_line_read(&line, argc, argv, &code))
		return code;
	r = check_who(user, "uninstall", &e);
	if (r == 0 && (r = install_paths(user, &paths, &e)) == 0)
		r = uninstall(user, dry_run, &paths, &e);
	install_paths_clear(&paths);
	if (r == 0)
		return 0;
	fflush(stdout);
	fprintf(stderr, "orthrus uninstall: %s\n", e.text);
	return e.code;
}
