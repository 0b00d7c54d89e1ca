/* SPDX-License-Identifier: ISC */
/* A program that is a table of commands. */
#ifndef ORTHRUS_BASE_COMMAND_H
#define ORTHRUS_BASE_COMMAND_H

#include <stddef.h>

struct command_row {
	const char *name;
	/* Gets its own argv, argv[0] being its name; returns an exit code. */
	int (*run)(int argc, char **argv);
	const char *help;		/* one line */
};

/* A word that people try, and the command that does that. */
struct command_instead {
	const char *word, *command;
};

struct command_table {
	const char *program;		/* "orthrus" */
	const char *manual;		/* "orthrus(1)" */
	const char *example;		/* where options go, or NULL */
	const char *libraries;		/* for --version */
	const char *database;		/* for --version --verbose, or NULL */
	const struct command_row *rows;
	size_t n;
	const char *dials;		/* the command of a server, or NULL */
	const struct command_instead *instead;	/* until a NULL; or NULL */
	/* Calls each with the names that an argument may be; NULL: unknown. */
	void (*names)(void (*each)(const char *name));
};

/*
 * The whole of main(): --help, --version, and the command that argv[1] names.
 * Returns its exit code, or EX_USAGE with a line on standard error that says
 * what was wrong.
 */
int command_main(const struct command_table *table, int argc, char **argv);

#endif
