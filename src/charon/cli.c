/* SPDX-License-Identifier: ISC */
/* Command lines: options, one name, the configuration, and who is called. */
#include "config.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/gateway/tell.h"

#include "cli.h"

#define SHOWN_MAX 256
#define ARGS_MAX 64		/* common options, more is no use */
#define TELL_MS 5000		/* for the gateway that runs */

/* Options that some commands take, in the order of the bits. */
static const struct {
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
};

#define NOWN (sizeof(own) / sizeof(own[0]))
#define OWN_BASE 256		/* what getopt_long() returns for own[0] */

static void
usage_line(const struct command *command, FILE *f)
{
	fprintf(f, "usage: charon %s %s%s[options]\n", command->name,
	    command->synopsis, *command->synopsis != '\0' ? " " : "");
}

static void
usage(const struct command *command)
{
	char text[64];
	bool any = false;
	size_t i;

	usage_line(command, stdout);
	printf("\n%s\n\n", command->text);
	for (i = 0; i < NOWN; i++) {
		if (!(command->takes & own[i].bit))
			continue;
		if (!any)
			printf("options:\n");
		any = true;
		snprintf(text, sizeof(text), "    --%s%s%s", own[i].name,
		    own[i].arg == NULL ? "" : " ",
		    own[i].arg == NULL ? "" : own[i].arg);
		printf("  %-26s  %s\n", text, own[i].help);
	}
	if (any)
		putchar('\n');
	gateway_config_usage(stdout);
}

/* --- options ------------------------------------------------------ */

/* What is read off a command line, before anything is looked at. */
struct line {
	struct call call;
	bool help;
	char *allow;			/* all lists that were given */
	char *args[ARGS_MAX];		/* for gateway_config_load() */
	int nargs;
};

static void
keep_arg(struct line *l, char *arg)
{
	if (l->nargs < ARGS_MAX)
		l->args[l->nargs++] = arg;
	else
		free(arg);
}

static void
take_allow(struct line *l, const char *list)
{
	char *both = l->allow == NULL ? xstrdup(list) :
	    xasprintf("%s,%s", l->allow, list);

	free(l->allow);
	l->call.allow = l->allow = both;
}

static void
take_own(struct line *l, unsigned bit)
{
	switch (bit) {
	case TAKES_JSON:
		l->call.json = true;
		break;
	case TAKES_ALLOW:
		take_allow(l, optarg);
		break;
	case TAKES_KEY:
		l->call.key = optarg;
		break;
	case TAKES_FOR:
		l->call.platform = optarg;
		break;
	case TAKES_SERVER:
		l->call.server = optarg;
		break;
	}
}

/* 0, or -1 after getopt_long() has said what is wrong. */
static int
read_options(const struct command *command, struct line *l, int argc,
    char **argv)
{
	struct option options[NOWN + 4] = {
		{ "config", required_argument, NULL, 'c' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
	};
	size_t i, n = 3;
	int c;

	for (i = 0; i < NOWN; i++) {
		if (!(command->takes & own[i].bit))
			continue;
		options[n].name = own[i].name;
		options[n].has_arg = own[i].arg == NULL ? no_argument :
		    required_argument;
		options[n++].val = OWN_BASE + (int)i;
	}
	optind = 0;
	while ((c = getopt_long(argc, argv, "c:vh", options, NULL)) != -1) {
		if (c == '?')
			return -1;
		if (c == 'c')
			keep_arg(l, xasprintf("--config=%s", optarg));
		else if (c == 'l')
			keep_arg(l, xasprintf("--log-level=%s", optarg));
		else if (c == 'v')
			keep_arg(l, xstrdup("-v"));
		else if (c == 'h')
			l->help = true;
		else
			take_own(l, own[c - OWN_BASE].bit);
	}
	return 0;
}

/*
 * The name and what follows it, where there are any: 0, or -1 after saying
 * what is wrong.
 */
static int
read_arguments(const struct command *command, struct line *l, int argc,
    char **argv)
{
	bool wants = command->takes & TAKES_NAME;
	int most = wants + ((command->takes & TAKES_PORT) != 0);
	char shown[SHOWN_MAX] = "";

	if (argc > most) {
		text_escape(shown, sizeof(shown), argv[most], TEXT_PLAIN);
		fprintf(stderr, "charon %s: unexpected argument \"%s\"\n",
		    command->name, shown);
		return -1;
	}
	if (!wants)
		return 0;
	if (argc == 0) {
		fprintf(stderr, "charon %s: whom? NAME is missing\n",
		    command->name);
		return -1;
	}
	text_escape(shown, sizeof(shown), argv[0], TEXT_PLAIN);
	l->call.name = argv[0];
	l->call.port = argc > 1 ? argv[1] : NULL;
	if (name_valid(argv[0]))
		return 0;
	fprintf(stderr, "charon %s: \"%s\": a name has 1 to 63 of a-z, 0-9 "
	    "and -, and no - at either end\n", command->name, shown);
	return -1;
}

/* --- running ------------------------------------------------------ */

static void
report(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s\n", text);
}

/*
 * The next line of a script may use what was added, and must not reach what
 * was removed.
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

static int
call_it(const struct command *command, struct line *l)
{
	int code = 0;

	l->call.config = gateway_config_load(l->nargs, l->args, report, NULL,
	    &code);
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
	struct line l = { .call = { .command = command->name } };
	int code = EX_USAGE;

	/* For what getopt_long() complains about. */
	argv[0] = xasprintf("charon %s", command->name);
	keep_arg(&l, xstrdup(argv[0]));
	if (read_options(command, &l, argc, argv) == 0) {
		if (l.help) {
			usage(command);
			code = call_end(&l.call);
		} else if (read_arguments(command, &l, argc - optind,
		    argv + optind) == 0)
			code = call_it(command, &l);
	}
	if (code == EX_USAGE)
		usage_line(command, stderr);
	while (l.nargs > 0)
		free(l.args[--l.nargs]);
	free(l.allow);
	free(argv[0]);
	argv[0] = NULL;
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

int
group_run(const char *group, const struct command *table, size_t n, int argc,
    char **argv)
{
	const struct call c = { .command = group };
	size_t i, skip = strlen(group) + 1;
	char shown[SHOWN_MAX];

	if (argc < 2) {
		group_usage(group, table, n, stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		group_usage(group, table, n, stdout);
		return call_end(&c);
	}
	for (i = 0; i < n; i++)
		if (strcmp(argv[1], table[i].name + skip) == 0)
			return command_run(&table[i], argc - 1, argv + 1);
	text_escape(shown, sizeof(shown), argv[1], TEXT_PLAIN);
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
call_end(const struct call *c)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "charon %s: what was to be printed could not be "
	    "written\n", c->command);
	return EX_IOERR;
}
