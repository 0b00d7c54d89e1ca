/* SPDX-License-Identifier: ISC */
/* See keeper.h: what the monitor keeps, from its start to its end. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"

#include "keeper.h"
#include "key_file.h"

#define BUSY_MS 40		/* for another process at the registry */
#define LOCK_PAUSE_MS 10

/* A gateway that was killed has a monitor that is about to end as well. */
static int
lock_state(struct state *s, unsigned wait_ms, struct error *e)
{
	uint64_t end = clock_ms() + wait_ms;
	int rc;

	while ((rc = state_lock(s, e)) == -1 && clock_ms() < end)
		usleep(LOCK_PAUSE_MS * 1000);
	return rc;
}

static int
load_keys(struct keeper *k, const struct gateway_config *c, struct error *e)
{
	if ((k->ca = ca_load(c->state, e)) == NULL ||
	    key_file_read("the host key", c->host_key, k->host_secret, e) == -1)
		return -1;
	key_blob_write(k->host_secret + ED25519_SEED_LEN, k->host_blob);
	return 0;
}

static char **
tls_sockets(const struct gateway_config *c)
{
	char **paths = xcalloc(c->ntls_listen + 1, sizeof(*paths));
	size_t i, n = 0;

	for (i = 0; i < c->ntls_listen; i++)
		if (c->tls_listen[i].kind == ADDRESS_UNIX)
			paths[n++] = xstrdup(c->tls_listen[i].path);
	return paths;
}

struct keeper *
keeper_open(const struct gateway_config *c, unsigned wait_ms, struct error *e)
{
	struct keeper *k = xcalloc(1, sizeof(*k));

	secret_lock(k->host_secret, sizeof(k->host_secret));
	TAILQ_INIT(&k->pages);
	k->hand = -1;
	k->runtime = xstrdup(c->runtime);
	k->docker_tcp = c->docker_tcp;
	if (c->head.file != NULL)
		k->config_file = xstrdup(c->head.file);
	if (c->http_listen.kind == ADDRESS_UNIX)
		k->http_socket = xstrdup(c->http_listen.path);
	k->tls_sockets = tls_sockets(c);
	k->certificate_lifetime = c->certificate_lifetime;
	k->renew_before = c->renew_before;
	k->old_agents = c->old_agents;
	k->state = state_open(c, true, e);
	if (k->state != NULL && lock_state(k->state, wait_ms, e) == 0 &&
	    load_keys(k, c, e) == 0 &&
	    web_certificate_open(&k->web, c, e) == 0) {
		k->registry = k->state->registry;
		registry_hurry(k->registry, BUSY_MS);
		/* An older charon may have written the list. */
		k->revoked_dirty = true;
		sockets_sweep(k);
		if (registry_all_offline(k->registry, e) == 0)
			return k;
		k->revoked_dirty = false;
	}
	k->registry = NULL;
	keeper_close(k);
	return NULL;
}

void
keeper_close(struct keeper *k)
{
	struct error e;
	size_t i;

	if (k == NULL)
		return;
	if (k->registry != NULL && registry_all_offline(k->registry, &e) == -1)
		log_error("registry: %s", e.text);
	if (k->revoked_dirty && state_write_revoked(k->state, &e) == -1)
		log_error("registry: %s", e.text);
	rows_clear(k);
	guests_clear(&k->guests);
	ca_free(k->ca);
	web_certificate_close(&k->web);
	state_close(k->state);
	if (k->registry != NULL)
		sockets_forget(k);
	for (i = 0; k->tls_sockets[i] != NULL; i++)
		free(k->tls_sockets[i]);
	free(k->tls_sockets);
	free(k->config_file);
	free(k->http_socket);
	free(k->runtime);
	sodium_memzero(k, sizeof(*k));
	free(k);
}

size_t
keeper_answer(struct keeper *k, uint8_t *p, size_t len,
    uint8_t out[MESSAGE_MAX])
{
	struct message q, a = { .kind = ASK_STARTED };
	struct error e;
	int rc;

	if (!message_read(&q, p, len))
		rc = error_set(&e, EX_DATAERR, "a malformed question");
	else {
		a.kind = q.kind;
		a.session = q.session;
		rc = answer_question(k, &q, &a, &e);
	}
	sodium_memzero(p, len);		/* it may hold an AUTH_KEY */
	if (rc == -1) {
		a.code = (uint32_t)e.code;
		a.bytes = NULL;
		a.len = 0;
		a.more = (const uint8_t *)e.text;
		a.more_len = strlen(e.text);
	}
	return a.kind == ASK_LEFT || a.kind == ASK_REMOVE ? 0 : message_write(&a, out);
}
