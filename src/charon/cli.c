/* SPDX-License-Identifier: ISC */
/* Command lines: options, one name, the configuration, and who is called. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "orthrus/base/command_line.h"
#include "orthrus/base/complete.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/near.h"
#include "orthrus/base/printed.h"
#include "orthrus/base/text.h"
#include "orthrus/gateway/tell.h"

#include "cli.h"

#define SHOWN_MAX 256
#define ARGS_MAX 64		/* common options, more is no use */
#define TELL_MS 5000		/* for the gateway that runs */

/* What is read off a command line, before anything is looked at. */
struct line {
	struct call call;
	const struct command *command;
	char *allow;			/* all lists that were given */
	char *args[ARGS_MAX];		/* for gateway_config_load() */
	int nargs;
};

/* Options that some commands take, in the order of the bits. */
static const struct own_option {
	unsigned bit;
	const char *name, *arg, *help;
} own[] = {
	{ TAKES_JSON, "json", NULL, "as JSON" },
	{ TAKES_ALLOW, "allow", "LIST",
	    "AGENT:PORT, AGENT:docker, AGENT:*, egress" },
	{ TAKES_KEY, "key", "FILE.pub", "its SSH public key, Ed25519" },
	{ TAKES_FOR, "for", "PLATFORM", "what to install it with" },
	{ TAKES_SERVER, "server", "ADDRESS",
	    "this gateway, as agents reach it" },
	{ TAKES_KNOWN_HOSTS, "known-hosts", "HOST",
	    "a line for known_hosts instead" },
	{ TAKES_OFFER, "mode", "MODE", "socket (the default), port, or both "
	    "with a comma" },
	{ TAKES_SCRIPT, "script", NULL, "a line to run on its host, and then "
	    "the AUTH_KEY" },
	{ TAKES_OFFER, "ports", "LIST", "PORT or HOST:PORT of the agent's, "
	    "with commas" },
};

#define NOWN (sizeof(own) / sizeof(own[0]))

static void
usage_line(const struct command *command, FILE *f)
{
	fprintf(f, "usage: charon %s %s%s[options]\n", command->name,
	    command->synopsis, *command->synopsis != '\0' ? " " : "");
}

static void
command_usage(void *arg, FILE *f)
{
	const struct command *command = ((const struct line *)arg)->command;
	char text[64];
	bool any = false;
	size_t i;

	if (f == stderr)	/* command_run() tells the first line of it */
		return;
	usage_line(command, f);
	fprintf(f, "\n%s\n\n", command->text);
	for (i = 0; i < NOWN; i++) {
		if (!(command->takes & own[i].bit))
			continue;
		if (!any)
			fprintf(f, "options:\n");
		any = true;
		snprintf(text, sizeof(text), "    --%s%s%s", own[i].name,
		    own[i].arg == NULL ? "" : " ",
		    own[i].arg == NULL ? "" : own[i].arg);
		fprintf(f, "  %-26s  %s\n", text, own[i].help);
	}
	if (any)
		fputc('\n', f);
	gateway_config_usage(f);
}

/* --- options ------------------------------------------------------ */

static void
keep_arg(struct line *l, char *arg)
{
	if (l->nargs < ARGS_MAX)
		l->args[l->nargs++] = arg;
	else
		free(arg);
}

static int
take_config(void *arg, char *value, struct error *e)
{
	(void)e;
	keep_arg(arg, xasprintf("--config=%s", value));
	return 0;
}

static int
take_log_level(void *arg, char *value, struct error *e)
{
	(void)e;
	keep_arg(arg, xasprintf("--log-level=%s", value));
	return 0;
}

static int
take_verbose(void *arg, char *value, struct error *e)
{
	(void)value;
	(void)e;
	keep_arg(arg, xstrdup("-v"));
	return 0;
}

static int
take_allow(void *arg, char *list, struct error *e)
{
	struct line *l = arg;
	char *both = l->allow == NULL ? xstrdup(list) :
	    xasprintf("%s,%s", l->allow, list);

	(void)e;
	free(l->allow);
	l->call.allow = l->allow = both;
	return 0;
}

static int
check_name(const char *name, struct error *e)
{
	char shown[SHOWN_MAX];

	if (name_valid(name))
		return 0;
	text_escape(shown, sizeof(shown), name, TEXT_PLAIN);
	return error_set(e, EX_USAGE, "\"%s\": a name has 1 to 63 of a-z, "
	    "0-9 and -, and no - at either end", shown);
}

/*
 * Takes the name, what follows it, or several names, where the command has
 * them.  All are looked at before anything is done.
 */
static int
take_arguments(void *arg, char **arguments, struct error *e)
{
	struct line *l = arg;
	unsigned takes = l->command->takes;
	size_t i;

	if (!(takes & (TAKES_NAME | TAKES_NAMES)))
		return 0;
	if (arguments[0] == NULL)
		return error_set(e, EX_USAGE, "whom? NAME is missing");
	l->call.name = arguments[0];
	l->call.names = arguments;
	if (takes & TAKES_PORT)
		l->call.port = arguments[1];
	for (i = 0; i == 0 || ((takes & TAKES_NAMES) != 0 &&
	    arguments[i] != NULL); i++)
		if (check_name(arguments[i], e) == -1)
			return -1;
	return 0;
}

/* What its arguments are, for a shell to complete: agents that there are. */
static const char *
command_argument(const struct command *command)
{
	bool named = (command->takes & (TAKES_NAME | TAKES_NAMES)) != 0;

	return named && strcmp(command->name, "agent add") != 0 &&
	    strncmp(command->name, "client", 6) != 0 ? "AGENT" : NULL;
}

/* True when the command is to run; else *code is how it ends. */
static bool
read_line(struct line *l, int argc, char **argv, int *code)
{
	const struct command_option owns[] = {	/* in the order of own[] */
		{ "json", .flag = &l->call.json },
		{ "allow", .take = take_allow },
		{ "key", .text = &l->call.key, .value = "FILE" },
		{ "for", .text = &l->call.platform, .value = SNIPPET_PLATFORMS },
		{ "server", .text = &l->call.server },
		{ "known-hosts", .text = &l->call.known_hosts },
		{ "mode", .text = &l->call.mode, .value = "socket|port" },
		{ "script", .flag = &l->call.script },
		{ "ports", .text = &l->call.ports },
	};
	struct command_option options[NOWN + 3] = {
		{ "config", 'c', .take = take_config, .value = "FILE" },
		{ "log-level", .take = take_log_level,
		    .value = "error|warn|info|debug" },
		{ NULL, 'v', .take = take_verbose, .bare = true },
	};
	unsigned takes = l->command->takes;
	struct command_line line = {
		.command = l->args[0], .options = options, .n = 3,
		.most = takes & TAKES_NAMES ? INT_MAX :
		    ((takes & TAKES_NAME) != 0) + ((takes & TAKES_PORT) != 0),
		.argument = command_argument(l->command),
		.usage = command_usage, .check = take_arguments, .arg = l
	};
	size_t i;

	_Static_assert(sizeof(owns) / sizeof(owns[0]) == NOWN, "one each");
	for (i = 0; i < NOWN; i++)
		if (takes & own[i].bit)
			options[line.n++] = owns[i];
	return command_line_read(&line, argc, argv, code);
}

/* --- running ------------------------------------------------------ */

/*
 * Waits for the gateway that runs, since the next line of a script may use what
 * was added, and must not reach what was removed.
 */
bool
call_tell(const struct call *c)
{
	enum told told = tell_gateway(c->config->runtime, TELL_MS);

	if (told == TOLD_SILENCE)
		fprintf(stderr, "charon %s: warning: done, but the gateway "
		    "that runs has not taken it over within %d s; it will "
		    "when it goes on\n", c->command, TELL_MS / 1000);
	return told == TOLD;
}

bool
call_misses_machine(const struct call *c)
{
	return geteuid() != 0 && strcmp(c->config->state, MACHINE_STATE) != 0 &&
	    access(MACHINE_STATE, F_OK) == 0;
}

struct state *
call_state(const struct call *c, bool create, struct error *e)
{
	char *database = xasprintf("%s/registry.db", c->config->state);
	struct state *s;

	if (!create && access(database, F_OK) == -1 && errno == ENOENT &&
	    call_misses_machine(c)) {
		s = NULL;
		error_set(e, EX_NOPERM, "you have no gateway in %s; for the "
		    "one of this machine, in " MACHINE_STATE ", run \"sudo "
		    "charon %s\"", c->config->state, c->command);
	} else
		s = state_open(c->config, create, e);
	free(database);
	return s;
}

void
call_tell_stopped(const struct call *c, const struct state *s)
{
	fprintf(stderr, "charon %s: no gateway runs on %s, so that nobody can "
	    "be online; \"systemctl start charon\" or \"charon serve\" "
	    "starts it\n", c->command, s->directory);
}

static int
run_line(struct line *l)
{
	const struct command *command = l->command;
	int code = 0;

	l->call.config = gateway_config_load(l->nargs, l->args, config_report,
	    NULL, &code);
	if (l->call.config == NULL)
		return code;
	log_setup(l->call.config->log_level, l->call.config->log_format);
	code = command->run(&l->call);
	if (code == 0 && (command->takes & CHANGES))
		call_tell(&l->call);
	gateway_config_free(l->call.config);
	return code;
}

int
command_run(const struct command *command, int argc, char **argv)
{
	struct line l = { .call = { .command = command->name },
	    .command = command };
	int code;

	keep_arg(&l, xasprintf("charon %s", command->name));
	if (read_line(&l, argc, argv, &code))
		code = run_line(&l);
	else if (code == 0)
		code = call_end(&l.call);
	if (code == EX_USAGE)
		usage_line(command, stderr);
	while (l.nargs > 0)
		free(l.args[--l.nargs]);
	free(l.allow);
	return code;
}

static void
group_usage(const char *group, const struct command *table, size_t n, FILE *f)
{
	size_t i, skip = strlen(group) + 1;

	fprintf(f, "usage: charon %s COMMAND [options]\n\n", group);
	for (i = 0; i < n; i++)
		fprintf(f, "  %-8s  %s\n", table[i].name + skip,
		    table[i].help);
	fprintf(f, "\n\"charon %s COMMAND --help\" tells more; charon(8) "
	    "explains it all.\n", group);
}

/* The command that has another name elsewhere: in a shell, or in docker(1). */
static const char *
meant_by(const char *word)
{
	static const char *const names[][2] = {
		{ "ls", "list" }, { "ps", "list" }, { "rm", "remove" },
		{ "del", "remove" }, { "delete", "remove" },
		{ "create", "add" }, { "inspect", "show" }
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(word, names[i][0]) == 0)
			return names[i][1];
	return word;
}

int
group_run(const char *group, const struct command *table, size_t n, int argc,
    char **argv)
{
	const struct call c = { .command = group };
	struct near near = NEAR(argc < 2 ? "" : meant_by(argv[1]));
	size_t i, skip = strlen(group) + 1;
	char shown[SHOWN_MAX];

	if (complete_asked(argc, argv)) {
		for (i = 0; i < n; i++)
			complete_command(table[i].name + skip, table[i].help);
		return 0;
	}
	if (argc < 2) {
		group_usage(group, table, n, stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		group_usage(group, table, n, stdout);
		return call_end(&c);
	}
	for (i = 0; i < n; i++)
		if (strcmp(argv[1], table[i].name + skip) == 0)
			return command_run(&table[i], argc - 1, argv + 1);
	for (i = 0; i < n; i++)
		near_try(&near, table[i].name + skip);
	text_escape(shown, sizeof(shown), argv[1], TEXT_PLAIN);
	if (argv[1][0] != '-' && near.best != NULL) {
		fprintf(stderr, "charon %s: \"%s\" is not a command; did you "
		    "mean \"charon %s %s\"?\n", group, shown, group,
		    near.best);
		return EX_USAGE;
	}
	fprintf(stderr, "charon %s: \"%s\"%s; \"charon %s --help\" lists the "
	    "commands\n", group, shown, argv[1][0] == '-' ? ": options go "
	    "behind the command" : " is not a command", group);
	return EX_USAGE;
}

int
call_fail(const struct call *c, const struct error *e)
{
	fprintf(stderr, "charon %s: %s\n", c->command, e->text);
	return e->code;
}

int
call_print_json(const struct call *c, const struct json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	return call_end(c);
}

int
call_end(const struct call *c)
{
	char command[64];

	snprintf(command, sizeof(command), "charon %s", c->command);
	return printed_end(command);
}
