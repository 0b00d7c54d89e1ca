/* SPDX-License-Identifier: ISC */
/*
 * The host key and the algorithms of a server, and the limits on those who
 * have connected but not logged in.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/transport/transport.h"

#include "algorithms.h"
#include "inbound_private.h"
#include "keygen.h"

#define YOUNG_MS 100		/* one step of a login takes, far away */
#define LOGIN_MS 2000		/* all of them take */
#define NEEDS_PLACE "others need its place"
#define PENALISED_LINE "Not now: too many logins from your address have " \
    "failed\r\n"
#define FULL_LINE "Not now: too many logins are under way\r\n"

static int
set_bind_options(struct acceptor *a, ssh_key key)
{
	bool off = false;

	return ssh_bind_options_set(a->bind, SSH_BIND_OPTIONS_PROCESS_CONFIG,
	    &off) |
	    ssh_bind_options_set(a->bind, SSH_BIND_OPTIONS_BANNER,
	    a->version) | algorithms_serve(a->bind) |
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
	a->version = xstrdup(config->version);
	a->started_at = clock_ms();
	a->penalties = penalties_new();
	budget_init(&a->kept, NULL, config->limits.resume_memory);
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
	if (a == NULL)
		return;
	while (a->waiting.n > 0)
		inbound_free(a->waiting.at[0]->who);	/* arrivals are gone */
	while (a->sessions.n > 0)
		inbound_free(a->sessions.at[0]->who);
	crowd_clear(&a->waiting);
	crowd_clear(&a->sessions);
	penalties_free(a->penalties);
	ssh_bind_free(a->bind);
	free(a->version);
	free(a);
}

void
acceptor_limit(struct acceptor *a, const struct acceptor_limits *limits)
{
	a->config.limits = *limits;
	a->kept.limit = limits->resume_memory;
	penalties_clear(a->penalties);
}

/* --- who makes room --------------------------------------------------- */

/*
 * Who has taken longer than LOGIN_MS counts as if he had said nothing, as
 * somebody does who has just come and is no session yet.  So whoever only
 * holds connections open gains nothing by it, and whoever logs in can finish.
 */
static unsigned
progress(const struct waiting *w)
{
	return w->who == NULL || clock_awake_ms() - w->since > LOGIN_MS ?
	    0 : w->ops->progress(w->who);
}

static bool
acceptor_is_full(const struct acceptor *a)
{
	return a->waiting.n >= a->config.limits.unauthenticated;
}

static bool
source_is_full(const struct acceptor *a, const struct source *from)
{
	return a->config.limits.per_source != 0 &&
	    crowd_near(&a->waiting, from, SOURCE_HOST) >=
	    a->config.limits.per_source;
}

bool
acceptor_is_busy(const struct acceptor *a)
{
	const struct waiting *w;

	if (!acceptor_is_full(a))
		return false;
	w = crowd_loser(&a->waiting, progress);
	return progress(w) > 0 && clock_awake_ms() - w->since <= YOUNG_MS;
}

/* Who goes so that the newcomer may wait: NULL nobody, or himself. */
static struct waiting *
who_makes_room(struct acceptor *a, struct waiting *newcomer)
{
	bool of_source = source_is_full(a, &newcomer->from);
	struct waiting *loser;

	if (!of_source && !acceptor_is_full(a))
		return NULL;
	crowd_add(&a->waiting, newcomer);
	loser = of_source ? crowd_loser_of(&a->waiting, &newcomer->from,
	    progress) : crowd_loser(&a->waiting, progress);
	crowd_remove(&a->waiting, newcomer);
	return loser;
}

/* --- who comes -------------------------------------------------------- */

/*
 * A line before SSH's own (RFC 4253 section 4.2), which clients show, and the
 * end.
 */
static void
close_with(struct transport *t, const char *line)
{
	transport_write(t, (const uint8_t *)line, strlen(line));
	transport_free(t);
}

bool
acceptor_refuses(struct acceptor *a, const struct source *from)
{
	if (a->config.limits.penalty_ms == 0 ||
	    penalty_left(a->penalties, from, clock_ms()) == 0)
		return false;
	a->counters.penalised++;
	return true;
}

int
acceptor_source(int fd, struct source *from)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1)
		return -1;
	source_of(from, (struct sockaddr *)&ss);
	return 0;
}

bool
acceptor_makes_room(struct acceptor *a, struct waiting *newcomer)
{
	struct waiting *loser;
	char peer[SOURCE_TEXT_MAX];

	newcomer->since = clock_awake_ms();
	newcomer->weight = offence_weight(a, &newcomer->from);
	loser = who_makes_room(a, newcomer);
	if (loser == NULL)
		return true;
	a->counters.dropped++;
	if (loser != newcomer) {
		loser->ops->give_way(loser->who, NEEDS_PLACE);
		return true;
	}
	a->events.kept_out(a->arg, source_text(&newcomer->from, peer),
	    NEEDS_PLACE);
	return false;
}

void
acceptor_begin(struct acceptor *a, struct transport *t,
    const struct waiting *newcomer)
{
	rejoin_or_begin(inbound_new(a, newcomer), t);
}

void
acceptor_take(void *arg, int fd)
{
	acceptor_take_transport(arg, transport_socket(fd));
}

void
acceptor_take_transport(struct acceptor *a, struct transport *t)
{
	struct waiting newcomer = { .who = NULL };

	a->counters.accepted++;
	if (acceptor_source(t->fd, &newcomer.from) == -1)
		transport_free(t);
	else if (acceptor_refuses(a, &newcomer.from))
		close_with(t, PENALISED_LINE);
	else if (!acceptor_makes_room(a, &newcomer))
		close_with(t, FULL_LINE);
	else
		acceptor_begin(a, t, &newcomer);
}

void
acceptor_counters(const struct acceptor *a, struct acceptor_counters *out)
{
	*out = a->counters;
	out->unauthenticated = a->waiting.n;
	out->sessions = a->sessions.n;
}
