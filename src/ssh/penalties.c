/* SPDX-License-Identifier: ISC */
/*
 * See penalties.h.  A host has its place in one of few rows of its set, which
 * a secret decides: nobody can choose addresses that push out a certain one.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/mem.h"

#include "penalties.h"

#define SETS 4096
#define ROWS 4			/* of a set */

struct row {
	struct source host;	/* the first address of it */
	uint64_t until;		/* when the sum of its offences is over */
	uint64_t known_until;
	bool refused;		/* until then */
};

struct penalties {
	uint8_t key[crypto_shorthash_KEYBYTES];
	struct row set[SETS][ROWS];
};

struct penalties *
penalties_new(void)
{
	struct penalties *p = xcalloc(1, sizeof(*p));

	randombytes_buf(p->key, sizeof(p->key));
	return p;
}

void
penalties_free(struct penalties *p)
{
	free(p);
}

void
penalties_clear(struct penalties *p)
{
	size_t i, j;

	for (i = 0; i < SETS; i++)
		for (j = 0; j < ROWS; j++)
			if (p->set[i][j].until != 0)
				p->set[i][j].until = 0;
}

static struct row *
set_of(const struct penalties *p, const struct source *host)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint16_t n;

	crypto_shorthash(hash, host->ip, sizeof(host->ip), p->key);
	memcpy(&n, hash, sizeof(n));
	return (struct row *)(uintptr_t)p->set[n % SETS];
}

static struct row *
find_row(const struct penalties *p, const struct source *s)
{
	struct source host = source_first(s, SOURCE_HOST);
	struct row *set = set_of(p, &host);
	size_t i;

	for (i = 0; i < ROWS; i++)
		if ((set[i].until | set[i].known_until) != 0 &&
		    source_near(&host, &set[i].host, SOURCE_ADDRESS))
			return &set[i];
	return NULL;
}

/* How long it is worth remembering. */
static uint64_t
over_at(const struct row *r)
{
	return r->until > r->known_until ? r->until : r->known_until;
}

/* In place of the one that is over first. */
static struct row *
make_row(struct penalties *p, const struct source *s)
{
	struct source host = source_first(s, SOURCE_HOST);
	struct row *set = set_of(p, &host), *r = set;
	size_t i;

	for (i = 1; i < ROWS; i++)
		if (over_at(&set[i]) < over_at(r))
			r = &set[i];
	memset(r, 0, sizeof(*r));
	r->host = host;
	return r;
}

bool
penalty_add(struct penalties *p, const struct source *s, uint64_t cost,
    uint64_t most, uint64_t now)
{
	struct row *r = find_row(p, s);

	if (most == 0)
		return false;
	if (r == NULL)
		r = make_row(p, s);
	if (r->until <= now) {
		r->until = now;
		r->refused = false;
	}
	r->until += cost;
	if (r->until - now > most)
		r->until = now + most;
	if (r->refused || r->until - now < PENALTY_LEAST_MS)
		return false;
	return r->refused = true;
}

bool
penalty_is_suspect(const struct penalties *p, const struct source *s,
    uint64_t now)
{
	const struct row *r = find_row(p, s);

	return r != NULL && r->until > now;
}

uint64_t
penalty_left(const struct penalties *p, const struct source *s, uint64_t now)
{
	const struct row *r = find_row(p, s);

	return r != NULL && r->refused && r->until > now ? r->until - now : 0;
}

void
penalty_forgive(struct penalties *p, const struct source *s, uint64_t now)
{
	struct row *r = find_row(p, s);

	if (r == NULL)
		r = make_row(p, s);
	r->until = 0;
	r->refused = false;
	r->known_until = now + PENALTY_KNOWN_MS;
}

bool
penalty_known(const struct penalties *p, const struct source *s, uint64_t now)
{
	const struct row *r = find_row(p, s);

	return r != NULL && r->known_until > now;
}
