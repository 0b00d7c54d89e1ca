/* SPDX-License-Identifier: ISC */
/*
 * The registered agents: a table by name, kept as the registry has it, and the
 * registry told of what was seen of them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/monitor/ask.h"

#include "gateway.h"

#define SAVE_PIECE 256		/* agents that are written in one turn */

struct agents {
	struct gateway *gateway;
	const struct agent_way *way;
	struct agent **slots;
	size_t nslots, n;
	unsigned looks;			/* at the registry so far */
	struct ask_changes changes;	/* of the one that has begun */
	bool looking;			/* it has */
	bool sweeping;			/* it told of all that there are */
	size_t unsaved;			/* the slot where the next piece is */
	uint64_t version;		/* is another when one came or went */
};

/* --- the table ---------------------------------------------------- */

/* FNV-1a: the names are the administrator's, nobody else chooses them. */
static size_t
hash_name(const char *name)
{
	uint64_t h = 14695981039346656037U;

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * 1099511628211U;
	return (size_t)h;
}

static struct agent **
agent_slot(const struct agents *set, const char *name)
{
	return &set->slots[hash_name(name) & (set->nslots - 1)];
}

struct agent *
agents_find(const struct agents *set, const char *name)
{
	struct agent *a = *agent_slot(set, name);

	while (a != NULL && strcmp(a->name, name) != 0)
		a = a->same_slot;
	return a;
}

static void
insert_agent(struct agents *set, struct agent *a)
{
	struct agent **s = agent_slot(set, a->name);

	a->same_slot = *s;
	*s = a;
}

static void
grow_table(struct agents *set)
{
	struct agent **old = set->slots, *a, *next;
	size_t i, n = set->nslots;

	set->nslots = n == 0 ? 64 : n * 2;
	set->slots = xcalloc(set->nslots, sizeof(*set->slots));
	for (i = 0; i < n; i++)
		for (a = old[i]; a != NULL; a = next) {
			next = a->same_slot;
			insert_agent(set, a);
		}
	free(old);
}

void
agents_each(const struct agents *set, void (*each)(void *, struct agent *),
    void *arg)
{
	struct agent *a;
	size_t i;

	for (i = 0; i < set->nslots; i++)
		for (a = set->slots[i]; a != NULL; a = a->same_slot)
			each(arg, a);
}

size_t
agents_count(const struct agents *set)
{
	return set->n;
}

uint64_t
agents_version(const struct agents *set)
{
	return set->version;
}

/* --- coming and going --------------------------------------------- */

static struct agent *
add_agent(struct agents *set, const struct peer *p)
{
	struct agent *a = agent_new(set->gateway, p, set->way);

	if (set->n >= set->nslots)
		grow_table(set);
	insert_agent(set, a);
	set->n++;
	set->version++;
	return a;
}

static void
remove_agent(struct agents *set, uint64_t id)
{
	struct agent **at, *a;
	size_t i;

	sessions_revoke(set->gateway, id, UINT64_MAX,
	    "removed from this gateway");
	for (i = 0; i < set->nslots; i++)
		for (at = &set->slots[i]; (a = *at) != NULL;
		    at = &a->same_slot)
			if (a->id == id) {
				log_event(LEVEL_INFO, LOG_FIELDS(
				    .event = "agent_removed",
				    .agent = a->name), "agent %s was removed",
				    a->name);
				*at = a->same_slot;
				set->n--;
				set->version++;
				agent_free(a);
				return;
			}
}

void
agents_know(struct agents *set, const struct peer *p, uint64_t position)
{
	struct agent *a = agents_find(set, p->name);

	if (a != NULL && a->position > position) {
		a->mentioned = set->looks;
		return;
	}
	/* Removed and added again between two looks. */
	if (a != NULL && a->id != p->id) {
		remove_agent(set, a->id);
		a = NULL;
	}
	if (a == NULL)
		a = add_agent(set, p);
	a->position = position;
	a->mentioned = set->looks;
	a->enrolled = p->enrolled;
	agent_set_docker_port(a, p->docker_port);
}

static void
take_over(struct agents *set, const struct ask_change *c)
{
	struct gateway *g = set->gateway;

	if (c->removed) {
		remove_agent(set, c->peer.id);
		return;
	}
	if (c->revoked)
		sessions_revoke(g, c->peer.id, c->position,
		    "this identity was revoked");
	if (c->peer.kind == PEER_CLIENT)
		sessions_update(g, &c->peer, c->position);
	else
		agents_know(set, &c->peer, c->position);
}

/* The journal did not reach back: who was not mentioned is gone. */
static bool
sweep_agents(struct agents *set, unsigned *done)
{
	struct agent *a;
	size_t i;

	for (i = 0; i < set->nslots; i++)
		for (a = set->slots[i]; a != NULL; )
			if (a->mentioned == set->looks)
				a = a->same_slot;
			else if (!chores_piece(done))
				return false;
			else {
				remove_agent(set, a->id);
				a = set->slots[i];
			}
	return true;
}

/* Goes on with a look that has begun: 1 when there is more of it, 0, -1. */
static int
go_on_looking(struct agents *set, struct error *e)
{
	static struct ask_change c;
	unsigned done = 0;
	int rc = 0;

	while (!set->sweeping && chores_piece(&done)) {
		rc = ask_changes(set->gateway->monitor, &set->changes, &c, e);
		if (rc == 1)
			take_over(set, &c);
		else if (rc == -1 || !set->changes.whole)
			return rc;
		else
			set->sweeping = true;
	}
	if (!set->sweeping || !sweep_agents(set, &done) ||
	    !sessions_prune(set->gateway, set->looks, &done))
		return 1;
	set->sweeping = false;
	return 0;
}

/* One that had begun before may not know what was changed since. */
int
agents_look(struct agents *set, struct error *e)
{
	bool ours = false;
	int rc;

	do {
		if (!set->looking) {
			set->looks++;
			ours = true;
		}
		rc = go_on_looking(set, e);
		set->looking = rc == 1;
	} while (rc == 0 && !ours);
	return rc;
}

int
agents_load(struct agents *set, struct error *e)
{
	int rc;

	while ((rc = agents_look(set, e)) == 1)
		;
	return rc;
}

struct agents *
agents_new(struct gateway *g, const struct agent_way *way)
{
	struct agents *set = xcalloc(1, sizeof(*set));

	set->gateway = g;
	set->way = way;
	grow_table(set);
	return set;
}

void
agents_free(struct agents *set)
{
	struct agent *a, *next;
	size_t i;

	if (set == NULL)
		return;
	ask_changes_clear(&set->changes);
	for (i = 0; i < set->nslots; i++)
		for (a = set->slots[i]; a != NULL; a = next) {
			next = a->same_slot;
			agent_free(a);
		}
	free(set->slots);
	free(set);
}

/* --- telling the registry ----------------------------------------- */

static int
save_agent(struct monitor *m, const struct agent *a, struct error *e)
{
	static struct peer p;

	p.id = a->id;
	memcpy(p.name, a->name, sizeof(p.name));
	p.last_seen = a->last_seen;
	p.online = agent_is_online(a);
	p.load = a->load;
	p.memory_used = a->memory_used;
	p.memory_total = a->memory_total;
	p.hello.kind = LEASH_UNKNOWN;
	if (a->hello_unsaved)
		agent_facts(a, &p.hello);
	return ask_seen_add(m, &p, e);
}

/* The piece from that slot on: where it ends, and how many are unsaved. */
static size_t
find_unsaved(const struct agents *set, size_t from, size_t *n)
{
	const struct agent *a;
	size_t to, found = 0;

	for (to = from; to < set->nslots && found < SAVE_PIECE; to++)
		for (a = set->slots[to]; a != NULL; a = a->same_slot)
			found += a->unsaved;
	*n = found;
	return to;
}

int
agents_save(struct agents *set, struct error *e)
{
	struct monitor *m = set->gateway->monitor;
	size_t i, n, from = set->unsaved, to = find_unsaved(set, from, &n);
	struct agent *a;
	int rc = 0;

	for (i = from; i < to && n > 0; i++)
		for (a = set->slots[i]; a != NULL && rc == 0; a = a->same_slot)
			if (a->unsaved)
				rc = save_agent(m, a, e);
	if (rc == 0 && n > 0)
		rc = ask_seen_commit(m, e);
	if (rc == -1)
		return -1;
	for (i = from; i < to && n > 0; i++)
		for (a = set->slots[i]; a != NULL; a = a->same_slot)
			a->unsaved = a->hello_unsaved = false;
	set->unsaved = to < set->nslots ? to : 0;
	return to < set->nslots;
}
