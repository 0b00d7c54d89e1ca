/* SPDX-License-Identifier: ISC */
/*
 * The options of a command that has no configuration of its own, as a table
 * for getopt_long(3).  What conf reads has its keyword table instead.
 */
#ifndef ORTHRUS_BASE_COMMAND_LINE_H
#define ORTHRUS_BASE_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "orthrus/base/error.h"

/* An option, which goes to the one of flag, text and take that is there. */
struct command_option {
	const char *name;	/* "output" of --output, or NULL */
	int letter;		/* 'o' of -o, or 0 */
	bool *flag;		/* becomes true; the option has no value */
	const char **text;	/* becomes the value, which argv keeps */
	/* Takes the value, and may change it: 0, or -1 with *e. */
	int (*take)(void *arg, char *value, struct error *e);
	bool bare;		/* has no value, so take() gets NULL */
	const char *value;	/* which one, for complete.h; NULL: any */
};

struct command_line {
	const char *command;	/* "orthrus keygen", in front of complaints */
	const struct command_option *options;	/* beside -h and --help */
	size_t n;
	unsigned most;		/* arguments that are no options */
	const char *hint;	/* ends the complaint about one more; NULL */
	/* Prints the help, or after a complaint what helps then, to f. */
	void (*usage)(void *arg, FILE *f);
	/*
	 * Whether all is right together, when each option is right by itself:
	 * 0, or -1 with *e.  arguments ends with NULL.  May be NULL.
	 */
	int (*check)(void *arg, char **arguments, struct error *e);
	void *arg;
	const char *argument;	/* which, for complete.h; or NULL */
};

/*
 * Reads argv, whose argv[0] is skipped.  True when the command is to run; else
 * *code is how it ends: 0 after --help, EX_USAGE after a line on standard error
 * that says what is wrong.
 */
bool command_line_read(const struct command_line *l, int argc, char **argv,
    int *code);

/* True when --help or -h is among the options (before "--"). */
bool wants_help(int argc, char **argv);

#endif
