/* SPDX-License-Identifier: ISC */
/* What "charon agent list" and "charon client list" have in common. */
#ifndef ORTHRUS_CHARON_LISTING_H
#define ORTHRUS_CHARON_LISTING_H

#include <jansson.h>

#include "orthrus/registry/registry.h"

#include "cli.h"

/* One run of such a command. */
struct listing {
	const struct call *call;
	bool served;			/* a gateway runs */
	int64_t now;			/* UNIX seconds */
	struct table table;
	json_t *json;			/* NULL: the table */
	json_t *live;			/* of agents in JSON, by name; NULL */
};

struct listing_kind {
	enum peer_kind peers;		/* those that are listed */
	const char *const *head;
	size_t columns;
	/* Adds one of them to l->table, all columns. */
	void (*row)(struct listing *l, const struct peer *p);
	/* One of them as a new object. */
	json_t *(*json)(const struct listing *l, const struct peer *p);
	const char *none;		/* the line when there are none */
};

/* Lists all peers of the kind as the call wants it: the exit code. */
int listing_run(const struct call *c, const struct listing_kind *kind);

#endif
