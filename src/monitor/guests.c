/* SPDX-License-Identifier: ISC */
/* See guests.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/mem.h"

#include "guests.h"

#define NSLOTS (sizeof(((struct guests *)0)->slots) / \
    sizeof(struct guest_list))

/* Numbers are given in a row, and so spread by themselves. */
static struct guest_list *
guest_slot(struct guests *set, uint64_t number)
{
	return &set->slots[number % NSLOTS];
}

struct guest *
guests_find(const struct guests *set, uint64_t number)
{
	struct guest *guest;

	LIST_FOREACH(guest, &set->slots[number % NSLOTS], next)
		if (guest->number == number)
			return guest;
	return NULL;
}

struct guest *
guests_add(struct guests *set, uint64_t number, const uint8_t *id, size_t len)
{
	struct guest *guest;

	if (set->n == GUESTS_MAX)
		return NULL;
	guest = xcalloc(1, sizeof(*guest));
	guest->number = number;
	memcpy(guest->session_id, id, len);
	guest->id_len = len;
	LIST_INSERT_HEAD(guest_slot(set, number), guest, next);
	set->n++;
	return guest;
}

void
guests_remove(struct guests *set, struct guest *guest)
{
	LIST_REMOVE(guest, next);
	set->n--;
	sodium_memzero(guest, sizeof(*guest));
	free(guest);
}

void
guests_clear(struct guests *set)
{
	size_t i;

	for (i = 0; i < NSLOTS; i++)
		while (!LIST_EMPTY(&set->slots[i]))
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a queue */
			guests_remove(set, LIST_FIRST(&set->slots[i]));
}
