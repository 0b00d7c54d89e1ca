/* SPDX-License-Identifier: ISC */
/*
 * An endpoint that says one thing and then nothing more, and takes whatever it
 * is told: how an agent's port answers.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/relay/relay.h"

#include "canned.h"

struct canned {
	struct endpoint ep;		/* first */
	char *text;
	size_t off, len;
};

static ssize_t
peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct canned *c = (struct canned *)ep;
	size_t left = c->len - c->off;

	*p = (const uint8_t *)c->text + c->off;
	return (ssize_t)(left < max ? left : max);
}

static void
consume(struct endpoint *ep, size_t n)
{
	((struct canned *)ep)->off += n;
}

static size_t
room(struct endpoint *ep)
{
	(void)ep;
	return SIZE_MAX;
}

static ssize_t
take(struct endpoint *ep, const uint8_t *p, size_t n)
{
	(void)ep;
	(void)p;
	return (ssize_t)n;
}

static int
finish(struct endpoint *ep)
{
	(void)ep;
	return 0;
}

/* It is always ready, which the relay finds out by itself at its start. */
static void
watch(struct endpoint *ep, bool readable, bool writable)
{
	(void)ep;
	(void)readable;
	(void)writable;
}

static void
end(struct endpoint *ep, bool aborted)
{
	(void)aborted;
	free(((struct canned *)ep)->text);
	free(ep);
}

static const struct endpoint_ops canned_ops = {
	peek, consume, room, take, finish, watch, end, NULL
};

struct endpoint *
canned_endpoint_new(char *text)
{
	struct canned *c = xcalloc(1, sizeof(*c));

	c->ep.ops = &canned_ops;
	c->text = text;
	c->len = strlen(text);
	return &c->ep;
}
