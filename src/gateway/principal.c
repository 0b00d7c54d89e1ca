/* SPDX-License-Identifier: ISC */
/*
 * Those who stand behind sessions: an agent or client is one principal, however
 * many sessions and streams it has, and has its limits as such.
 */
#include "config.h"

#include <stdlib.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"

#include "gateway.h"

#define LINES_BURST 60		/* of the log about one ... */
#define LINES_RATE 2		/* ... and each second */
#define REMEMBER_MS 60000	/* how many there were of late */
#define PORTS_BURST (2 * LEASH_PORTS_MAX)	/* that come, others for all */
#define PORTS_RATE 16		/* ... and each second */

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
		account_init(&p->account, &g->memory);
		LIST_INSERT_HEAD(slot_of(g, id), p, next);
	}
	if (p->sessions++ == 0)
		p->cut = false;
	return p;
}

void
principal_leave(struct principal *p)
{
	p->sessions--;
}

bool
session_is_worth_a_line(struct session *s)
{
	struct principal *p = s->principal;

	if (!bucket_take(&p->lines, clock_ms(), LINES_BURST, LINES_RATE)) {
		p->left_out++;
		return false;
	}
	if (p->left_out > 0)
		log_info("%s: %u lines about it were left out",
		    session_who(s), p->left_out);
	p->left_out = 0;
	return true;
}

bool
principal_may_expose(struct principal *p)
{
	return bucket_take(&p->ports, clock_ms(), PORTS_BURST, PORTS_RATE);
}

/*
 * What it has sent may wait for a slow reader when it has gone itself, and
 * whoever comes and goes all the time is known still when he comes again.
 */
static bool
is_gone(const struct principal *p)
{
	return p->sessions == 0 && p->borne == 0 &&
	    account_is_idle(&p->account) &&
	    clock_ms() - p->lines.filled_at > REMEMBER_MS;
}

static void
free_principals(struct gateway *g, bool all)
{
	struct principal *p, *following;
	size_t i;

	for (i = 0; i < PRINCIPAL_SLOTS; i++)
		for (p = LIST_FIRST(&g->principals[i]); p != NULL;
		    p = following) {
			following = LIST_NEXT(p, next);
			if (!all && !is_gone(p))
				continue;
			LIST_REMOVE(p, next);
			free(p);
		}
}

/* --- when the memory is full ---------------------------------------- */

/*
 * Who holds most of it; NULL: nobody.  Those that are being cut off are left
 * out: *leaving is what they hold.
 */
static struct principal *
find_largest(struct gateway *g, size_t *leaving)
{
	struct principal *p, *largest = NULL;
	size_t i;

	*leaving = 0;
	for (i = 0; i < PRINCIPAL_SLOTS; i++)
		LIST_FOREACH(p, &g->principals[i], next)
			if (p->cut)
				*leaving += p->account.held.used;
			else if (largest == NULL || p->account.held.used >
			    largest->account.held.used)
				largest = p;
	return largest;
}

/* By the name of one of its sessions, which are ended. */
static void
cut_off(struct gateway *g, struct principal *p)
{
	size_t held = p->account.held.used;
	struct session *s;

	p->cut = true;
	g->refusals[REFUSED_LIMIT]++;
	TAILQ_FOREACH(s, &g->sessions, next) {
		if (s->principal != p || s->over)
			continue;
		if (held > 0)
			log_warn("%s: cut off: of the memory, which is full "
			    "([limits] memory), it has most, %zu KiB",
			    session_who(s), held / 1024);
		held = 0;		/* that was said */
		session_end(s, "this gateway's memory is full");
	}
	gateway_end_streams_of(g, p);
}

void
principals_sweep(struct gateway *g)
{
	struct principal *p;
	size_t leaving;

	while (budget_left(&g->memory) == 0 &&
	    (p = find_largest(g, &leaving)) != NULL &&
	    g->memory.used - leaving >= g->memory.limit)
		cut_off(g, p);
	free_principals(g, false);
}

void
principals_free(struct gateway *g)
{
	free_principals(g, true);
}
