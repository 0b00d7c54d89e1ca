/* SPDX-License-Identifier: ISC */
/* See refused.h. */
#include "config.h"

#include <time.h>

#include "gateway.h"

const char *const refusal_names[NREFUSALS] = {
	[REFUSED_PERMISSION] = "permission", [REFUSED_FOREIGN] = "foreign",
	[REFUSED_UNKNOWN] = "unknown", [REFUSED_OFFLINE] = "offline",
	[REFUSED_REQUEST] = "request", [REFUSED_LOGIN] = "login",
	[REFUSED_CONNECTION] = "connection", [REFUSED_SOURCE] = "source",
	[REFUSED_ENROLL] = "enroll", [REFUSED_LEASH] = "leash",
	[REFUSED_EGRESS] = "egress", [REFUSED_LIMIT] = "limit",
	[REFUSED_HTTP] = "http"
};

bool
refused(struct gateway *g, enum refusal why, unsigned *untold)
{
	int64_t now = time(NULL);

	g->refusals[why]++;
	*untold = g->untold[why];
	if (g->told_at[why] == now) {
		g->untold[why]++;
		return false;
	}
	g->told_at[why] = now;
	g->untold[why] = 0;
	return true;
}
