/* SPDX-License-Identifier: ISC */
/* What commands print on standard output, and whether it arrives. */
#ifndef ORTHRUS_BASE_PRINTED_H
#define ORTHRUS_BASE_PRINTED_H

#include <stdbool.h>

/*
 * Writes out what stdout still holds: 0 when all that was printed has arrived,
 * else an errno value that says why not.  What could not be written is thrown
 * away and asked for once: the next call begins anew.
 */
int printed_error(void);

/*
 * At the end of what a command prints: 0, or EX_IOERR after one line on
 * standard error that begins with command ("orthrus status").  When nobody
 * reads on ("| head") no line is written; see printed_reader_gone().
 */
int printed_end(const char *command);

/*
 * True after a printed_end() that found that nobody reads on.  The program
 * then ends as SIGPIPE ends others, which command_main() sees to.
 */
bool printed_reader_gone(void);

/* Prints s in single quotes, so that sh(1) takes it for one word. */
void print_quoted(const char *s);

#endif
