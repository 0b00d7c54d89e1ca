/* The orthrus program: a table of commands. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <sodium.h>

#include "orthrus/agent/commands.h"
#include "orthrus/ssh/session.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "connect", cmd_connect,
	    "keep a session to a server, with SOCKS5 and forwards" },
	{ "check", cmd_check,
	    "validate the configuration and show where each value is from" },
	{ "enroll", cmd_enroll, "enrol at a gateway with an AUTH_KEY" },
	{ "keygen", cmd_keygen, "make an Ed25519 key" },
	{ "muzzle", cmd_muzzle, "filter a Docker socket, as a local proxy" },
	{ "status", cmd_status, "show what the running process does" },
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
usage(FILE *f)
{
	size_t i;

	fprintf(f, "usage: orthrus COMMAND [options]\n\n");
	for (i = 0; i < NCOMMANDS; i++)
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].help);
	fprintf(f, "\n\"orthrus COMMAND --help\" lists the options of a "
	    "command; orthrus(1) explains them.\n");
}

int
main(int argc, char **argv)
{
	size_t i;

	if (sodium_init() == -1) {
		fprintf(stderr, "orthrus: libsodium cannot start\n");
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
		printf("orthrus %s\n%s\n", PACKAGE_VERSION,
		    session_library_text());
		return 0;
	}
	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "orthrus: \"%s\" is not a command; \"orthrus --help\" "
	    "lists them\n", argv[1]);
	return EX_USAGE;
}
