/*
 * The session's side of the channel manager: dispatch of what arrives, the
 * queue of global requests, opening, and whose turn it is to send.
 */
#include "config.h"

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>

#include "orthrus/relay/relay.h"

#include "mux_private.h"

bool
mux_can_listen_unix(void)
{
	return true;
}

/* --- global requests -------------------------------------------------- */

static void
ask(struct mux *m, const struct iovec *iov, uint16_t port, bool port_in_answer,
    mux_answered *answered, void *arg)
{
	struct request *r = xcalloc(1, sizeof(*r));

	r->answered = answered;
	r->arg = arg;
	r->port = port;
	r->port_in_answer = port_in_answer;
	TAILQ_INSERT_TAIL(&m->requests, r, next);
	/* A failure to send ends the session, and with it the request. */
	mux_send(m, iov, 1);
}

static void
answer(struct mux *m, bool ok, struct wire *w)
{
	struct request *r = TAILQ_FIRST(&m->requests);
	uint32_t port;

	if (r == NULL) {
		mux_violation(m, "answer to a request that was not made");
		return;
	}
	TAILQ_REMOVE(&m->requests, r, next);
	if (r->sent_at != 0)
		m->round_trip = mux_now() - r->sent_at;
	if (r->mark) {
		pace_answered(&m->pace, r->bytes, m->round_trip, mux_now());
		if (m->pace.unmarked > 0 && pace_wants_mark(&m->pace))
			mux_mark(m);
		channel_let_go(m);
	}
	if (ok && r->port_in_answer) {
		port = wire_u32(w);
		if (w->bad || port == 0 || port > 65535)
			ok = false;
		else
			r->port = (uint16_t)port;
	}
	if (r->answered != NULL)
		r->answered(r->arg, ok, r->port);
	free(r);
}

static void
ask_listener(struct mux *m, const struct address *at, bool cancel,
    mux_answered *answered, void *arg)
{
	static const char *const name[2][2] = {
		{ "tcpip-forward", "cancel-tcpip-forward" },
		{ "streamlocal-forward@openssh.com",
		  "cancel-streamlocal-forward@openssh.com" }
	};
	bool is_unix = at->kind == ADDRESS_UNIX;
	const char *request = name[is_unix][cancel];
	/* RFC 4254 section 7.1: the empty address is every interface. */
	const char *where = is_unix ? at->path :
	    strcmp(at->host, "*") == 0 ? "" : at->host;
	uint8_t b[64 + HOST_MAX + 32], *p = b;
	struct iovec iov;

	*p++ = MSG_GLOBAL_REQUEST;
	p = wire_put_string(p, request, strlen(request));
	*p++ = 1;
	p = wire_put_string(p, where, strlen(where));
	if (!is_unix)
		p = wire_put_u32(p, at->port);
	iov.iov_base = b;
	iov.iov_len = (size_t)(p - b);
	ask(m, &iov, at->port, !is_unix && !cancel && at->port == 0,
	    answered, arg);
}

void
mux_listen(struct mux *m, const struct address *at, mux_answered *answered,
    void *arg)
{
	ask_listener(m, at, false, answered, arg);
}

void
mux_unlisten(struct mux *m, const struct address *at, mux_answered *answered,
    void *arg)
{
	ask_listener(m, at, true, answered, arg);
}

void
mux_ping(struct mux *m, mux_answered *answered, void *arg)
{
	static const char request[] = "keepalive@openssh.com";
	uint8_t b[64], *p = b;
	struct iovec iov;

	*p++ = MSG_GLOBAL_REQUEST;
	p = wire_put_string(p, request, strlen(request));
	*p++ = 1;
	iov.iov_base = b;
	iov.iov_len = (size_t)(p - b);
	ask(m, &iov, 0, false, answered, arg);
	TAILQ_LAST(&m->requests, request_list)->sent_at = mux_now();
}

void
mux_mark(struct mux *m)
{
	struct request *r;

	mux_ping(m, NULL, NULL);
	r = TAILQ_LAST(&m->requests, request_list);
	r->mark = true;
	r->bytes = pace_mark(&m->pace);
}

void
mux_forget(struct mux *m, void *arg)
{
	struct request *r;

	TAILQ_FOREACH(r, &m->requests, next)
		if (r->arg == arg)
			r->answered = NULL;
}

/* Nothing is offered to the far end: hostkeys-00@openssh.com and the like. */
static void
on_global_request(struct mux *m, struct wire *w)
{
	uint8_t failure = MSG_REQUEST_FAILURE;
	struct iovec iov = { &failure, 1 };
	size_t len;

	wire_string(w, &len);
	if (wire_bool(w) && !w->bad)
		mux_send(m, &iov, 1);
}

/* --- opening ---------------------------------------------------------- */

struct channel *
mux_open(struct mux *m, const struct address *to, channel_opened *opened,
    void *arg)
{
	bool is_unix = to->kind == ADDRESS_UNIX;
	const char *type = is_unix ? "direct-streamlocal@openssh.com" :
	    "direct-tcpip";
	const char *where = is_unix ? to->path : to->host;
	uint8_t b[128 + HOST_MAX], *p = b;
	struct channel *ch;
	struct iovec iov;

	if (m->broken || m->nopen >= MUX_CHANNELS_MAX)
		return NULL;
	ch = channel_create(m, CHANNEL_OPENING);
	ch->opened = opened;
	ch->arg = arg;
	*p++ = MSG_CHANNEL_OPEN;
	p = wire_put_string(p, type, strlen(type));
	p = wire_put_u32(p, ch->id);
	p = wire_put_u32(p, ch->window);
	p = wire_put_u32(p, PACKET_MAX);
	p = wire_put_string(p, where, strlen(where));
	if (is_unix) {		/* OpenSSH's PROTOCOL, 2.4: two reserved */
		p = wire_put_string(p, "", 0);
		p = wire_put_u32(p, 0);
	} else {		/* who connected stays here */
		p = wire_put_u32(p, to->port);
		p = wire_put_string(p, "127.0.0.1", 9);
		p = wire_put_u32(p, 0);
	}
	iov.iov_base = b;
	iov.iov_len = (size_t)(p - b);
	mux_send(m, &iov, 1);
	return ch;
}

static void
send_refusal(struct mux *m, uint32_t peer, enum open_failure reason,
    const char *text)
{
	uint8_t b[256], *p = b;
	size_t len = strnlen(text, sizeof(b) - 32);
	struct iovec iov;

	*p++ = MSG_CHANNEL_OPEN_FAILURE;
	p = wire_put_u32(p, peer);
	p = wire_put_u32(p, reason);
	p = wire_put_string(p, text, len);
	p = wire_put_string(p, "", 0);
	iov.iov_base = b;
	iov.iov_len = (size_t)(p - b);
	mux_send(m, &iov, 1);
}

static void
on_open(struct mux *m, struct wire *w)
{
	struct address listen;
	struct channel *ch;
	const uint8_t *type;
	size_t type_len, len;
	uint32_t peer, window, packet, port;
	struct wire t;

	memset(&listen, 0, sizeof(listen));
	type = wire_string(w, &type_len);
	peer = wire_u32(w);
	window = wire_u32(w);
	packet = wire_u32(w);
	if (w->bad) {
		mux_violation(m, "malformed channel open");
		return;
	}
#define TYPE_IS(s) (type_len == sizeof(s) - 1 && memcmp(type, s, type_len) == 0)
	t = *w;
	if (TYPE_IS("forwarded-tcpip")) {
		listen.kind = ADDRESS_TCP;
		wire_text(&t, listen.host, sizeof(listen.host));
		port = wire_u32(&t);
		if (port == 0 || port > 65535)
			t.bad = true;
		listen.port = (uint16_t)port;
		wire_string(&t, &len);
		wire_u32(&t);
	} else if (TYPE_IS("forwarded-streamlocal@openssh.com")) {
		listen.kind = ADDRESS_UNIX;
		wire_text(&t, listen.path, sizeof(listen.path));
		wire_string(&t, &len);
	} else {
		send_refusal(m, peer, OPEN_UNKNOWN_TYPE,
		    "this channel type is not served");
		return;
	}
#undef TYPE_IS
	if (t.bad) {
		send_refusal(m, peer, OPEN_PROHIBITED, "malformed request");
		return;
	}
	if (packet < PACKET_MIN) {
		send_refusal(m, peer, OPEN_PROHIBITED,
		    "maximum packet size too small");
		return;
	}
	if (m->nopen >= MUX_CHANNELS_MAX) {
		send_refusal(m, peer, OPEN_RESOURCE_SHORTAGE,
		    "too many channels");
		return;
	}
	ch = channel_create(m, CHANNEL_INCOMING);
	ch->peer = peer;
	ch->send_window = window;
	ch->send_packet = packet;
	m->events.incoming(m->arg, ch, &listen);
}

void
channel_accept(struct channel *ch)
{
	uint8_t b[17], *p = b;
	struct iovec iov = { b, sizeof(b) };

	ch->state = CHANNEL_OPEN;
	ch->gone = NULL;
	ch->mux->total++;
	*p++ = MSG_CHANNEL_OPEN_CONFIRMATION;
	p = wire_put_u32(p, ch->peer);
	p = wire_put_u32(p, ch->id);
	p = wire_put_u32(p, ch->window);
	wire_put_u32(p, PACKET_MAX);
	mux_send(ch->mux, &iov, 1);
}

void
channel_refuse(struct channel *ch, enum open_failure reason, const char *text)
{
	send_refusal(ch->mux, ch->peer, reason, text);
	ch->state = CHANNEL_REFUSED;
	ch->gone = NULL;
	ch->owned = false;
	channel_retire(ch);
}

void
channel_on_gone(struct channel *ch, void (*gone)(void *arg), void *arg)
{
	ch->gone = gone;
	ch->arg = arg;
}

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
	case MSG_NEWKEYS:
		m->rekeying = false;
		return;
	case MSG_GLOBAL_REQUEST:
		on_global_request(m, &w);
		return;
	case MSG_REQUEST_SUCCESS:
	case MSG_REQUEST_FAILURE:
		answer(m, type == MSG_REQUEST_SUCCESS, &w);
		return;
	case MSG_CHANNEL_OPEN:
		on_open(m, &w);
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
mux_disconnect(struct mux *m)
{
	packet_disconnect(m->tap);
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
