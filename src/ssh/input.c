/* SPDX-License-Identifier: ISC */
/* See input.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"

#include "input.h"

/* Ciphertext: it needs no wiping. */
static struct {
	struct input *owner;	/* NULL: nobody's */
	size_t off, len;	/* the owner's: data[off .. off+len) */
	uint8_t data[INPUT_SIZE];
} space;

/* Moves what the owner has left there into memory of its own. */
static void
put_unread_aside(void)
{
	struct input *in = space.owner;

	space.owner = NULL;
	if (in == NULL || space.len == 0)
		return;
	in->kept = xreallocarray(NULL, space.len, 1);
	memcpy(in->kept, space.data + space.off, space.len);
	in->kept_len = space.len;
}

static void
own_space(struct input *in)
{
	put_unread_aside();
	space.owner = in;
	space.off = 0;
	space.len = in->kept_len;
	if (in->kept != NULL)
		memcpy(space.data, in->kept, in->kept_len);
	free(in->kept);
	in->kept = NULL;
	in->kept_len = 0;
}

uint8_t *
input_space(struct input *in, size_t *n)
{
	if (space.owner != in)
		own_space(in);
	if (space.len > INPUT_KEPT_MAX)
		return NULL;
	memmove(space.data, space.data + space.off, space.len);
	space.off = 0;
	*n = sizeof(space.data) - space.len;
	return space.data + space.len;
}

void
input_added(struct input *in, size_t n)
{
	if (space.owner != in || n > sizeof(space.data) - space.off - space.len)
		abort();
	space.len += n;
}

const uint8_t *
input_bytes(struct input *in, size_t *n)
{
	if (space.owner != in)
		own_space(in);
	*n = space.len;
	return space.data + space.off;
}

void
input_taken(struct input *in, size_t n)
{
	if (space.owner != in || n > space.len)
		abort();
	space.off += n;
	space.len -= n;
}

void
input_clear(struct input *in)
{
	if (space.owner == in)
		space.owner = NULL;
	free(in->kept);
	in->kept = NULL;
	in->kept_len = 0;
}
