/*
 * The registered agents: a table by name, kept as the registry has it, with
 * the endpoints that each one has from its registration to its removal.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"

#include "gateway.h"

struct agents {
	struct gateway *gateway;
	struct agent **slots;
	size_t nslots, n;
	int64_t seq;			/* of the registry's changes */
	unsigned updates;		/* looks at them so far */
};

/* --- the table --------------------------------------------------------- */

/* FNV-1a: the names are the administrator's, nobody else chooses them. */
static size_t
hash(const char *name)
{
	uint64_t h = 14695981039346656037U;

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * 1099511628211U;
	return (size_t)h;
}

static struct agent **
slot(const struct agents *set, const char *name)
{
	return &set->slots[hash(name) & (set->nslots - 1)];
}

struct agent *
agents_find(const struct agents *set, const char *name)
{
	struct agent *a = *slot(set, name);

	while (a != NULL && strcmp(a->name, name) != 0)
		a = a->same_slot;
	return a;
}

static void
insert(struct agents *set, struct agent *a)
{
	struct agent **s = slot(set, a->name);

	a->same_slot = *s;
	*s = a;
}

static void
grow(struct agents *set)
{
	struct agent **old = set->slots, *a, *next;
	size_t i, n = set->nslots;

	set->nslots = n == 0 ? 64 : n * 2;
	set->slots = xcalloc(set->nslots, sizeof(*set->slots));
	for (i = 0; i < n; i++)
		for (a = old[i]; a != NULL; a = next) {
			next = a->same_slot;
			insert(set, a);
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

/* --- what is known of one ------------------------------------------------ */

const char *
agent_state(const struct agent *a)
{
	return a->session != NULL ? "online" : a->last_seen != 0 ? "offline" :
	    "pending";
}

void
agent_hello(const struct agent *a, struct leash_message *hello)
{
	const char *why;

	if (a->hello == NULL ||
	    leash_decode(a->hello + 4, a->hello_len - 4, hello, &why) == -1)
		hello->kind = LEASH_UNKNOWN;
}

static void
keep_hello(struct agent *a, const struct leash_message *hello)
{
	static uint8_t frame[4 + LEASH_FRAME_MAX];
	size_t n = leash_encode(hello, frame);

	if (n == a->hello_len && memcmp(frame, a->hello, n) == 0)
		return;
	free(a->hello);
	a->hello = xcalloc(1, n);
	a->hello_len = n;
	memcpy(a->hello, frame, n);
	a->hello_unsaved = a->unsaved = true;
}

static struct agent_endpoint **
find_port(const struct agent *a, uint16_t port)
{
	size_t i;

	for (i = 0; i < a->nports; i++)
		if (agent_endpoint_port(a->ports[i]) == port)
			return &a->ports[i];
	return NULL;
}

void
agent_expose(struct agent *a, uint16_t port)
{
	size_t i = a->nports;

	if (find_port(a, port) != NULL || a->nports == LEASH_PORTS_MAX)
		return;
	a->ports = xreallocarray(a->ports, a->nports + 1, sizeof(*a->ports));
	while (i > 0 && agent_endpoint_port(a->ports[i - 1]) > port) {
		a->ports[i] = a->ports[i - 1];
		i--;
	}
	a->ports[i] = agent_endpoint_new(a, port);
	a->nports++;
}

static void
remove_port(struct agent *a, uint16_t port)
{
	struct agent_endpoint **at = find_port(a, port);

	if (at == NULL)
		return;
	agent_endpoint_free(*at);
	a->nports--;
	memmove(at, at + 1, (size_t)(a->ports + a->nports - at) * sizeof(*at));
}

static bool
lists(const struct leash_message *hello, uint16_t port)
{
	size_t i;

	for (i = 0; i < hello->hello.nports; i++)
		if (hello->hello.ports[i].port == port)
			return true;
	return false;
}

static bool
listens(const struct session *s, uint16_t port)
{
	size_t i;

	for (i = 0; s != NULL && i < s->nlistens; i++)
		if (s->listens[i].port == port)
			return true;
	return false;
}

/* An agent that leaves in order says so of each port: that is no change. */
void
agent_unexpose(struct agent *a, uint16_t port)
{
	struct leash_message *hello = xcalloc(1, sizeof(*hello));

	agent_hello(a, hello);
	if (hello->kind != LEASH_HELLO || !lists(hello, port))
		remove_port(a, port);
	free(hello);
}

/* What is opened there is not closed here, unless the agent shares none. */
static void
set_policy(struct agent *a, const struct leash_message *hello)
{
	struct policy p = { .actions = 0, .redact = true };

	if (hello->kind == LEASH_HELLO && hello->hello.docker) {
		p.actions = hello->hello.docker_actions;
		p.redact = hello->hello.docker_redact;
	}
	muzzle_set_policy(a->muzzle, &p);
}

void
agent_set_hello(struct agent *a, const struct leash_message *hello)
{
	uint16_t port;
	size_t i;

	for (i = a->nports; i > 0; i--) {
		port = agent_endpoint_port(a->ports[i - 1]);
		if (!lists(hello, port) && !listens(a->session, port))
			remove_port(a, port);
	}
	for (i = 0; i < hello->hello.nports; i++)
		agent_expose(a, hello->hello.ports[i].port);
	set_policy(a, hello);
	keep_hello(a, hello);
}

void
agent_set_session(struct agent *a, struct session *s)
{
	size_t i;

	if ((a->session != NULL) != (s != NULL))
		log_info("agent %s is %s", a->name, s != NULL ? "online" :
		    "offline");
	a->session = s;
	if (s != NULL && s->serial != 0)
		a->enrolled = true;
	a->last_seen = time(NULL);
	a->unsaved = a->gateway->save_soon = true;
	agent_endpoint_online(a->docker, s != NULL);
	for (i = 0; i < a->nports; i++)
		agent_endpoint_online(a->ports[i], s != NULL);
}

/* --- coming and going ----------------------------------------------------- */

static char *
directory(const struct agent *a)
{
	return xasprintf("%s/agents/%s", a->gateway->runtime, a->name);
}

static void
make_directory(const struct agent *a)
{
	char *path = directory(a);

	/* The same mode whatever umask(2) says. */
	if ((mkdir(path, 0750) == -1 && errno != EEXIST) ||
	    chmod(path, 0750) == -1)
		log_error("cannot make %s: %s; agent %s has no sockets here",
		    path, strerror(errno), a->name);
	free(path);
}

static struct agent *
add(struct agents *set, const struct peer *p)
{
	struct agent *a = xcalloc(1, sizeof(*a));
	struct policy policy = { .actions = 0, .redact = true };
	struct muzzle_way way = stream_way;
	char label[NAME_MAX_LEN + 32];
	size_t i;

	a->gateway = set->gateway;
	a->id = p->id;
	memcpy(a->name, p->name, sizeof(a->name));
	a->created = p->created;
	a->last_seen = p->last_seen;
	a->load = p->load;
	a->memory_used = p->memory_used;
	a->memory_total = p->memory_total;
	way.arg = a;
	snprintf(label, sizeof(label), "agent %s: docker", a->name);
	a->muzzle = muzzle_new_over(set->gateway->base, &way, label, &policy);
	make_directory(a);
	a->docker = agent_endpoint_new(a, 0);
	if (p->hello.kind == LEASH_HELLO) {
		keep_hello(a, &p->hello);
		a->hello_unsaved = a->unsaved = false;
		set_policy(a, &p->hello);
		for (i = 0; i < p->hello.hello.nports; i++)
			agent_expose(a, p->hello.hello.ports[i].port);
	}
	if (set->n >= set->nslots)
		grow(set);
	insert(set, a);
	set->n++;
	return a;
}

static void
agent_free(struct agent *a)
{
	char *path = directory(a);

	agent_end_streams(a);
	while (a->nports > 0)
		agent_endpoint_free(a->ports[--a->nports]);
	agent_endpoint_free(a->docker);
	rmdir(path);
	free(path);
	muzzle_free(a->muzzle);
	free(a->ports);
	free(a->hello);
	free(a);
}

static void
remove_id(struct agents *set, uint64_t id)
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
				agent_free(a);
				return;
			}
}

static void
on_change(void *arg, const struct peer *p, bool removed, bool revoked)
{
	struct agents *set = arg;
	struct agent *a;

	if (removed) {
		remove_id(set, p->id);
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
		remove_id(set, a->id);
		a = NULL;
	}
	if (a == NULL)
		a = add(set, p);
	a->mentioned = set->updates;
	a->enrolled = p->enrolled;
}

/* The journal did not reach back: who was not mentioned is gone. */
static void
sweep(struct agents *set)
{
	struct agent *a;
	size_t i;

	for (i = 0; i < set->nslots; i++)
		for (a = set->slots[i]; a != NULL; )
			if (a->mentioned == set->updates)
				a = a->same_slot;
			else {
				remove_id(set, a->id);
				a = set->slots[i];
			}
}

int
agents_update(struct agents *set, struct error *e)
{
	int rc;

	set->updates++;
	rc = registry_changes(set->gateway->registry, &set->seq, on_change,
	    set, e);
	if (rc == 1)
		sweep(set);
	return rc == -1 ? -1 : 0;
}

struct agents *
agents_new(struct gateway *g)
{
	struct agents *set = xcalloc(1, sizeof(*set));

	set->gateway = g;
	grow(set);
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

/* --- telling the registry ------------------------------------------------- */

struct saving {
	struct registry *registry;
	struct error *e;
	int rc;
};

static void
save(void *arg, struct agent *a)
{
	struct saving *s = arg;
	static struct peer p;

	if (!a->unsaved || s->rc == -1)
		return;
	p.id = a->id;
	p.last_seen = a->last_seen;
	p.online = a->session != NULL;
	p.load = a->load;
	p.memory_used = a->memory_used;
	p.memory_total = a->memory_total;
	p.hello.kind = LEASH_UNKNOWN;
	if (a->hello_unsaved)
		agent_hello(a, &p.hello);
	s->rc = registry_seen(s->registry, &p, s->e);
}

static void
saved(void *arg, struct agent *a)
{
	(void)arg;
	a->unsaved = a->hello_unsaved = false;
}

static void
is_unsaved(void *arg, struct agent *a)
{
	if (a->unsaved)
		*(bool *)arg = true;
}

int
agents_save(struct agents *set, struct error *e)
{
	struct saving s = { set->gateway->registry, e, 0 };
	bool any = false;

	agents_each(set, is_unsaved, &any);
	if (!any)
		return 0;
	if (registry_seen_begin(s.registry, e) == -1)
		return -1;
	agents_each(set, save, &s);
	if (s.rc == 0)
		s.rc = registry_seen_commit(s.registry, e);
	if (s.rc == 0)
		agents_each(set, saved, NULL);
	return s.rc;
}
