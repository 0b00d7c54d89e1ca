/* SPDX-License-Identifier: ISC */
/* Which files the agent that runs may still reach: those of its configuration. */
#include "config.h"

#include <unistd.h>

#include "orthrus/base/confine.h"
#include "orthrus/transport/tls.h"

#include "orthrus.h"

/* A reload reads them again, and whoever edits one may replace it. */
static void
open_what_is_read(struct confinement *w, const struct config *c)
{
	size_t i;

	confinement_resolver(w);
	confinement_below(w, "/proc/meminfo", CONFINE_READ);
	tls_client_confinement(w, c->tls_ca);
	confinement_beside(w, c->head.file, CONFINE_READ);
	for (i = 0; i < c->nssh_files; i++)
		confinement_beside(w, c->ssh_files[i], CONFINE_READ);
	confinement_beside(w, c->password_file, CONFINE_READ);
	confinement_beside(w, c->socks5_password_file, CONFINE_READ);
	confinement_beside(w, c->auth_key_file, CONFINE_READ);
	confinement_beside(w, c->certificate, CONFINE_READ);
	for (i = 0; i < c->nknown_hosts; i++)
		confinement_beside(w, c->known_hosts[i], CONFINE_READ);
}

/*
 * The identity is renewed.  Of known_hosts lines are added to the first, which
 * may be among the user's own keys: those stay as they are.
 */
static void
open_what_is_written(struct confinement *w, const struct config *c)
{
	const char *known = c->nknown_hosts > 0 ? c->known_hosts[0] : NULL;

	confinement_beside(w, c->identity, CONFINE_WRITE);
	if (known == NULL || (!c->accept_new && c->auth_key == NULL))
		return;
	if (access(known, F_OK) == 0)
		confinement_below(w, known, CONFINE_WRITE);
	else
		confinement_beside(w, known, CONFINE_WRITE);
}

static void
open_listener(struct confinement *w, const struct address *at)
{
	if (at->kind == ADDRESS_UNIX)
		confinement_beside(w, at->path, CONFINE_SOCKETS);
}

int
orthrus_confine(const struct config *c, struct error *e)
{
	struct confinement *w = confinement_new(CONFINE_AGENT);
	size_t i;

	open_what_is_read(w, c);
	open_what_is_written(w, c);
	if (c->stdio.kind != ADDRESS_NONE)	/* nobody listens then */
		return confinement_apply(w, e);
	open_listener(w, &c->control);
	if (c->socks5)
		open_listener(w, &c->socks5_listen);
	for (i = 0; i < c->nlocal; i++)
		open_listener(w, &c->local[i].spec.listen);
	return confinement_apply(w, e);
}
