/* SPDX-License-Identifier: ISC */
/* All peers of one kind, as a table for people or as JSON. */
#include "config.h"

#include "listing.h"

#include <time.h>

struct lister {
	struct listing listing;
	const struct listing_kind *kind;
};

static void
list_peer(void *arg, const struct peer *p)
{
	struct lister *lister = arg;
	struct listing *l = &lister->listing;

	if (p->kind != lister->kind->peers)
		return;
	if (l->json == NULL)
		lister->kind->row(l, p);
	else
		json_array_append_new(l->json, lister->kind->json(l, p));
}

static int
print_listing(const struct lister *lister)
{
	const struct listing *l = &lister->listing;

	if (l->json != NULL)
		return call_print_json(l->call, l->json);
	if (l->table.n > l->table.columns)
		table_print(&l->table, stdout);
	else
		fprintf(stderr, "%s\n", lister->kind->none);
	return call_end(l->call);
}

int
listing_run(const struct call *c, const struct listing_kind *kind)
{
	struct lister lister = { .kind = kind, .listing = { .call = c,
	    .now = time(NULL), .table = { .columns = kind->columns } } };
	struct listing *l = &lister.listing;
	struct error e;
	struct state *s = call_state(c, false, &e);
	size_t i;
	int code;

	if (s == NULL)
		return call_fail(c, &e);
	l->served = state_is_served(s);
	if (c->json)
		l->json = json_array();
	if (c->json && kind->peers == PEER_AGENT)
		l->live = live_ask(c, s);
	for (i = 0; i < kind->columns; i++)
		table_add(&l->table, kind->head[i]);
	if (registry_each(s->registry, list_peer, &lister, &e) == -1)
		code = call_fail(c, &e);
	else
		code = print_listing(&lister);
	if (code == 0 && !c->json && !l->served && kind->peers == PEER_AGENT)
		call_tell_stopped(c, s);
	json_decref(l->live);
	json_decref(l->json);
	table_free(&l->table);
	state_close(s);
	return code;
}
