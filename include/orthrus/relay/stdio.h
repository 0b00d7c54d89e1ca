/* SPDX-License-Identifier: ISC */
/*
 * The standard input and output of a program as one endpoint of the relay:
 * a file, a pipe, a terminal, a socket or the null device each.
 */
#ifndef ORTHRUS_RELAY_STDIO_H
#define ORTHRUS_RELAY_STDIO_H

#include <stdbool.h>

#include "orthrus/relay/endpoint.h"

struct event_base;
struct stdio;

/*
 * in and out are its own from here on.  Neither is made non-blocking, since
 * other processes share what they stand for (a terminal with the shell): it
 * reads and writes no more than poll(2) promises.  base is one of
 * loop_new_for_files().
 */
struct stdio *stdio_new(struct event_base *base, int in, int out);
/* When its endpoint is closed, or was never joined.  NULL is fine. */
void stdio_free(struct stdio *s);

struct endpoint *stdio_endpoint(struct stdio *s);

/*
 * From now on the input is at its end, whatever is there: nobody takes it any
 * more.
 */
void stdio_end_input(struct stdio *s);

/*
 * The errno value that in or out has failed with, 0 when neither has; *which
 * is "standard input" or "standard output" then.
 */
int stdio_error(const struct stdio *s, const char **which);
/* True when some of the input is there that the other side did not take. */
bool stdio_holds_input(const struct stdio *s);

#endif
