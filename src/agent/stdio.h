/* SPDX-License-Identifier: ISC */
/*
 * "orthrus connect -W": standard input and output are one stream, of the
 * running orthrus of this name or of a session of our own.
 */
#ifndef ORTHRUS_AGENT_STDIO_H
#define ORTHRUS_AGENT_STDIO_H

#include <stdbool.h>

#include "orthrus/base/error.h"

struct orthrus;
struct stdio_run;

/*
 * Takes standard input and output, and has the running orthrus give a stream,
 * if there is one.  When it does *lent is true; else the caller's session is
 * to serve, by stdio_ask().  NULL with *e (EX_UNAVAILABLE, EX_NOPERM, EX_CONFIG)
 * when neither is possible.  Blocks; a->base is one of loop_new_for_files().
 */
struct stdio_run *stdio_start(struct orthrus *a, bool *lent, struct error *e);
void stdio_end(struct stdio_run *r);	/* NULL is fine */

/* Asks a->tunnels for the stream, before there is a session. */
void stdio_ask(struct stdio_run *r);

/*
 * There will be no session any more: says why, and stops the loop, unless the
 * stream has all that is due to it, or is still delivering that.
 */
void stdio_without_session(struct stdio_run *r, const struct error *why);

#endif
