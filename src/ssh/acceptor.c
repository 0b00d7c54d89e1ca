/* SPDX-License-Identifier: ISC */
/*
 * The host key and the algorithms of a server, and the limits on those who
 * have connected but not logged in.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/identity.h"

#include "algorithms.h"
#include "inbound_private.h"

#define YOUNG_MS 100		/* one step of a login takes, far away */
#define LOGIN_MS 2000		/* all of them take */

static int
set_bind_options(struct acceptor *a, ssh_key key)
{
	bool off = false;

	return ssh_bind_options_set(a->bind, SSH_BIND_OPTIONS_PROCESS_CONFIG,
	    &off) |
	    ssh_bind_options_set(a->bind, SSH_BIND_OPTIONS_BANNER,
	    a->config.version) | algorithms_serve(a->bind) |
	    /* The last one: from here on the key is the bind's. */
	    ssh_bind_options_set(a->bind, SSH_BIND_OPTIONS_IMPORT_KEY, key);
}

/* Keeps the public blob: hostbound logins name it (login.c). */
static int
note_host_blob(struct acceptor *a, ssh_key key)
{
	char *text = NULL;
	size_t n = 0;
	int rc;

	rc = ssh_pki_export_pubkey_base64(key, &text) == SSH_OK &&
	    sodium_base642bin(a->host_blob, sizeof(a->host_blob), text,
	    strlen(text), NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    n == sizeof(a->host_blob) ? 0 : -1;
	ssh_string_free_char(text);
	return rc;
}

/*
 * Loads the key twice: identity_load() has the checks and their words, but not
 * libssh's key in the form that a bind wants.
 */
static int
load_host_key(struct acceptor *a, struct error *e)
{
	struct identity *id = identity_load(a->config.host_key, e);
	ssh_key key = NULL;

	if (id == NULL) {
		error_prefix(e, "host key");
		return -1;
	}
	identity_free(id);
	if (ssh_pki_import_privkey_file(a->config.host_key, NULL, NULL, NULL,
	    &key) != SSH_OK || note_host_blob(a, key) == -1) {
		ssh_key_free(key);
		return error_set(e, EX_CONFIG, "cannot read the host key %s",
		    a->config.host_key);
	}
	if (set_bind_options(a, key) != 0)
		return error_set(e, EX_SOFTWARE, "libssh refuses our options: "
		    "%s", ssh_get_error(a->bind));
	return 0;
}

struct acceptor *
acceptor_new(struct event_base *base, const struct acceptor_config *config,
    const char *password_user, const struct acceptor_events *events, void *arg,
    struct error *e)
{
	struct acceptor *a = xcalloc(1, sizeof(*a));

	a->base = base;
	a->config = *config;
	a->password_user = password_user;
	a->events = *events;
	a->arg = arg;
	TAILQ_INIT(&a->waiting);
	TAILQ_INIT(&a->sessions);
	if ((a->bind = ssh_bind_new()) == NULL)
		abort();
	if (load_host_key(a, e) == -1) {
		acceptor_free(a);
		return NULL;
	}
	return a;
}

void
acceptor_free(struct acceptor *a)
{
	struct inbound *in;

	if (a == NULL)
		return;
	while ((in = TAILQ_FIRST(&a->waiting)) != NULL)
		inbound_free(in);
	while ((in = TAILQ_FIRST(&a->sessions)) != NULL)
		inbound_free(in);
	ssh_bind_free(a->bind);
	free(a);
}

/*
 * Who makes room for the next: of those that have come least far the oldest.
 * Who has taken longer than LOGIN_MS counts as if he had said nothing.  So
 * whoever only holds connections open gains nothing by it, and whoever logs in
 * can finish.
 */
static struct inbound *
least_far(const struct acceptor *a)
{
	struct inbound *in, *found = NULL;
	uint64_t now = clock_ms();
	unsigned far, least = 0;

	TAILQ_FOREACH(in, &a->waiting, next) {
		far = now - in->accepted_at > LOGIN_MS ? 0 :
		    inbound_progress(in);
		if (found == NULL || far < least) {
			found = in;
			least = far;
		}
	}
	return found;
}

static bool
acceptor_is_full(const struct acceptor *a)
{
	return a->counters.unauthenticated >= a->config.unauthenticated_max;
}

bool
acceptor_is_busy(const struct acceptor *a)
{
	const struct inbound *in;

	if (!acceptor_is_full(a))
		return false;
	in = least_far(a);
	return inbound_progress(in) > 0 &&
	    clock_ms() - in->accepted_at <= YOUNG_MS;
}

void
acceptor_take(void *arg, int fd)
{
	struct acceptor *a = arg;
	struct inbound *in;

	if (acceptor_is_full(a)) {
		a->counters.dropped++;
		inbound_drop(least_far(a), "others need its place");
	}
	a->counters.accepted++;
	if ((in = inbound_new(a, fd)) == NULL)
		return;
	login_init(in);
	inbound_begin(in);
}

void
acceptor_counters(const struct acceptor *a, struct acceptor_counters *out)
{
	*out = a->counters;
}
