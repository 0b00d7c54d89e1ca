/* SPDX-License-Identifier: ISC */
/* What the gateway refuses: counted for everybody to see, logged sparingly. */
#ifndef ORTHRUS_GATEWAY_REFUSED_H
#define ORTHRUS_GATEWAY_REFUSED_H

#include <stdbool.h>

struct gateway;

enum refusal {
	REFUSED_PERMISSION,	/* beyond a client's --allow */
	REFUSED_FOREIGN,	/* an agent, and another's name, port or path */
	REFUSED_UNKNOWN,	/* no such agent or port */
	REFUSED_OFFLINE,
	REFUSED_REQUEST,	/* shell, exec, sftp ... */
	REFUSED_LOGIN,
	REFUSED_CONNECTION,	/* ended before a login, or never a good one */
	REFUSED_SOURCE,		/* all connections of it, for a while */
	REFUSED_ENROLL,
	REFUSED_LEASH,		/* malformed, too large, too many */
	REFUSED_EGRESS,
	REFUSED_LIMIT,		/* more than a principal's share */
	REFUSED_HTTP,		/* browsers, no token */
	NREFUSALS
};
extern const char *const refusal_names[NREFUSALS];	/* for /metrics */

/* Counts it; true when it should be logged (one line a second for each). */
bool refused(struct gateway *g, enum refusal why, unsigned *untold);

#endif
