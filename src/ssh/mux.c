/*
 * The session's side of the channel manager: dispatch of what arrives, and
 * whose turn it is to send.
 */
#include "config.h"

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/leash.h"
#include "orthrus/relay/relay.h"

#include "mux_private.h"

/* --- dispatch --------------------------------------------------------- */

static void
on_packet(void *arg, uint8_t type, const uint8_t *p, size_t len)
{
	struct mux *m = arg;
	struct wire w;
	uint32_t id;

	if (m->broken)
		return;
	wire_init(&w, p, len);
	switch (type) {
	case MSG_KEXINIT:
		m->negotiates = true;
		return;
	case MSG_NEWKEYS:
		m->rekeying = false;
		m->kept_bytes = 0;
		return;
	case MSG_GLOBAL_REQUEST:
		mux_global_request(m, &w);
		return;
	case MSG_REQUEST_SUCCESS:
	case MSG_REQUEST_FAILURE:
		mux_answer(m, type == MSG_REQUEST_SUCCESS, &w);
		return;
	case MSG_CHANNEL_OPEN:
		mux_on_open(m, &w);
		return;
	}
	if (type < MSG_CHANNEL_OPEN)	/* 83 to 89 are not assigned */
		return;
	id = wire_u32(&w);
	if (w.bad || id >= m->nslots || m->channels[id] == NULL) {
		mux_violation(m, "message for a channel that does not exist");
		return;
	}
	channel_message(m->channels[id], type, &w);
}

static bool
on_login(void *arg, const uint8_t *p, size_t len)
{
	struct mux *m = arg;

	return m->logins(m->arg, p, len);
}

/* --- turns ------------------------------------------------------------ */

/* Those that queue again while they are served wait for the next turn. */
static void
wake_readers(struct mux *m)
{
	struct channel *ch;

	while ((ch = TAILQ_FIRST(&m->readers)) != NULL &&
	    ch->read_turn != m->turn_number) {
		TAILQ_REMOVE(&m->readers, ch, readers);
		ch->in_readers = false;
		if (ch->want_read && ch->ep.relay != NULL)
			relay_readable(&ch->ep);
	}
}

static void
wake_writers(struct mux *m)
{
	struct channel *ch;

	while ((ch = TAILQ_FIRST(&m->writers)) != NULL &&
	    ch->write_turn != m->turn_number && !mux_congested(m)) {
		TAILQ_REMOVE(&m->writers, ch, writers);
		ch->in_writers = false;
		if (!ch->want_write || ch->ep.relay == NULL)
			continue;
		if (channel_room(ch) > 0)
			relay_writable(&ch->ep);
		else if (ch->send_window > 0)
			channel_queue_writer(ch);	/* held meanwhile */
	}
}

/* What was put off while packets were handled. */
static void
turn(struct mux *m)
{
	struct channel *ch;

	m->turn_number++;
	wake_readers(m);
	wake_writers(m);
	while ((ch = TAILQ_FIRST(&m->dead)) != NULL)
		channel_destroy(ch);
	if (!TAILQ_EMPTY(&m->readers) ||
	    (!TAILQ_EMPTY(&m->writers) && !mux_congested(m)))
		mux_soon(m);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	turn(arg);
}

int
mux_connect(struct mux *m)
{
	return packet_connect(m->tap, LEASH_AGENT_BANNER "_" PACKAGE_VERSION);
}

void
mux_peer_is_ours(struct mux *m)
{
	m->ours = true;
}

void
mux_start(struct mux *m, int fd)
{
	packet_take_over(m->tap, fd);
}

int
mux_input(struct mux *m, size_t budget)
{
	int rc = packet_input(m->tap, budget);

	channel_deliver();
	if (rc != -1)
		turn(m);
	return rc;
}

int
mux_output(struct mux *m)
{
	int rc = packet_output(m->tap);

	if (rc != -1)
		turn(m);
	return rc;
}

void
mux_goodbye(struct mux *m, uint32_t reason, const char *text)
{
	packet_disconnect(m->tap, reason, text);
}

void
mux_logins(struct mux *m, bool (*filter)(void *arg, const uint8_t *p,
    size_t len))
{
	m->logins = filter;
	packet_tap_logins(m->tap, on_login);
}

bool
mux_negotiates(const struct mux *m)
{
	return m->negotiates;
}

bool
mux_login_failed(struct mux *m, const char *methods)
{
	uint8_t b[64], *p = b;
	struct iovec iov = { b, 0 };

	*p++ = MSG_USERAUTH_FAILURE;
	p = wire_put_string(p, methods, strnlen(methods, 32));
	*p++ = 0;
	iov.iov_len = (size_t)(p - b);
	return mux_send(m, &iov, 1) == 0;
}

void
mux_disconnect(struct mux *m)
{
	packet_disconnect(m->tap, 0, NULL);
}

void
mux_serve(struct mux *m, const struct mux_service *service)
{
	m->service = *service;
}

struct mux *
mux_new(struct event_base *base, ssh_session session,
    const struct mux_events *events, void *arg)
{
	struct mux *m = xcalloc(1, sizeof(*m));

	m->session = session;
	m->events = *events;
	m->arg = arg;
	m->turn = evtimer_new(base, on_turn, m);
	TAILQ_INIT(&m->readers);
	TAILQ_INIT(&m->writers);
	TAILQ_INIT(&m->dead);
	TAILQ_INIT(&m->held);
	pace_init(&m->pace);
	TAILQ_INIT(&m->requests);
	m->tap = packet_tap_new(session, on_packet, m);
	return m;
}

void
mux_free(struct mux *m)
{
	struct channel *ch;
	struct request *r;
	size_t i;

	if (m == NULL)
		return;
	m->broken = true;
	while ((r = TAILQ_FIRST(&m->requests)) != NULL) {
		TAILQ_REMOVE(&m->requests, r, next);
		if (r->answered != NULL)
			r->answered(r->arg, false, r->port);
		free(r);
	}
	for (i = 0; i < m->nslots; i++)
		if (m->channels[i] != NULL)
			channel_session_ended(m->channels[i]);
	while ((ch = TAILQ_FIRST(&m->dead)) != NULL)
		channel_destroy(ch);
	packet_tap_free(m->tap);
	event_free(m->turn);
	free(m->channels);
	free(m->free_ids);
	free(m);
}

void
mux_counters(const struct mux *m, struct mux_counters *out)
{
	out->open = m->nopen;
	out->total = m->total;
	out->in = m->in;
	out->out = m->out;
	out->backlog = packet_backlog(m->tap);
	out->received = packet_received(m->tap);
}

bool
mux_flooded(const struct mux *m)
{
	return packet_backlog(m->tap) >= BACKLOG_FLOOD;
}
