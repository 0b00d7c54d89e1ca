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
		inbound_free(a->waiting.at[0]->who);
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
	const struct inbound *in = w->who;

	return in == NULL || clock_awake_ms() - in->accepted_at > LOGIN_MS ?
	    0 : inbound_progress(in);
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
	const struct inbound *in;

	if (!acceptor_is_full(a))
		return false;
	w = crowd_loser(&a->waiting, progress);
	in = w->who;
	return progress(w) > 0 &&
	    clock_awake_ms() - in->accepted_at <= YOUNG_MS;
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

/* Whether a source is refused. */
static bool
is_penalised(const struct acceptor *a, const struct source *from)
{
	return a->config.limits.penalty_ms > 0 &&
	    penalty_left(a->penalties, from, clock_ms()) > 0;
}

/* 0, or -1 when it is gone already. */
static int
source_of_peer(int fd, struct source *from)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1)
		return -1;
	source_of(from, (struct sockaddr *)&ss);
	return 0;
}

/* True when there is room for it now. */
static bool
make_room(struct acceptor *a, struct waiting *newcomer)
{
	struct waiting *loser = who_makes_room(a, newcomer);
	char peer[SOURCE_TEXT_MAX];

	if (loser == NULL)
		return true;
	a->counters.dropped++;
	if (loser != newcomer) {
		inbound_drop(loser->who, NEEDS_PLACE);
		return true;
	}
	a->events.kept_out(a->arg, source_text(&newcomer->from, peer),
	    NEEDS_PLACE);
	return false;
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
	if (source_of_peer(t->fd, &newcomer.from) == -1) {
		transport_free(t);
		return;
	}
	if (is_penalised(a, &newcomer.from)) {
		a->counters.penalised++;
		close_with(t, PENALISED_LINE);
		return;
	}
	newcomer.weight = offence_weight(a, &newcomer.from);
	if (!make_room(a, &newcomer)) {
		close_with(t, FULL_LINE);
		return;
	}
	rejoin_or_begin(inbound_new(a, &newcomer), t);
}

void
acceptor_counters(const struct acceptor *a, struct acceptor_counters *out)
{
	*out = a->counters;
	out->unauthenticated = a->waiting.n;
	out->sessions = a->sessions.n;
}
