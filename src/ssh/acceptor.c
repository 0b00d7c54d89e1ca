/* SPDX-License-Identifier: ISC */
/*
 * The host key and the algorithms of a server, and the limits on those who
 * have connected but not logged in.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"

#include "algorithms.h"
#include "inbound_private.h"
#include "keygen.h"

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

/*
 * The bind wants a key of its own.  It gets one that nobody will see: what is
 * shown and signed with is the host key, which is our owner's (server_key.c).
 */
static int
prepare_bind(struct acceptor *a, struct error *e)
{
	ssh_key key = NULL;

	if (keygen_ed25519(&key) != SSH_OK)
		return error_set(e, EX_SOFTWARE, "libssh makes no key");
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
	memcpy(a->host_key.blob, config->host_key, sizeof(a->host_key.blob));
	a->host_key.sign = inbound_sign;
	if (prepare_bind(a, e) == -1) {
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
