/* SPDX-License-Identifier: ISC */
/*
 * The command that is run in place of a connection: what ssh(1) calls
 * ProxyCommand, with names in it that cannot become part of its syntax.
 */
#ifndef ORTHRUS_PROTO_PROXY_COMMAND_H
#define ORTHRUS_PROTO_PROXY_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "orthrus/proto/server.h"

#define PROXY_COMMAND_MAX 4096	/* with NUL, before and after */

/*
 * Writes the text with %h and %n (host), %p (port), %r (user) and %% in it
 * replaced.  A shell is to read the result, inside whatever quotes: so a host or
 * user that holds anything but letters, digits and . _ : - @ + % is refused
 * where the text asks for it, and never quoted.  0, or -1 with *e (EX_CONFIG).
 */
int proxy_command_expand(const char *text, const struct server *server,
    char out[PROXY_COMMAND_MAX], struct error *e);

/* True of such a word: text and nothing else wherever a shell meets it. */
bool proxy_command_takes(const char *word);

/*
 * Masks in a line that a command wrote what may be a destination: the host that
 * it was given, each address, and each name with a dot in it that is not part
 * of a path.  The line becomes no longer.
 */
void proxy_command_mask(char *line, const char *host);

#endif
