/* SPDX-License-Identifier: ISC */
/* See resume.h. */
#include "config.h"

#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/loop.h"

#include "mux_private.h"
#include "resume.h"

#define OFFER "resume@orthrus"
#define ACKNOWLEDGED "resume-received@orthrus"

/*
 * So much is acknowledged at once, and the rest when it was quiet for a while.
 * A few bytes are not: else two that have nothing to say would acknowledge each
 * other's acknowledgements for ever.
 */
#define ACKNOWLEDGE_EVERY (512 * 1024)
#define ACKNOWLEDGE_LEAST 512
#define QUIET_MS 250

/* --- acknowledging ---------------------------------------------------- */

static void
acknowledge(struct resume *r)
{
	uint8_t b[64], *p = b;
	struct iovec iov = { b, 0 };

	r->acknowledged = resume_received(r);
	*p++ = MSG_GLOBAL_REQUEST;
	p = wire_put_string(p, ACKNOWLEDGED, strlen(ACKNOWLEDGED));
	*p++ = 0;
	p = wire_put_u64(p, r->acknowledged);
	iov.iov_len = (size_t)(p - b);
	connection_send(r->connection, &iov, 1);
}

static void
on_resume_quiet(evutil_socket_t fd, short what, void *arg)
{
	struct resume *r = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_SESSION);
	if (!connection_is_over(r->connection) && r->parted_at == 0)
		acknowledge(r);
}

static void
on_resume_arrived(void *arg)
{
	struct resume *r = arg;
	uint64_t owed;

	if (!r->agreed || connection_is_over(r->connection))
		return;
	owed = resume_received(r) - r->acknowledged;
	if (owed >= ACKNOWLEDGE_EVERY) {
		evtimer_del(r->quiet);
		acknowledge(r);
	} else if (owed >= ACKNOWLEDGE_LEAST &&
	    !evtimer_pending(r->quiet, NULL))
		timer_set(r->quiet, QUIET_MS);
}

/* --- agreeing --------------------------------------------------------- */

static void
on_resume_agreed(struct resume *r)
{
	r->agreed = true;
	r->acknowledged = resume_received(r);
	if (r->events->agreed != NULL)
		r->events->agreed(r->arg);
}

/* The client is told what it needs to come again. */
static bool
take_offer(struct resume *r, struct wire *w)
{
	size_t id_len, secret_len;
	const uint8_t *id = wire_string(w, &id_len);
	const uint8_t *secret = wire_string(w, &secret_len);

	if (w->bad || id_len != RESUME_ID_LEN ||
	    secret_len != RESUME_SECRET_LEN || r->agreed)
		return false;
	memcpy(r->id, id, sizeof(r->id));
	memcpy(r->secret, secret, sizeof(r->secret));
	connection_keep(r->connection, true, r->memory);
	on_resume_agreed(r);
	return true;
}

static void
on_offer_answered(void *arg, enum mux_answer answer, uint16_t port)
{
	struct resume *r = arg;

	(void)port;
	if (connection_is_over(r->connection))
		return;
	if (answer == MUX_REFUSED)
		connection_keep(r->connection, false, NULL);
	else
		on_resume_agreed(r);
}

void
resume_offer(struct resume *r)
{
	uint8_t b[128], *p = b;
	struct iovec iov = { b, 0 };

	randombytes_buf(r->id, sizeof(r->id));
	randombytes_buf(r->secret, sizeof(r->secret));
	*p++ = MSG_GLOBAL_REQUEST;
	p = wire_put_string(p, OFFER, strlen(OFFER));
	*p++ = 1;
	p = wire_put_string(p, r->id, sizeof(r->id));
	p = wire_put_string(p, r->secret, sizeof(r->secret));
	iov.iov_len = (size_t)(p - b);
	connection_keep(r->connection, true, r->memory);
	mux_ask(connection_mux(r->connection), &iov, on_offer_answered, r);
	sodium_memzero(b, sizeof(b));
}

static bool
name_is(const uint8_t *name, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(name, text, len) == 0;
}

static bool
on_resume_asked(void *arg, const uint8_t *name, size_t len, struct wire *w,
    bool *ok)
{
	struct resume *r = arg;
	uint64_t position;

	if (name_is(name, len, OFFER)) {
		*ok = take_offer(r, w);
		return true;
	}
	if (!name_is(name, len, ACKNOWLEDGED))
		return false;
	position = wire_u64(w);
	*ok = !w->bad && connection_acknowledged(r->connection, position);
	if (!*ok)
		connection_violation(r->connection,
		    "it has received what was never sent");
	return true;
}

/* --- from link to link ------------------------------------------------ */

static bool
on_resume_parted(void *arg, const char *text)
{
	struct resume *r = arg;

	if (!r->agreed)
		return false;
	r->parted_at = clock_ms();
	r->parted_since = time(NULL);
	evtimer_del(r->quiet);
	r->events->parted(r->arg, text);
	return true;
}

uint64_t
resume_received(const struct resume *r)
{
	return connection_position(r->connection);
}

bool
resume_possible(const struct resume *r, uint64_t received)
{
	return r->agreed && !connection_is_over(r->connection) &&
	    connection_has(r->connection, received);
}

void
resume_over(struct resume *r, struct transport *t, uint64_t received,
    uint64_t told)
{
	uint64_t arrived = resume_received(r);
	size_t unsent = connection_backlog(r->connection);

	connection_rejoin(r->connection, t, received, arrived - told);
	r->resent += connection_backlog(r->connection) - unsent;
	r->resumed++;
	r->since = time(NULL);
	r->last_ms = r->parted_at == 0 ? 0 : clock_ms() - r->parted_at;
	r->parked_ms += r->last_ms;
	r->parted_at = 0;
	r->acknowledged = told;
}

/* --- life ------------------------------------------------------------- */

void
resume_begin(struct resume *r, struct event_base *base, struct connection *c,
    struct budget *memory, const struct resume_events *events, void *arg)
{
	static const struct connection_heir heir = {
		on_resume_asked, on_resume_arrived, on_resume_parted
	};

	r->connection = c;
	r->memory = memory;
	r->events = events;
	r->arg = arg;
	r->quiet = evtimer_new(base, on_resume_quiet, r);
	r->since = time(NULL);
	connection_bequeath(c, &heir, r);
}

void
resume_clear(struct resume *r)
{
	if (r->quiet != NULL)
		event_free(r->quiet);
	sodium_memzero(r, sizeof(*r));
}
