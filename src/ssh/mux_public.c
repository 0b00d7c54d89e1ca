/*
 * The session's side of the channel manager over libssh's published
 * functions: the queue of global requests, what the peer opens, and the turn
 * in which all that happens which libssh's callbacks must not do.
 */
#include "config.h"

#include <event2/event.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/relay/relay.h"

#include "mux_public.h"

/* A forward that nobody has: any answer to its cancelling is a pong. */
#define PING_HOST "orthrus-keepalive"
#define PING_PORT 1

bool
mux_can_listen_unix(void)
{
	return false;
}

/* No leash and no enrolment: see mux_public.h. */
bool
mux_can_open_subsystem(void)
{
	return false;
}

struct channel *
mux_open_subsystem(struct mux *m, const char *name, channel_opened *opened,
    void *arg)
{
	(void)m;
	(void)name;
	(void)opened;
	(void)arg;
	return NULL;
}

void
mux_violation(struct mux *m, const char *what)
{
	if (m->broken)
		return;
	m->broken = true;
	m->events.violation(m->arg, what);
}

bool
mux_dead(struct mux *m)
{
	return !ssh_is_connected(m->session) ||
	    (ssh_get_status(m->session) & SSH_CLOSED_ERROR) != 0;
}

/* --- sending ---------------------------------------------------------- */

/* What libssh was given to encrypt, less what the kernel has taken. */
static size_t
backlog(struct mux *m)
{
	uint64_t handed, gone;

	if ((ssh_get_status(m->session) & SSH_WRITE_PENDING) == 0) {
		m->wire_base = m->wire;
		m->packets_base = m->packets;
		return 0;
	}
	gone = m->wire.out_bytes - m->wire_base.out_bytes;
	/* Header, padding and tag come to about 32 bytes each. */
	handed = m->packets.out_bytes - m->packets_base.out_bytes +
	    (m->packets.out_packets - m->packets_base.out_packets) * 32;
	return handed > gone ? (size_t)(handed - gone) : 1;
}

bool
mux_flooded(const struct mux *m)
{
	/* backlog() only brings its own bookkeeping up to date. */
	return m->held >= HELD_MAX || backlog((struct mux *)m) >= BACKLOG_FLOOD;
}

/* Every write lets libssh read as well: while input waits, so does output. */
bool
mux_congested(struct mux *m)
{
	return m->rekeying || m->broken || m->held >= HELD_MAX ||
	    backlog(m) >= BACKLOG_HIGH;
}

/* Nobody else gets on while these hold what they do not take. */
static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct mux *m = arg;
	struct channel *ch;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(ch, &m->channels, next)
		if (ch->held > 0 && ch->moved_in != m->pauses &&
		    ch->ep.relay != NULL)
			relay_abort(ch->ep.relay);
	if (m->held >= HELD_MAX)
		mux_pause(m);
}

void
mux_pause(struct mux *m)
{
	static const struct timeval patience = { PATIENCE_SECONDS, 0 };

	m->pauses++;
	evtimer_add(m->patience, &patience);
}

void
mux_resume(struct mux *m)
{
	evtimer_del(m->patience);
	m->events.output(m->arg);	/* makes the session read again */
}

/* A timer, not event_active(): descriptors get their turn in between. */
void
mux_soon(struct mux *m)
{
	static const struct timeval now = { 0, 0 };

	if (!evtimer_pending(m->turn, NULL))
		evtimer_add(m->turn, &now);
}

void
mux_settle(struct mux *m)
{
	if (ssh_get_status(m->session) & SSH_WRITE_PENDING)
		m->events.output(m->arg);
	/* Windows and answers come without a callback: the turn looks. */
	if (m->wire.in_bytes != m->seen)
		mux_soon(m);
}

/* --- global requests -------------------------------------------------- */

static void
ask(struct mux *m, enum request_kind kind, const struct address *at,
    mux_answered *answered, void *arg)
{
	struct request *r = xcalloc(1, sizeof(*r));

	r->kind = kind;
	if (at != NULL)
		r->at = *at;
	r->answered = answered;
	r->arg = arg;
	TAILQ_INSERT_TAIL(&m->requests, r, next);
	mux_soon(m);
}

void
mux_listen(struct mux *m, const struct address *at, mux_answered *answered,
    void *arg)
{
	ask(m, REQUEST_LISTEN, at, answered, arg);
}

void
mux_unlisten(struct mux *m, const struct address *at, mux_answered *answered,
    void *arg)
{
	ask(m, REQUEST_UNLISTEN, at, answered, arg);
}

void
mux_ping(struct mux *m, mux_answered *answered, void *arg)
{
	ask(m, REQUEST_PING, NULL, answered, arg);
}

void
mux_forget(struct mux *m, void *arg)
{
	struct request *r;

	TAILQ_FOREACH(r, &m->requests, next)
		if (r->arg == arg)
			r->answered = NULL;
}

/* Sends it, or looks for its answer: the same call does both. */
static int
request_step(struct mux *m, struct request *r)
{
	/* RFC 4254 section 7.1: the empty address is every interface. */
	const char *host = strcmp(r->at.host, "*") == 0 ? "" : r->at.host;

	r->sent = true;
	if (r->kind == REQUEST_PING)
		return ssh_channel_cancel_forward(m->session, PING_HOST,
		    PING_PORT);
	if (r->at.kind == ADDRESS_UNIX)
		return SSH_ERROR;
	if (r->kind == REQUEST_UNLISTEN)
		return ssh_channel_cancel_forward(m->session, host,
		    r->at.port);
	return ssh_channel_listen_forward(m->session, host, r->at.port,
	    &r->bound);
}

/*
 * libssh has one place for an answer, so the next request is sent when the
 * last one was answered.
 */
static void
step_requests(struct mux *m, bool news)
{
	struct request *r;
	bool ok;
	int port;

	while ((r = TAILQ_FIRST(&m->requests)) != NULL && (news || !r->sent)) {
		ok = false;
		switch (request_step(m, r)) {
		case SSH_AGAIN:
			return;
		case SSH_OK:
			ok = true;
		}
		TAILQ_REMOVE(&m->requests, r, next);
		port = r->at.port;
		if (ok && r->kind == REQUEST_LISTEN && port == 0) {
			port = r->bound;
			ok = port > 0 && port <= 65535;
		}
		if (r->answered != NULL)
			r->answered(r->arg, ok, (uint16_t)port);
		free(r);
	}
}

/*
 * libssh reads the port that the far end has chosen from the last packet that
 * came, whatever that is: the fewer streams there are, the better.
 */
bool
mux_port_is_due(const struct mux *m)
{
	const struct request *r;

	TAILQ_FOREACH(r, &m->requests, next)
		if (r->kind == REQUEST_LISTEN && r->at.port == 0)
			return true;
	return false;
}

/* --- turns ------------------------------------------------------------ */

/* Each once; who was served goes to the end of the line. */
static void
serve(struct mux *m)
{
	struct channel *ch, *after, *last;

	last = TAILQ_LAST(&m->channels, channel_list);
	for (ch = TAILQ_FIRST(&m->channels); ch != NULL; ch = after) {
		after = ch == last ? NULL : TAILQ_NEXT(ch, next);
		if (!channel_serve(ch))
			continue;
		TAILQ_REMOVE(&m->channels, ch, next);
		TAILQ_INSERT_TAIL(&m->channels, ch, next);
	}
}

static void
reap(struct mux *m)
{
	struct channel *ch, *after;

	for (ch = TAILQ_FIRST(&m->channels); ch != NULL; ch = after) {
		after = TAILQ_NEXT(ch, next);
		if (channel_is_over(ch))
			channel_destroy(ch);
	}
}

static void
turn(struct mux *m)
{
	bool news = m->wire.in_bytes != m->seen;

	if (m->broken)
		return;
	if (mux_dead(m)) {
		if (ssh_is_connected(m->session))
			mux_violation(m, ssh_get_error(m->session));
		else		/* which says so */
			m->events.output(m->arg);
		return;
	}
	m->seen = m->wire.in_bytes;
	if (news)
		m->rekeying = false;
	/* First: whatever comes next may change libssh's last error. */
	if (!mux_flooded(m))
		mux_step_opens(m, news);
	serve(m);
	if (!mux_flooded(m)) {
		step_requests(m, news);
		/* A message refers to its channel: none may be left. */
		if (mux_take_messages(m))
			reap(m);
	}
	mux_settle(m);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	turn(arg);
}

/* fd is not needed: libssh reads and writes its copy. */
void
mux_start(struct mux *m, int fd)
{
	(void)fd;
	m->pump = ssh_event_new();
	if (m->pump != NULL)
		ssh_event_add_session(m->pump, m->session);
}

/* One read of 4 KiB by libssh, and one write of what waits. */
static int
pump(struct mux *m)
{
	errno = 0;
	if (m->pump == NULL || ssh_event_dopoll(m->pump, 0) == SSH_ERROR ||
	    !ssh_is_connected(m->session))
		return -1;
	return 0;
}

int
mux_input(struct mux *m, size_t budget)
{
	uint64_t start = m->wire.in_bytes, before;

	do {
		before = m->wire.in_bytes;
		if (pump(m) == -1)
			return -1;
	} while (m->wire.in_bytes != before && !m->broken &&
	    m->wire.in_bytes - start < budget && !mux_flooded(m));
	turn(m);
	return m->wire.in_bytes != before;
}

int
mux_output(struct mux *m)
{
	if ((ssh_get_status(m->session) & SSH_WRITE_PENDING ||
	    mux_dead(m)) && pump(m) == -1)
		return -1;
	turn(m);
	return (ssh_get_status(m->session) & SSH_WRITE_PENDING) != 0;
}

/* From here on libssh may free its channels. */
static void
let_go(struct mux *m)
{
	struct channel *ch;

	m->broken = true;
	TAILQ_FOREACH(ch, &m->channels, next)
		channel_detach(ch);
	if (m->pump != NULL) {
		ssh_event_remove_session(m->pump, m->session);
		ssh_event_free(m->pump);
	}
	m->pump = NULL;
}

void
mux_disconnect(struct mux *m)
{
	let_go(m);
	ssh_disconnect(m->session);
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
	m->patience = evtimer_new(base, on_patience, m);
	m->pauses = 1;
	TAILQ_INIT(&m->channels);
	TAILQ_INIT(&m->requests);
	m->number = NUMBER_FIRST;
	ssh_set_counters(session, &m->wire, &m->packets);
	ssh_set_log_userdata(m);
	ssh_set_log_callback(mux_on_log);
	ssh_set_log_level(SSH_LOG_WARN);
	return m;
}

void
mux_free(struct mux *m)
{
	struct channel *ch;
	struct request *r;

	if (m == NULL)
		return;
	let_go(m);
	while ((r = TAILQ_FIRST(&m->requests)) != NULL) {
		TAILQ_REMOVE(&m->requests, r, next);
		if (r->answered != NULL)
			r->answered(r->arg, false, r->at.port);
		free(r);
	}
	while ((ch = TAILQ_FIRST(&m->channels)) != NULL)
		channel_session_ended(ch);
	ssh_set_counters(m->session, NULL, NULL);
	ssh_set_log_userdata(NULL);
	event_free(m->turn);
	event_free(m->patience);
	free(m);
}

void
mux_counters(const struct mux *m, struct mux_counters *out)
{
	out->open = m->nopen;
	out->total = m->total;
	out->in = m->in;
	out->out = m->out;
	out->backlog = backlog((struct mux *)m);
	out->received = m->wire.in_bytes;
}
