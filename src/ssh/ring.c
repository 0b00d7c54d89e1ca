/* SPDX-License-Identifier: ISC */
/*
 * See ring.h.  Its bytes are ciphertext, which needs no wiping, and this is the
 * hot path: not a struct buffer.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"

#include "ring.h"

#define LEAST 256
/*
 * Memory that no ring needs at the moment, for the next that does: the cache
 * still holds it.
 */
#define SPARE_MAX (1024 * 1024)
/* What is kept of a quiet session: it moves to memory of about that size. */
#define QUIET_MAX 1024
#define QUIET_SIZE (16 * 1024)

static uint8_t *spare;
static size_t spare_size;

/* --- its memory ------------------------------------------------------- */

static void
give_back(uint8_t *data, size_t size)
{
	uint8_t *useless = data;

	if (size > spare_size && size <= SPARE_MAX) {
		useless = spare;
		spare = data;
		spare_size = size;
	}
	free(useless);
}

/* Memory for n bytes and as many more, or for exactly n of a large one. */
static uint8_t *
memory_for(const struct ring *r, size_t n, size_t *size)
{
	uint8_t *data = spare;

	*size = spare_size;
	/* A few bytes that are kept for long would keep all of it. */
	if (n <= spare_size && !r->small && (!r->keeps || n > QUIET_MAX)) {
		spare = NULL;
		spare_size = 0;
		return data;
	}
	for (*size = LEAST; *size < n || (*size < n * 2 && *size < SPARE_MAX);)
		*size *= 2;
	return xreallocarray(NULL, *size, 1);
}

static size_t
at(const struct ring *r, uint64_t position)
{
	return (size_t)position & (r->size - 1);
}

/* Writes over what was at that position a size ago. */
static void
write_at(struct ring *r, uint64_t position, const uint8_t *p, size_t n)
{
	size_t i = at(r, position);
	size_t piece = n < r->size - i ? n : r->size - i;

	memcpy(r->data + i, p, piece);
	memcpy(r->data, p + piece, n - piece);
}

/* Moves all that is in it to memory for n bytes. */
static void
move_to(struct ring *r, size_t n)
{
	struct ring old = *r;
	size_t i, piece, left = (size_t)(r->end - r->first);

	r->data = memory_for(r, n, &r->size);
	if (old.data == NULL)
		return;
	i = at(&old, old.first);
	piece = left < old.size - i ? left : old.size - i;
	write_at(r, r->first, old.data + i, piece);
	write_at(r, r->first + piece, old.data, left - piece);
	give_back(old.data, old.size);
}

void
ring_clear(struct ring *r)
{
	free(r->data);
	memset(r, 0, sizeof(*r));
}

/* After something was taken out at its front. */
static void
shrink(struct ring *r)
{
	size_t left = (size_t)(r->end - r->first);

	if (r->data == NULL)
		return;
	if (left == 0) {
		give_back(r->data, r->size);
		r->data = NULL;
		r->size = 0;
	} else if (r->keeps && left <= QUIET_MAX && r->size > QUIET_SIZE)
		move_to(r, left);
}

/* --- the way through -------------------------------------------------- */

void
ring_add(struct ring *r, const void *p, size_t n)
{
	size_t needed = (size_t)(r->end - r->first) + n;

	if (n == 0)
		return;
	if (needed > r->size)
		move_to(r, needed);
	write_at(r, r->end, p, n);
	r->end += n;
}

const uint8_t *
ring_unsent(const struct ring *r, size_t *n)
{
	size_t i;

	*n = ring_backlog(r);
	if (*n == 0)
		return NULL;
	i = at(r, r->sent);
	if (*n > r->size - i)
		*n = r->size - i;
	return r->data + i;
}

void
ring_sent(struct ring *r, size_t n)
{
	r->sent += n;
	if (r->keeps)
		return;
	r->first = r->sent;
	shrink(r);
}

/* --- what is kept ----------------------------------------------------- */

void
ring_keep(struct ring *r, bool keeps)
{
	r->keeps = keeps;
	ring_sent(r, 0);
}

bool
ring_acknowledged(struct ring *r, uint64_t position)
{
	if (position > r->end)
		return false;
	/* After a rewind it may have more than was sent to it again. */
	if (position > r->sent)
		position = r->sent;
	if (position > r->first) {
		r->first = position;
		shrink(r);
	}
	return true;
}

bool
ring_has(const struct ring *r, uint64_t position)
{
	return position >= r->first && position <= r->sent;
}

bool
ring_rewind(struct ring *r, uint64_t position)
{
	if (!ring_has(r, position))
		return false;
	r->sent = position;
	return true;
}

size_t
ring_backlog(const struct ring *r)
{
	return (size_t)(r->end - r->sent);
}

size_t
ring_kept(const struct ring *r)
{
	return (size_t)(r->sent - r->first);
}
