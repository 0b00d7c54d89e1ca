/* SPDX-License-Identifier: ISC */
/* All clients of one engine: who serves them, and what is shown of them. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"

#include "muzzle_private.h"

#define SPARES_MAX 16

void
muzzle_info(const struct muzzle *m, struct muzzle_info *info)
{
	static const struct muzzle_facts nothing;

	info->ping = m->ping;
	info->why = m->asked ? m->why : "";
	info->error = m->error;
	info->allowed = m->allowed;
	info->denied = m->denied;
	info->clients = http_server_conns(m->server);
	info->streams = m->streams;
	info->facts = m->facts != NULL ? m->facts : &nothing;
}

const char *
docker_host(const struct address *at, char text[DOCKER_HOST_MAX])
{
	char where[ADDRESS_TEXT_MAX];

	snprintf(text, DOCKER_HOST_MAX, "%s%s", at->kind == ADDRESS_UNIX ?
	    "unix://" : "tcp://", address_format(at, where));
	return text;
}

/* --- its own clients ---------------------------------------------- */

static void
on_muzzle_request(void *arg, struct http_conn *c, const struct http_request *r)
{
	exchange_start(arg, c, r, r->target, r->target_len, true);
}

static int
on_muzzle_refused(void *arg, int status, bool body, const char **why)
{
	(void)body;
	muzzle_refused(arg, status, "malformed", *why);
	return status;
}

static const struct http_service muzzle_service = {
	.conns_max = MUZZLE_CLIENTS_MAX, .unhurried = 4 * HTTP_OUT_HIGH,
	.prefix = MUZZLE_PREFIX, .every = "", .own = "",
	.request = on_muzzle_request, .refused = on_muzzle_refused
};

struct endpoint *
muzzle_endpoint_new(struct muzzle *m, struct account *payer)
{
	return http_conn_new(m->server, payer);
}

void
muzzle_serve(struct muzzle *m, struct http_conn *c,
    const struct http_request *r, const char *target, size_t len)
{
	exchange_start(m, c, r, target, len, false);
}

/* --- life --------------------------------------------------------- */

static struct muzzle *
muzzle_alloc(struct event_base *base, const struct http_way *way,
    const char *label, const struct policy *policy)
{
	struct muzzle *m = xcalloc(1, sizeof(*m));

	m->base = base;
	m->way = *way;
	m->label = xstrdup(label);
	m->policy = policy_copy(policy);
	m->server = http_server_new(base, &muzzle_service, m);
	LIST_INIT(&m->exchanges);
	LIST_INIT(&m->engines);
	LIST_INIT(&m->spares);
	LIST_INIT(&m->questions);
	return m;
}

struct muzzle *
muzzle_new(struct event_base *base, struct dialer *dialer,
    const struct address *engine, const struct policy *policy)
{
	struct muzzle *m = muzzle_alloc(base, &socket_way, "docker", policy);

	m->way.arg = m;
	m->dialer = dialer;
	m->engine = *engine;
	m->why = "not asked yet";
	strcpy(m->error, "the engine has not been asked yet");
	advice_prepare(&m->advice, engine->path);
	return m;
}

const char *
muzzle_advice(const struct muzzle *m, int error, char text[ERROR_TEXT_MAX])
{
	advice_write(&m->advice, m->engine.path, error, strerror(error), text);
	return text;
}

void
muzzle_probe(struct muzzle *m)
{
	if (m->probe == NULL)
		m->probe = probe_new(m);
}

void
muzzle_keep_spares(struct muzzle *m)
{
	m->spares_max = SPARES_MAX;
}

struct muzzle *
muzzle_new_over(struct event_base *base, const struct http_way *way,
    const char *label, const struct policy *policy)
{
	struct muzzle *m = muzzle_alloc(base, way, label, policy);

	m->remote = true;
	m->why = "";
	return m;
}

void
muzzle_set_policy(struct muzzle *m, const struct policy *policy)
{
	struct policy old = m->policy;

	m->policy = policy_copy(policy);
	policy_clear(&old);
}

void
muzzle_watch(struct muzzle *m, bool on)
{
	if (on && m->watch == NULL)
		m->watch = facts_new(m);
	else if (!on && m->watch != NULL) {
		facts_free(m->watch);
		m->watch = NULL;
	}
}

void
muzzle_free(struct muzzle *m)
{
	if (m == NULL)
		return;
	if (m->probe != NULL)
		probe_free(m->probe);
	muzzle_watch(m, false);
	muzzle_end_exchanges(m);
	http_server_free(m->server);
	policy_clear(&m->policy);
	free(m->facts);
	free(m->label);
	free(m);
}
