/* SPDX-License-Identifier: ISC */
/*
 * One session that came in: key exchange, login, and then its channels.
 * Nothing is freed but from the loop.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/leash.h"

#include "inbound_private.h"
#include "mux_private.h"

void
inbound_end(struct inbound *in, const char *why)
{
	connection_fail(in->connection, EX_UNAVAILABLE, why, "%s", why);
}

unsigned
inbound_progress(const void *who)
{
	const struct inbound *in = who;

	if (in->has_keys)
		return 3;
	return connection_negotiates(in->connection) ? 2 :
	    connection_peer_version(in->connection)[0] != '\0';
}

void
inbound_logged_in(struct inbound *in)
{
	struct acceptor *a = in->acceptor;

	in->logged_in = true;
	crowd_remove(&a->waiting, &in->place);
	crowd_add(&a->sessions, &in->place);
	penalty_forgive(a->penalties, &in->place.from, clock_ms());
	a->counters.logins++;
	connection_trust(in->connection);
	timer_set(in->timer, 0);	/* libssh must send its answer first */
}

bool
inbound_is_orthrus(const struct inbound *in)
{
	return strncmp(connection_peer_version(in->connection),
	    LEASH_AGENT_BANNER, strlen(LEASH_AGENT_BANNER)) == 0;
}

bool
inbound_is_old(const struct inbound *in)
{
	return strncmp(connection_peer_version(in->connection),
	    LEASH_OLD_AGENT_BANNER, strlen(LEASH_OLD_AGENT_BANNER)) == 0;
}

/* --- a session that outlives its link --------------------------------- */

static struct inbound_list *
slot_of_id(struct acceptor *a, const uint8_t *id)
{
	return &a->resumable[id[0] % RESUME_SLOTS];
}

static void
on_inbound_resumable(void *arg)
{
	struct inbound *in = arg;

	LIST_INSERT_HEAD(slot_of_id(in->acceptor, in->resume.id), in,
	    same_slot);
}

static void
on_inbound_parted(void *arg, const char *text)
{
	struct inbound *in = arg;
	struct acceptor *a = in->acceptor;

	timer_set(in->timer, a->config.limits.resume_ms);
	if (a->events.parted != NULL)
		a->events.parted(a->arg, in, text);
}

/* Whoever logs in with a password has one thing to do, and leaves. */
static void
offer_to_resume(struct inbound *in)
{
	static const struct resume_events events = {
		on_inbound_resumable, on_inbound_parted
	};
	struct acceptor *a = in->acceptor;

	if (connection_is_over(in->connection) ||
	    a->config.limits.resume_ms == 0 || !inbound_is_orthrus(in) ||
	    (a->password_user != NULL &&
	    strcmp(in->user, a->password_user) == 0))
		return;
	resume_begin(&in->resume, a->base, in->connection, &a->kept, &events,
	    in);
	resume_offer(&in->resume);
}

struct inbound *
inbound_resumable(const struct acceptor *a, const uint8_t id[RESUME_ID_LEN])
{
	struct inbound *in;

	LIST_FOREACH(in, &a->resumable[id[0] % RESUME_SLOTS], same_slot)
		if (memcmp(in->resume.id, id, RESUME_ID_LEN) == 0)
			return in;
	return NULL;
}

void
inbound_rejoin(struct inbound *in, struct transport *t,
    const struct waiting *newcomer, uint64_t received, uint64_t told)
{
	struct acceptor *a = in->acceptor;

	event_del(in->timer);
	crowd_remove(&a->sessions, &in->place);
	in->place.from = newcomer->from;
	source_text(&in->place.from, in->peer);
	crowd_add(&a->sessions, &in->place);
	penalty_forgive(a->penalties, &in->place.from, clock_ms());
	a->counters.resumed++;
	resume_over(&in->resume, t, received, told);
	if (a->events.rejoined != NULL)
		a->events.rejoined(a->arg, in);
}

bool
inbound_is_parted(const struct inbound *in)
{
	return connection_is_parted(in->connection);
}

bool
inbound_part(struct inbound *in, const char *text)
{
	return connection_part(in->connection, text);
}

void
inbound_links(const struct inbound *in, struct inbound_links *out)
{
	const struct resume *r = &in->resume;

	out->transport = connection_transport(in->connection);
	out->since = r->since;
	out->resumed = r->resumed;
	out->parked_ms = r->parked_ms + (r->parted_at == 0 ? 0 :
	    clock_ms() - r->parted_at);
	out->resent = r->resent;
}

/* Tells the owner of the login, before anything else of the session. */
static void
announce_login(struct inbound *in)
{
	if (in->announced || !in->logged_in)
		return;
	in->announced = true;
	event_del(in->timer);
	in->acceptor->events.up(in->acceptor->arg, in);
	offer_to_resume(in);
}

static void
on_inbound_timer(evutil_socket_t fd, short what, void *arg)
{
	struct inbound *in = arg;
	struct acceptor *a = in->acceptor;
	uint64_t spent = clock_awake_ms() - in->place.since;

	(void)fd;
	(void)what;
	if (connection_is_over(in->connection))
		return;
	if (in->announced)
		connection_fail(in->connection, EX_UNAVAILABLE, NULL,
		    "its link did not come back within %llu s",
		    (unsigned long long)a->config.limits.resume_ms / 1000);
	else if (in->logged_in)
		announce_login(in);
	else if (spent < a->config.grace_ms) {
		timer_set(in->timer, a->config.grace_ms - spent);
		if (in->answer != NULL)
			in->answer(in);	/* which may set it anew */
	} else {
		in->timed_out = true;
		a->counters.timeouts++;
		connection_fail(in->connection, EX_UNAVAILABLE, NULL,
		    "no login within %u s", a->config.grace_ms / 1000);
	}
}

/*
 * A login may have succeeded and not been told yet: its owner hears of it, and
 * then of its end.
 */
static void
on_inbound_over(void *arg)
{
	struct inbound *in = arg;
	struct acceptor *a = in->acceptor;
	const struct error *why = connection_why(in->connection);

	announce_login(in);
	if (!in->announced) {
		inbound_drop(in, why->text);
		return;
	}
	a->events.ended(a->arg, in, why);
	inbound_free(in);
}

/* The first channel may come before the timer has announced the login. */
static void
on_inbound_asked(void *arg)
{
	announce_login(arg);
}

static void
on_inbound_lost(void *arg, const char *text, int error)
{
	struct inbound *in = arg;

	connection_fail(in->connection, EX_UNAVAILABLE, NULL, "%s",
	    text[0] != '\0' ? text : error == 0 || error == ECONNRESET ?
	    "the client closed the connection" : strerror(error));
}

/* --- the handshake ---------------------------------------------------- */

/*
 * The steps end with the key exchange.  The login comes in packets that the
 * tap sees, as all that follows.
 */
static enum connection_step
inbound_step(void *arg)
{
	struct inbound *in = arg;
	ssh_session ssh = connection_ssh(in->connection);
	int rc = ssh_handle_key_exchange(ssh);

	if (rc == SSH_AGAIN && ssh_is_connected(ssh))
		return STEP_WAIT;
	if (rc != SSH_OK) {
		connection_fail(in->connection, EX_UNAVAILABLE, NULL,
		    "key exchange failed");
		return STEP_FAILED;
	}
	in->has_keys = true;
	in->acceptor->counters.handshakes++;
	if (inbound_is_orthrus(in))
		mux_peer_is_ours(connection_mux(in->connection));
	return STEP_RUN;
}

/* --- life ------------------------------------------------------------- */

/* From the accept on, which may have been some time ago. */
static void
start_grace(struct inbound *in)
{
	uint64_t spent = clock_awake_ms() - in->place.since;
	unsigned grace = in->acceptor->config.grace_ms;

	timer_set(in->timer, spent < grace ? grace - spent : 0);
}

static void
inbound_give_way(void *in, const char *why)
{
	inbound_drop(in, why);
}

struct inbound *
inbound_new(struct acceptor *a, const struct waiting *newcomer)
{
	static const struct connection_role role = {
		inbound_step, on_inbound_asked, on_inbound_lost, on_inbound_over
	};
	static const struct waiting_ops ops = {
		inbound_progress, inbound_give_way
	};
	struct inbound *in = xcalloc(1, sizeof(*in));

	in->acceptor = a;
	in->number = ++a->numbers;
	in->place = *newcomer;
	in->place.who = in;
	in->place.ops = &ops;
	source_text(&in->place.from, in->peer);
	crowd_add(&a->waiting, &in->place);
	in->timer = evtimer_new(a->base, on_inbound_timer, in);
	in->connection = connection_new(a->base, a->config.dead_ms, &role, in);
	mux_new(a->base, in->connection);
	connection_host_key(in->connection, &a->host_key);
	start_grace(in);
	return in;
}

bool
inbound_sign(void *arg, const uint8_t *hash, size_t len,
    uint8_t signature[ED25519_SIGNATURE_LEN])
{
	struct inbound *in = arg;
	const struct acceptor *a = in->acceptor;

	in->signed_for = true;
	return a->events.sign(a->arg, in, hash, len, signature);
}

void
inbound_free(struct inbound *in)
{
	struct acceptor *a = in->acceptor;

	if (in->logged_in)
		crowd_remove(&a->sessions, &in->place);
	else
		crowd_remove(&a->waiting, &in->place);
	if (in->resume.agreed)
		LIST_REMOVE(in, same_slot);
	rejoin_free(in->rejoin);
	connection_free(in->connection);
	resume_clear(&in->resume);
	if (in->signed_for)
		a->events.left(a->arg, in);
	event_free(in->timer);
	free(in->request);
	free(in);
}

void
inbound_drop(struct inbound *in, const char *why)
{
	if (!offence_is_none(in))
		in->acceptor->events.turned_away(in->acceptor->arg, in, why);
	offence_no_login(in);
	inbound_free(in);
}

void
inbound_soon(struct inbound *in)
{
	timer_set(in->timer, 0);
}

uint64_t
inbound_number(const struct inbound *in)
{
	return in->number;
}

const uint8_t *
inbound_request(const struct inbound *in, size_t *len)
{
	*len = in->request_len;
	return in->request;
}

const char *
inbound_user(const struct inbound *in)
{
	return in->user;
}

const char *
inbound_peer(const struct inbound *in)
{
	return in->peer;
}

const char *
inbound_kex(const struct inbound *in)
{
	return connection_kex(in->connection);
}

struct mux *
inbound_mux(struct inbound *in)
{
	return connection_mux(in->connection);
}

void
inbound_set_data(struct inbound *in, void *data)
{
	in->data = data;
}

void *
inbound_data(const struct inbound *in)
{
	return in->data;
}

uint64_t
inbound_heard_at(const struct inbound *in)
{
	return connection_heard_at(in->connection);
}
