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

struct agents {
	struct gateway *gateway;
	const struct agent_way *way;
	struct agent **slots;
	size_t nslots, n;
	unsigned updates;		/* looks at them so far */
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

	sessions_revoke(set->gateway, id, "removed from this gateway");
	for (i = 0; i < set->nslots; i++)
		for (at = &set->slots[i]; (a = *at) != NULL;
		    at = &a->same_slot)
			if (a->id == id) {
				log_info("agent %s was removed", a->name);
				*at = a->same_slot;
				set->n--;
				set->version++;
				agent_free(a);
				return;
			}
}

static void
on_peer_change(void *arg, const struct peer *p, bool removed, bool revoked)
{
	struct agents *set = arg;
	struct agent *a;

	if (removed) {
		remove_agent(set, p->id);
		return;
	}
	if (revoked)
		sessions_revoke(set->gateway, p->id,
		    "this identity was revoked");
	if (p->kind == PEER_CLIENT) {
		sessions_update(set->gateway, p);
		return;
	}
	a = agents_find(set, p->name);
	/* Removed and added again between two looks. */
	if (a != NULL && a->id != p->id) {
		remove_agent(set, a->id);
		a = NULL;
	}
	if (a == NULL)
		a = add_agent(set, p);
	a->mentioned = set->updates;
	a->enrolled = p->enrolled;
	agent_set_docker_port(a, p->docker_port);
}

/* The journal did not reach back: who was not mentioned is gone. */
static void
sweep_agents(struct agents *set)
{
	struct agent *a;
	size_t i;

	for (i = 0; i < set->nslots; i++)
		for (a = set->slots[i]; a != NULL; )
			if (a->mentioned == set->updates)
				a = a->same_slot;
			else {
				remove_agent(set, a->id);
				a = set->slots[i];
			}
}

int
agents_update(struct agents *set, struct error *e)
{
	int rc;

	set->updates++;
	rc = ask_changes(set->gateway->monitor, on_peer_change, set, e);
	if (rc == 1) {
		sweep_agents(set);
		sessions_prune(set->gateway);
	}
	return rc == -1 ? -1 : 0;
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
	for (i = 0; i < set->nslots; i++)
		for (a = set->slots[i]; a != NULL; a = next) {
			next = a->same_slot;
			agent_free(a);
		}
	free(set->slots);
	free(set);
}

/* --- telling the registry ----------------------------------------- */

struct saving {
	struct monitor *monitor;
	struct error *e;
	int rc;
};

static void
save_agent(void *arg, struct agent *a)
{
	struct saving *s = arg;
	static struct peer p;

	if (!a->unsaved || s->rc == -1)
		return;
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
	s->rc = ask_seen_add(s->monitor, &p, s->e);
}

static void
mark_saved(void *arg, struct agent *a)
{
	(void)arg;
	a->unsaved = a->hello_unsaved = false;
}

static void
note_unsaved(void *arg, struct agent *a)
{
	if (a->unsaved)
		*(bool *)arg = true;
}

int
agents_save(struct agents *set, struct error *e)
{
	struct saving s = { set->gateway->monitor, e, 0 };
	bool any = false;

	agents_each(set, note_unsaved, &any);
	if (!any)
		return 0;
	agents_each(set, save_agent, &s);
	if (s.rc == 0)
		s.rc = ask_seen_commit(s.monitor, e);
	if (s.rc == 0)
		agents_each(set, mark_saved, NULL);
	return s.rc;
}
