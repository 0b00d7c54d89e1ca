/* SPDX-License-Identifier: ISC */
/*
 * Those who stand behind sessions: an agent or client is one principal, however
 * many sessions and streams it has, and has its limits as such.
 */
#include "config.h"

#include <stdlib.h>

#include "orthrus/base/mem.h"

#include "gateway.h"

static struct principal_list *
slot_of(struct gateway *g, uint64_t id)
{
	return &g->principals[id % PRINCIPAL_SLOTS];
}

static struct principal *
find_principal(struct gateway *g, uint64_t id)
{
	struct principal *p;

	LIST_FOREACH(p, slot_of(g, id), next)
		if (p->id == id)
			return p;
	return NULL;
}

struct principal *
principal_enter(struct gateway *g, uint64_t id)
{
	struct principal *p = find_principal(g, id);

	if (p == NULL) {
		p = xcalloc(1, sizeof(*p));
		p->id = id;
		LIST_INSERT_HEAD(slot_of(g, id), p, next);
	}
	p->sessions++;
	return p;
}

/* Nobody asks for it any more when all that is its has ended. */
static void
forget_principal(struct principal *p)
{
	if (p->sessions > 0 || p->streams > 0)
		return;
	LIST_REMOVE(p, next);
	free(p);
}

void
principal_leave(struct principal *p)
{
	p->sessions--;
	forget_principal(p);
}

void
principal_stream_begins(struct principal *p)
{
	if (p != NULL)
		p->streams++;
}

void
principal_stream_ends(struct principal *p)
{
	if (p == NULL)
		return;
	p->streams--;
	forget_principal(p);
}
