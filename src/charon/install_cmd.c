/* SPDX-License-Identifier: ISC */
/*
 * "charon install" and "charon uninstall": the gateway as a service of this
 * machine, its user and its file, in one step each way.
 */
#include "config.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/address.h"
#include "orthrus/base/command_line.h"
#include "orthrus/base/program.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/setup/setup.h"

#include "commands.h"

#define USER "charon"
#define UNIT "charon.service"
#define INI "/etc/charon/charon.ini"
#define MANIFEST "/etc/charon/.installed"
#define UNIT_FILE "/etc/systemd/system/" UNIT
#define STATE "/var/lib/charon"
#define DEFAULT_LISTEN "0.0.0.0:2222"

struct install_call {
	const char *listen;		/* or NULL */
	bool dry_run;
};

static void
gateway_install_usage(void *arg, FILE *f)
{
	(void)arg;
	fprintf(f, "usage: charon install [options]\n\n"
	    "Makes a gateway of this machine, as root: the user charon, "
	    "charon.ini unless it is\nthere, and a unit of systemd, which is "
	    "started.  What is there and not its own stays\nas it is; \"charon "
	    "uninstall\" takes away what it wrote.\n\n"
	    "      --listen ADDRESS  where agents and clients dial "
	    "(0.0.0.0:2222)\n"
	    "      --dry-run         show what would be done\n"
	    "  -h, --help            this text\n");
}

static void
gateway_uninstall_usage(void *arg, FILE *f)
{
	(void)arg;
	fprintf(f, "usage: charon uninstall [options]\n\n"
	    "Stops the service that \"charon install\" has made, and removes "
	    "what it wrote.  What\nwas changed since stays, and so do keys, "
	    "registry and the user charon.\n\n"
	    "      --dry-run         show what would be done\n"
	    "  -h, --help            this text\n");
}

/* --- what is written ---------------------------------------------- */

/* One that is there, and is not to be changed, has to be good. */
static int
check_present_ini(struct error *e)
{
	char command[] = "install", option[] = "--config=" INI;
	char *argv[] = { command, option, NULL };
	struct gateway_config *c;
	int code = 0;

	c = gateway_config_load(2, argv, config_report, NULL, &code);
	if (c == NULL)
		return error_set(e, code, "%s is not as it has to be", INI);
	gateway_config_free(c);
	return 0;
}

static int
plan_gateway_ini(struct setup *s, const char *listen, struct error *e)
{
	char text[512];

	if (listen == NULL && access(INI, F_OK) == 0)
		return check_present_ini(e);
	snprintf(text, sizeof(text), "# Written by \"charon install\"; edit it, "
	    "and \"systemctl reload charon\".\n# charon.ini(5) explains every "
	    "key.\n\n[ssh]\nlisten = %s\n", listen != NULL ? listen :
	    DEFAULT_LISTEN);
	setup_plan(s, INI, 0644, text, strlen(text), false);
	return 0;
}

static int
plan_gateway_unit(struct setup *s, struct error *e)
{
	char program[1024], *text;

	if (setup_has_packaged_unit(s))
		return 0;
	if (setup_own_path(s, program, sizeof(program), e) == -1)
		return -1;
	text = setup_unit(setup_charon_unit, "charon", program);
	setup_plan(s, UNIT_FILE, 0644, text, strlen(text), false);
	free(text);
	return 0;
}

/* --- the user ----------------------------------------------------- */

static int
make_user(bool dry_run, struct error *e)
{
	static const char *const argv[] = { "useradd", "--system",
	    "--user-group", "--home-dir", STATE, "--shell",
	    "/usr/sbin/nologin", USER, NULL };
	const struct program_run run = { .argv = argv };
	int status;

	if (getpwnam(USER) != NULL)
		return 0;
	if (dry_run) {
		printf("would make the user " USER "\n");
		return 0;
	}
	if ((status = program_run(&run, e)) == -1)
		return -1;
	if (status != 0)
		return error_set(e, EX_UNAVAILABLE, "useradd has not made the "
		    "user " USER " (exit status %d)", status);
	printf("made the user " USER "\n");
	return 0;
}

/* --- install ------------------------------------------------------ */

static int
start_gateway(struct setup *s, bool dry_run, struct error *e)
{
	static const char *const reload[] = { "daemon-reload", NULL };
	static const char *const enable[] = { "enable", UNIT, NULL };
	static const char *const restart[] = { "restart", UNIT, NULL };
	char state[32] = "";

	if (setup_systemctl(s, reload, e) == -1 ||
	    setup_systemctl(s, enable, e) == -1)
		return -1;
	if (!dry_run)
		setup_property(s, "ActiveState", state, sizeof(state));
	if (strcmp(state, "active") == 0 && !setup_has_changed(s))
		return 0;
	if (setup_systemctl(s, restart, e) == 0)
		return 0;
	setup_show_log(s);
	return -1;
}

static int
install_gateway(struct setup *s, const struct install_call *c,
    struct error *e)
{
	if (setup_check_systemd(s, e) == -1 ||
	    plan_gateway_ini(s, c->listen, e) == -1 ||
	    plan_gateway_unit(s, e) == -1 || setup_check(s, e) == -1 ||
	    make_user(c->dry_run, e) == -1 || setup_write(s, e) == -1 ||
	    start_gateway(s, c->dry_run, e) == -1)
		return -1;
	if (!c->dry_run)
		printf("the gateway runs; its first agent:\n\n    charon agent "
		    "add NAME --script --server HOST\n");
	return 0;
}

/* --- uninstall ---------------------------------------------------- */

static int
uninstall_gateway(struct setup *s, const struct install_call *c,
    struct error *e)
{
	static const char *const disable[] = { "disable", "--now", UNIT,
	    NULL };
	static const char *const stop[] = { "stop", UNIT, NULL };
	static const char *const reload[] = { "daemon-reload", NULL };

	(void)c;
	if (access(MANIFEST, F_OK) == -1) {
		printf("\"charon install\" has installed nothing here\n");
		return 0;
	}
	if (setup_check_systemd(s, e) == -1 || setup_systemctl(s,
	    setup_is_ours(s, UNIT_FILE) ? disable : stop, e) == -1)
		return -1;
	setup_forget_failure(s);
	if (setup_remove(s, e) == -1 || setup_systemctl(s, reload, e) == -1)
		return -1;
	if (access(STATE, F_OK) == 0)
		printf("kept " STATE ", with the keys and the registry, and "
		    "the user " USER ", whose they are\n");
	return 0;
}

/* --- both --------------------------------------------------------- */

static int
check_install_call(void *arg, char **arguments, struct error *e)
{
	const struct install_call *c = arg;
	struct address a;

	(void)arguments;
	if (c->listen == NULL)
		return 0;
	if (address_parse(c->listen, false, &a, e) == 0 &&
	    a.kind == ADDRESS_TCP)
		return 0;
	return error_set(e, EX_USAGE, "--listen %s: expected HOST:PORT, such "
	    "as " DEFAULT_LISTEN, c->listen);
}

static int
run_setup(const struct install_call *c, const char *command,
    int (*run)(struct setup *s, const struct install_call *c,
    struct error *e))
{
	const struct setup_config config = { .program = "charon",
	    .manifest = MANIFEST, .dry_run = c->dry_run };
	struct setup *s = NULL;
	struct error e;
	int r = -1;

	if (geteuid() != 0)
		error_set(&e, EX_NOPERM, "a service of the machine needs root: "
		    "\"sudo charon %s\"", command);
	else if ((s = setup_open(&config, &e)) != NULL)
		r = run(s, c, &e);
	setup_close(s);
	if (r == 0)
		return 0;
	fflush(stdout);
	fprintf(stderr, "charon %s: %s\n", command, e.text);
	return e.code;
}

int
cmd_gateway_install(int argc, char **argv)
{
	struct install_call c = { .listen = NULL };
	const struct command_option options[] = {
		{ "listen", .text = &c.listen },
		{ "dry-run", .flag = &c.dry_run },
	};
	const struct command_line line = {
		.command = "charon install",
		.options = options, .n = sizeof(options) / sizeof(options[0]),
		.hint = "it takes options only",
		.usage = gateway_install_usage, .check = check_install_call,
		.arg = &c
	};
	int code;

	return command_line_read(&line, argc, argv, &code) ?
	    run_setup(&c, "install", install_gateway) : code;
}

int
cmd_gateway_uninstall(int argc, char **argv)
{
	struct install_call c = { .listen = NULL };
	const struct command_option options[] = {
		{ "dry-run", .flag = &c.dry_run },
	};
	const struct command_line line = {
		.command = "charon uninstall",
		.options = options, .n = 1, .hint = "it takes options only",
		.usage = gateway_uninstall_usage, .arg = &c
	};
	int code;

	return command_line_read(&line, argc, argv, &code) ?
	    run_setup(&c, "uninstall", uninstall_gateway) : code;
}
