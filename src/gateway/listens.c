/* SPDX-License-Identifier: ISC */
/* What an agent's session listens on for others, as it asked for it. */
#include "config.h"

#include "orthrus/base/mem.h"

#include "gateway.h"

static struct session_listen *
listen_at(const struct session *s, uint16_t port)
{
	size_t i;

	for (i = 0; s != NULL && i < s->nlistens; i++)
		if (s->listens[i].port == port)
			return &s->listens[i];
	return NULL;
}

const struct session_listen *
session_listen_find(const struct session *s, uint16_t port)
{
	return listen_at(s, port);
}

uint16_t
session_listen_choose(const struct session *s)
{
	uint16_t port = PORT_CHOSEN_FIRST;

	while (listen_at(s, port) != NULL)
		port++;
	return port;
}

bool
session_listen_add(struct session *s, const struct address *at, uint16_t port)
{
	struct session_listen *l;

	if (listen_at(s, port) != NULL || s->nlistens == LISTENS_MAX)
		return false;
	s->listens = xreallocarray(s->listens, s->nlistens + 1,
	    sizeof(*s->listens));
	l = &s->listens[s->nlistens++];
	l->at = *at;
	l->port = port;
	if (at->kind == ADDRESS_TCP)
		l->at.port = port;
	return true;
}

bool
session_listen_remove(struct session *s, uint16_t port)
{
	struct session_listen *l = listen_at(s, port);

	if (l == NULL)
		return false;
	*l = s->listens[--s->nlistens];
	return true;
}
