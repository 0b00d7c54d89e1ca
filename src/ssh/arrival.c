/* SPDX-License-Identifier: ISC */
/* Those who have come and are no session yet: see inbound.h. */
#include "config.h"

#include <stdlib.h>

#include "orthrus/base/mem.h"

#include "inbound_private.h"

struct arrival {
	struct waiting place;		/* in the acceptor's waiting */
	struct acceptor *acceptor;
	bool speaks;
	void (*evicted)(void *arg);
	void *arg;
};

static unsigned
arrival_progress(const void *who)
{
	const struct arrival *v = who;

	return v->speaks;
}

static void
arrival_give_way(void *who, const char *why)
{
	struct arrival *v = who;
	struct acceptor *a = v->acceptor;
	char peer[SOURCE_TEXT_MAX];

	a->events.kept_out(a->arg, source_text(&v->place.from, peer), why);
	v->evicted(v->arg);
	crowd_remove(&a->waiting, &v->place);
	offence_by_stranger(a, &v->place.from, false);
	free(v);
}

struct arrival *
acceptor_arrive(struct acceptor *a, int fd, void (*evicted)(void *arg),
    void *arg)
{
	static const struct waiting_ops ops = {
		arrival_progress, arrival_give_way
	};
	struct waiting newcomer = { .who = NULL };
	struct arrival *v;

	a->counters.accepted++;
	if (acceptor_source(fd, &newcomer.from) == -1 ||
	    acceptor_refuses(a, &newcomer.from) ||
	    !acceptor_makes_room(a, &newcomer))
		return NULL;
	v = xcalloc(1, sizeof(*v));
	v->acceptor = a;
	v->evicted = evicted;
	v->arg = arg;
	v->place = newcomer;
	v->place.who = v;
	v->place.ops = &ops;
	crowd_add(&a->waiting, &v->place);
	return v;
}

void
arrival_speaks(struct arrival *v, bool speaks)
{
	v->speaks = speaks;
}

void
arrival_enters(struct arrival *v, struct transport *t)
{
	struct acceptor *a = v->acceptor;
	struct waiting newcomer = v->place;

	crowd_remove(&a->waiting, &v->place);
	free(v);
	newcomer.who = NULL;
	acceptor_begin(a, t, &newcomer);
}

void
arrival_leaves(struct arrival *v, bool too_slow)
{
	struct acceptor *a = v->acceptor;

	crowd_remove(&a->waiting, &v->place);
	if (too_slow)
		offence_by_stranger(a, &v->place.from, true);
	free(v);
}
