/* SPDX-License-Identifier: ISC */
/*
 * How a Docker client at the other end of SSH asks for an engine: by the
 * command that it would run there, and by its login's name.  Pure functions.
 */
#ifndef ORTHRUS_PROTO_DIAL_STDIO_H
#define ORTHRUS_PROTO_DIAL_STDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"

enum dial_stdio {
	DIAL_STDIO_OTHER,	/* another command */
	DIAL_STDIO_OK,
	DIAL_STDIO_BAD_NAME	/* its path is no agent's name */
};

/*
 * Reads the len bytes of a command (RFC 4254 section 6.5):
 *
 *	docker system dial-stdio
 *	docker --host unix:///AGENT system dial-stdio
 *	docker --host=unix:///AGENT system dial-stdio
 *
 * Words may be quoted as a shell takes them, without escapes.  agent becomes
 * the name, or "" when none is there; a path of slashes alone is none.
 */
enum dial_stdio dial_stdio_read(const uint8_t *p, size_t len,
    char agent[NAME_MAX_LEN]);

/*
 * Splits the user "NAME" or "NAME+AGENT": false when NAME is no name or AGENT
 * too long.  agent becomes "" when there is none.  It may be no valid name:
 * whoever is let in as NAME can be told what is wrong with it.
 */
bool dial_stdio_user(const char *user, char name[NAME_MAX_LEN],
    char agent[NAME_MAX_LEN]);

#endif
