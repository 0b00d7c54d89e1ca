/* SPDX-License-Identifier: ISC */
/* See gateways.h. */
#include "config.h"

#include <string.h>

#include "gateways.h"

#define QUICKER_MS 5		/* less is nothing that anybody notices */
#define SETBACKS_MAX 4		/* the minute has become 16 */

void
gateway_forget(struct gateway_known *g)
{
	memset(g, 0, sizeof(*g));
	g->rtt_ms = -1;
}

void
gateway_answered(struct gateway_known *g, int64_t rtt_ms, uint64_t now)
{
	g->health = GATEWAY_WELL;
	if (rtt_ms >= 0)
		g->rtt_ms = rtt_ms;
	if (g->well_since == 0)
		g->well_since = now;
}

void
gateway_failed(struct gateway_known *g, bool answers)
{
	g->health = answers ? GATEWAY_ILL : GATEWAY_AWAY;
	g->well_since = g->better_since = 0;
}

void
gateway_set_back(struct gateway_known *g)
{
	if (g->setbacks < SETBACKS_MAX)
		g->setbacks++;
}

void
gateways_lost(struct gateway_known *g, size_t n, size_t at)
{
	size_t i;

	for (i = 0; i < n; i++)
		g[i].lost = i == at;
}

void
gateways_round(struct gateway_known *g, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		g[i].tried = false;
}

/* One that has never answered counts as the slowest. */
static bool
is_quicker(const struct gateway_known *a, const struct gateway_known *b)
{
	return a->rtt_ms >= 0 && (b->rtt_ms < 0 || a->rtt_ms < b->rtt_ms);
}

static unsigned
trouble_with(const struct gateway_known *g)
{
	return g->health <= GATEWAY_WELL ? 0 : g->health;
}

/* Whether a comes before b, which is listed before it. */
static bool
comes_before(const struct gateway_known *a, const struct gateway_known *b,
    enum server_preference prefer)
{
	if (trouble_with(a) != trouble_with(b))
		return trouble_with(a) < trouble_with(b);
	if (a->lost != b->lost)
		return b->lost;
	return prefer == PREFER_FASTEST && is_quicker(a, b);
}

size_t
gateways_next(const struct gateway_known *g, size_t n,
    enum server_preference prefer)
{
	size_t i, found = n;

	for (i = 0; i < n; i++)
		if (!g[i].tried && (found == n ||
		    comes_before(&g[i], &g[found], prefer)))
			found = i;
	return found;
}

void
gateways_compare(struct gateway_known *g, size_t n, size_t at, uint64_t now)
{
	int64_t ours = at < n ? g[at].rtt_ms : -1, its;
	size_t i;

	for (i = 0; i < n; i++) {
		its = g[i].rtt_ms;
		if (i == at || its < 0 || ours < 0 ||
		    its > ours - ours / 4 || its + QUICKER_MS > ours)
			g[i].better_since = 0;
		else if (g[i].better_since == 0)
			g[i].better_since = now;
	}
}

bool
gateways_watched(size_t i, size_t at, enum server_preference prefer)
{
	return prefer == PREFER_FASTEST || i < at;
}

/* Since when it has been the better one; 0: it is not. */
static uint64_t
preferred_since(const struct gateway_known *g, size_t i, size_t at,
    enum server_preference prefer)
{
	if (i == at || g->well_since == 0)
		return 0;
	if (prefer == PREFER_ORDER)
		return i < at ? g->well_since : 0;
	return g->better_since > g->well_since || g->better_since == 0 ?
	    g->better_since : g->well_since;
}

size_t
gateways_better(const struct gateway_known *g, size_t n, size_t at,
    enum server_preference prefer, uint64_t now, uint64_t well_ms,
    uint64_t *due_ms)
{
	uint64_t since, wanted;
	size_t i, found = n;

	*due_ms = UINT64_MAX;
	for (i = 0; i < n; i++) {
		if ((since = preferred_since(&g[i], i, at, prefer)) == 0)
			continue;
		wanted = well_ms << g[i].setbacks;
		if (now - since < wanted) {
			if (wanted - (now - since) < *due_ms)
				*due_ms = wanted - (now - since);
		} else if (found == n ||
		    comes_before(&g[i], &g[found], prefer))
			found = i;
	}
	return found;
}
