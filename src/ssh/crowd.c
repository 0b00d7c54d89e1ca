/* SPDX-License-Identifier: ISC */
/*
 * See crowd.h.  They are sorted by address, so that those of one network, host
 * or address stand side by side.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/mem.h"

#include "crowd.h"

/* Neighbours: at[first .. first + n). */
struct run {
	size_t first, n;
	uint64_t weight;	/* of all of them */
};

/* Where the first stands whose address is not below s. */
static size_t
lower_bound(const struct crowd *c, const struct source *s)
{
	size_t low = 0, high = c->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (memcmp(c->at[middle]->from.ip, s->ip, sizeof(s->ip)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
crowd_add(struct crowd *c, struct waiting *w)
{
	size_t i = lower_bound(c, &w->from);

	if (c->n == c->size) {
		c->size = c->size * 2 + 16;
		c->at = xreallocarray(c->at, c->size, sizeof(*c->at));
	}
	memmove(c->at + i + 1, c->at + i, (c->n - i) * sizeof(*c->at));
	c->at[i] = w;
	c->n++;
}

void
crowd_remove(struct crowd *c, const struct waiting *w)
{
	size_t i = lower_bound(c, &w->from);

	while (c->at[i] != w)
		i++;
	c->n--;
	memmove(c->at + i, c->at + i + 1, (c->n - i) * sizeof(*c->at));
}

/* Those from first on, below end, that are as near to it as level says. */
static struct run
run_at(const struct crowd *c, size_t first, size_t end,
    enum source_level level)
{
	struct run r = { first, 0, 0 };

	while (first + r.n < end && source_near(&c->at[first]->from,
	    &c->at[first + r.n]->from, level))
		r.weight += c->at[first + r.n++]->weight;
	return r;
}

static struct run
all_near(const struct crowd *c, const struct source *s,
    enum source_level level)
{
	struct source first = source_first(s, level);
	size_t i = lower_bound(c, &first);

	if (i < c->n && source_near(s, &c->at[i]->from, level))
		return run_at(c, i, c->n, level);
	return (struct run){ i, 0, 0 };
}

size_t
crowd_near(const struct crowd *c, const struct source *s,
    enum source_level level)
{
	return all_near(c, s, level).n;
}

/*
 * Whether the next of those that are equal takes the place of the one that was
 * chosen, so that each of them has the same chance in the end.
 */
static bool
replaces(size_t *equals)
{
	return randombytes_uniform((uint32_t)++*equals) == 0;
}

/* The heaviest of the runs that all consists of. */
static struct run
heaviest(const struct crowd *c, struct run all, enum source_level level)
{
	struct run r, found = { all.first, 0, 0 };
	size_t i, end = all.first + all.n, equals = 0;

	for (i = all.first; i < end; i += r.n) {
		r = run_at(c, i, end, level);
		if (r.weight > found.weight)
			equals = 0;
		if (r.weight >= found.weight && replaces(&equals))
			found = r;
	}
	return found;
}

static struct waiting *
least_far(const struct crowd *c, struct run all,
    unsigned (*far)(const struct waiting *w))
{
	struct waiting *found = NULL;
	size_t i, equals = 0;
	unsigned f, least = 0;

	for (i = all.first; i < all.first + all.n; i++) {
		f = far(c->at[i]);
		if (found == NULL || f < least)
			equals = 0;
		if ((equals == 0 || f == least) && replaces(&equals)) {
			found = c->at[i];
			least = f;
		}
	}
	return found;
}

struct waiting *
crowd_loser(const struct crowd *c, unsigned (*far)(const struct waiting *w))
{
	struct run all = { 0, c->n, 0 };

	all = heaviest(c, all, SOURCE_NETWORK);
	all = heaviest(c, all, SOURCE_HOST);
	return least_far(c, heaviest(c, all, SOURCE_ADDRESS), far);
}

struct waiting *
crowd_loser_of(const struct crowd *c, const struct source *s,
    unsigned (*far)(const struct waiting *w))
{
	struct run all = all_near(c, s, SOURCE_HOST);

	return least_far(c, heaviest(c, all, SOURCE_ADDRESS), far);
}

void
crowd_clear(struct crowd *c)
{
	free(c->at);
	memset(c, 0, sizeof(*c));
}
