/* SPDX-License-Identifier: ISC */
/*
 * The registry as the network process hears of it, in pages of rows; and what
 * was seen of agents, which comes back as rows.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"

#include "keeper.h"

/* Room for every field of an answer beside the rows. */
#define PAGE_MAX (MESSAGE_MAX - 256)

struct page {
	TAILQ_ENTRY(page) next;
	uint64_t position;		/* 0: more is being read */
	size_t len;
	uint8_t rows[];
};

static struct page *
add_page(struct keeper *k)
{
	struct page *page = xcalloc(1, sizeof(*page) + PAGE_MAX);

	TAILQ_INSERT_TAIL(&k->pages, page, next);
	return page;
}

static void
collect_row(void *arg, const struct peer *p, bool removed, bool revoked)
{
	static struct peer_row row;
	struct keeper *k = arg;
	struct page *page = TAILQ_LAST(&k->pages, page_list);

	row.removed = removed;
	row.revoked = revoked;
	row.peer = *p;
	if (page != NULL && page->position == 0 && row_write(&row, page->rows, PAGE_MAX, &page->len))
		return;
	page = add_page(k);
	row_write(&row, page->rows, PAGE_MAX, &page->len);
}

int
rows_collect(struct keeper *k, struct error *e)
{
	int rc = registry_changes(k->registry, &k->seq, collect_row, k, e);
	struct page *page = TAILQ_LAST(&k->pages, page_list);

	if (page != NULL && page->position == 0)
		k->position++;
	for (; page != NULL && page->position == 0;
	    page = TAILQ_PREV(page, page_list, next))
		page->position = k->position;
	if (rc == 1)
		k->whole = true;
	return rc == -1 ? -1 : 0;
}

bool
rows_wait(const struct keeper *k)
{
	return k->whole || !TAILQ_EMPTY(&k->pages);
}

/* The page that was told last stays until the next is asked for. */
void
rows_tell(struct keeper *k, struct message *a)
{
	free(k->told);
	k->told = TAILQ_FIRST(&k->pages);
	if (k->told != NULL) {
		TAILQ_REMOVE(&k->pages, k->told, next);
		a->bytes = k->told->rows;
		a->len = k->told->len;
		a->session = k->told->position;
	}
	a->flag = !TAILQ_EMPTY(&k->pages);
	if (a->flag)
		return;
	a->number = k->whole;
	k->whole = false;
}

void
rows_clear(struct keeper *k)
{
	struct page *page;

	while ((page = TAILQ_FIRST(&k->pages)) != NULL) {
		TAILQ_REMOVE(&k->pages, page, next);
		free(page);
	}
	free(k->told);
	k->told = NULL;
}

/* --- what was seen ------------------------------------------------ */

static bool
rows_are_good(const struct message *q)
{
	static struct peer_row row;
	const uint8_t *p = q->bytes;
	size_t left = q->len;

	while (row_read(&row, &p, &left))
		;
	return left == 0;
}

int
rows_save(struct keeper *k, const struct message *q, struct error *e)
{
	static struct peer_row row;
	const uint8_t *p = q->bytes;
	size_t left = q->len;

	if (!rows_are_good(q))
		return error_set(e, EX_DATAERR, "malformed rows");
	if (registry_seen_begin(k->registry, e) == -1)
		return -1;
	while (row_read(&row, &p, &left))
		if (registry_seen(k->registry, &row.peer, e) == -1)
			return -1;
	return registry_seen_commit(k->registry, e);
}
