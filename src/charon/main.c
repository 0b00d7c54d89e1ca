/* The charon program: a table of commands. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <sodium.h>

#include "orthrus/base/text.h"
#include "orthrus/gateway/serve.h"
#include "orthrus/ssh/session.h"

#include "commands.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "serve", cmd_serve, "run the gateway" },
	{ "agent", cmd_agent,
	    "add, list, show, rekey and remove agents" },
	{ "client", cmd_client,
	    "add, allow, list and remove people and programs" },
	{ "snippet", cmd_snippet,
	    "print what to install on an agent's host" },
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
usage(FILE *f)
{
	size_t i;

	fprintf(f, "usage: charon COMMAND [options]\n\n");
	for (i = 0; i < NCOMMANDS; i++)
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].help);
	fprintf(f, "\n\"charon COMMAND --help\" tells more of a command; "
	    "charon(8) explains them.\n");
}

int
main(int argc, char **argv)
{
	char shown[256];
	size_t i;

	signal(SIGPIPE, SIG_IGN);	/* it is an error of the write */
	if (sodium_init() == -1) {
		fprintf(stderr, "charon: libsodium cannot start\n");
		return EX_OSERR;
	}
	if (argc < 2) {
		usage(stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("charon %s\n%s\n", PACKAGE_VERSION,
		    session_library_text());
		return 0;
	}
	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	text_escape(shown, sizeof(shown), argv[1], TEXT_PLAIN);
	if (argv[1][0] == '-') {
		fprintf(stderr, "charon: \"%s\": options go behind the "
		    "command, as in \"charon agent list --config FILE\"; "
		    "\"charon --help\" lists the commands\n", shown);
		return EX_USAGE;
	}
	fprintf(stderr, "charon: \"%s\" is not a command; \"charon --help\" "
	    "lists them\n", shown);
	return EX_USAGE;
}
