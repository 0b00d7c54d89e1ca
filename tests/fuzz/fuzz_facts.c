/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as what an engine says of its version and its networks: what is
 * kept of them is short, clean, and within its number.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/muzzle/muzzle_private.h"
#include "orthrus/base/text.h"
#include "orthrus/http/get.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- stands in for http/get.c ------------------------------------------ */

struct http_get {
	http_got *got;
	void *arg;
};

static struct http_get asked;

struct http_get *
http_get_start(struct event_base *base, const struct http_way *way,
    const char *request, size_t max, unsigned seconds, http_got *got,
    void *arg)
{
	(void)base;
	(void)way;
	CHECK(strncmp(request, "GET /", 5) == 0 && max > 0 && seconds > 0);
	CHECK(asked.got == NULL);
	asked = (struct http_get){ got, arg };
	return &asked;
}

void
http_get_cancel(struct http_get *g)
{
	CHECK(g == NULL || g == &asked);
	asked.got = NULL;
}

/* --- the engine ---------------------------------------------------------- */

/* False when nothing was asked. */
static bool
answer(int status, const uint8_t *p, size_t n, const char *why)
{
	struct http_get g = asked;

	asked.got = NULL;
	if (g.got != NULL)
		g.got(g.arg, status, p, n, why);
	return g.got != NULL;
}

static void
check_facts(const struct muzzle_facts *f)
{
	size_t i;

	CHECK(memchr(f->version, '\0', MUZZLE_FACT_MAX) != NULL);
	CHECK(text_clean(f->version, strlen(f->version)));
	CHECK(f->nnetworks <= MUZZLE_NETWORKS_MAX);
	for (i = 0; i < f->nnetworks; i++) {
		CHECK(memchr(f->networks[i], '\0', MUZZLE_FACT_MAX) != NULL);
		CHECK(f->networks[i][0] != '\0' && text_clean(f->networks[i],
		    strlen(f->networks[i])));
	}
}

/* All that is asked gets the same answer. */
static void
ask(struct muzzle *m, int status, const uint8_t *p, size_t n, const char *why)
{
	struct facts *facts = facts_new(m);
	unsigned questions = 0;

	event_base_loop(m->base, EVLOOP_NONBLOCK);
	while (answer(status, p, n, why))
		questions++;
	CHECK(questions == (why == NULL ? 2 : 1));
	check_facts(m->facts);
	facts_free(facts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct muzzle m;
	static struct muzzle_facts before;
	char version[MUZZLE_FACT_MAX];

	if (m.base == NULL)
		m.base = event_base_new();
	CHECK(m.base != NULL);
	ask(&m, 200, data, size, NULL);
	/* No answer, or none of theirs, changes nothing. */
	before = *m.facts;
	memcpy(version, m.facts->version, sizeof(version));
	ask(&m, 500, data, size, NULL);
	ask(&m, 0, NULL, 0, "gone");
	CHECK(strcmp(version, m.facts->version) == 0 &&
	    before.nnetworks == m.facts->nnetworks);
	free(m.facts);
	m.facts = NULL;
	return 0;
}
