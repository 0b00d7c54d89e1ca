/* SPDX-License-Identifier: ISC */
/*
 * What a shell completes a command line with.  Its script asks the program
 * itself ("orthrus --complete WORD..."), and each command answers from the table
 * that it reads its options with, so that there is no second list of them.
 */
#ifndef ORTHRUS_BASE_COMPLETE_H
#define ORTHRUS_BASE_COMPLETE_H

#include <stdbool.h>

struct command_table;

/*
 * True when a command is not to run, but to offer all that it takes by the
 * functions below, and to return 0.
 */
bool complete_asked(int argc, char **argv);

/* A subcommand; help may be NULL, here and below. */
void complete_command(const char *word, const char *help);
/*
 * An option: its long name or NULL, its letter or 0, and what value it takes:
 * NULL for none; "a|b|NAME" offers a and b, what begins with "FILE" or "SOCKET"
 * or has a '/' files, and "AGENT" what the table calls names.  A '=' in front
 * of it: only behind a '=' of the same word.
 */
void complete_option(const char *name, int letter, const char *value,
    const char *help);
/* What an argument that is no option is, in the same words. */
void complete_argument(const char *value);

/*
 * The whole of "--complete WORD...": prints what the last of the words may become
 * after those before it, one a line, its meaning behind a tab; ":files" stands
 * for all files.
 */
int complete_run(const struct command_table *t, int argc, char **argv);

#endif
