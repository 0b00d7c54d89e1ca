/* SPDX-License-Identifier: ISC */
/*
 * Global requests (RFC 4254 section 4), those that we make and wait for in
 * the order sent, and those of the peer.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "mux_private.h"

enum listen_request {
	LISTEN_TCP, LISTEN_TCP_CANCEL, LISTEN_UNIX, LISTEN_UNIX_CANCEL, NLISTEN
};

static void
send_global_request(struct mux *m, const struct iovec *iov, uint16_t port,
    bool port_in_answer, mux_answered *answered, void *arg)
{
	struct global_request *r = xcalloc(1, sizeof(*r));

	r->answered = answered;
	r->arg = arg;
	r->port = port;
	r->port_in_answer = port_in_answer;
	TAILQ_INSERT_TAIL(&m->requests, r, next);
	/* A failure to send ends the session, and with it the request. */
	mux_send(m, iov, 1);
}

/*
 * Before OpenSSH's sshd grants a listener at another address than we asked
 * for, it says so in SSH_MSG_DEBUG: 'Forwarding listen address "localhost"
 * overridden by server GatewayPorts'. It answers in order, so that the request
 * is the oldest one.
 */
void
mux_on_debug(struct mux *m, struct wire *w)
{
	static const char words[] = "overridden by server GatewayPorts";
	struct global_request *r = TAILQ_FIRST(&m->requests);
	const uint8_t *text;
	size_t len;

	wire_bool(w);			/* whether people are to see it */
	text = wire_string(w, &len);
	if (!w->bad && r != NULL && r->listens &&
	    memmem(text, len, words, strlen(words)) != NULL)
		r->overridden = true;
}

/* A ping was answered, or a mark: takes the time that took. */
static void
note_round_trip(struct mux *m, const struct global_request *r)
{
	uint64_t now = clock_us(), took = now - r->sent_at;

	round_trip_answered(&m->round_trip, took, m->in + m->out - r->moved,
	    now);
	if (!r->mark) {
		if (round_trip_begins(&m->round_trip))
			mux_ping(m, NULL, NULL);
		return;
	}
	pace_answered(&m->pace, r->bytes, took, now);
	if (m->pace.unmarked > 0 && pace_wants_mark(&m->pace))
		mux_mark(m);
	mux_release_held(m);
}

void
mux_on_answer(struct mux *m, bool ok, struct wire *w)
{
	struct global_request *r = TAILQ_FIRST(&m->requests);
	uint32_t port;

	if (r == NULL) {
		mux_violation(m, "answer to a request that was not made");
		return;
	}
	TAILQ_REMOVE(&m->requests, r, next);
	if (r->sent_at != 0)
		note_round_trip(m, r);
	if (ok && r->port_in_answer) {
		port = wire_u32(w);
		if (w->bad || port == 0 || port > 65535)
			ok = false;
		else
			r->port = (uint16_t)port;
	}
	if (r->answered != NULL)
		r->answered(r->arg, !ok ? MUX_REFUSED : r->overridden ?
		    MUX_OVERRIDDEN : MUX_GRANTED, r->port);
	free(r);
}

static void
request_listener(struct mux *m, const struct address *at, bool cancel,
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
	send_global_request(m, &iov, at->port,
	    !is_unix && !cancel && at->port == 0, answered, arg);
	TAILQ_LAST(&m->requests, global_request_list)->listens = !cancel;
}

void
mux_listen(struct mux *m, const struct address *at, mux_answered *answered,
    void *arg)
{
	request_listener(m, at, false, answered, arg);
}

void
mux_unlisten(struct mux *m, const struct address *at, mux_answered *answered,
    void *arg)
{
	request_listener(m, at, true, answered, arg);
}

void
mux_ping(struct mux *m, mux_answered *answered, void *arg)
{
	static const char request[] = "keepalive@openssh.com";
	uint8_t b[64], *p = b;
	struct global_request *r;
	struct iovec iov;

	*p++ = MSG_GLOBAL_REQUEST;
	p = wire_put_string(p, request, strlen(request));
	*p++ = 1;
	iov.iov_base = b;
	iov.iov_len = (size_t)(p - b);
	send_global_request(m, &iov, 0, false, answered, arg);
	r = TAILQ_LAST(&m->requests, global_request_list);
	r->sent_at = clock_us();
	round_trip_asked(&m->round_trip, r->sent_at);
	r->moved = m->in + m->out;
}

void
mux_ask(struct mux *m, const struct iovec *iov, mux_answered *answered,
    void *arg)
{
	send_global_request(m, iov, 0, false, answered, arg);
}

void
mux_measure(struct mux *m)
{
	if (round_trip_due(&m->round_trip, clock_us()))
		mux_ping(m, NULL, NULL);
}

void
mux_mark(struct mux *m)
{
	struct global_request *r;

	mux_ping(m, NULL, NULL);
	r = TAILQ_LAST(&m->requests, global_request_list);
	r->mark = true;
	r->bytes = pace_mark(&m->pace);
}

void
mux_forget(struct mux *m, void *arg)
{
	struct global_request *r;

	TAILQ_FOREACH(r, &m->requests, next)
		if (r->arg == arg)
			r->answered = NULL;
}

void
mux_end_requests(struct mux *m)
{
	struct global_request *r;

	while ((r = TAILQ_FIRST(&m->requests)) != NULL) {
		TAILQ_REMOVE(&m->requests, r, next);
		if (r->answered != NULL)
			r->answered(r->arg, MUX_REFUSED, r->port);
		free(r);
	}
}

/*
 * Has the service listen, or stop listening, as one of the four requests says.
 * *chosen is set to the port where the client left it to us.
 */
static bool
serve_listen_request(struct mux *m, enum listen_request kind, struct wire *w,
    uint16_t *chosen)
{
	bool cancel = kind == LISTEN_TCP_CANCEL || kind == LISTEN_UNIX_CANCEL;
	struct address at;
	uint32_t port = 0;
	uint16_t got;

	memset(&at, 0, sizeof(at));
	if (kind == LISTEN_TCP || kind == LISTEN_TCP_CANCEL) {
		at.kind = ADDRESS_TCP;
		wire_text(w, at.host, sizeof(at.host));
		port = wire_u32(w);
	} else {
		at.kind = ADDRESS_UNIX;
		wire_text(w, at.path, sizeof(at.path));
	}
	if (w->bad || port > 65535)
		return false;
	at.port = got = (uint16_t)port;
	if (!m->service.listen(m->arg, &at, cancel, &got))
		return false;
	if (kind == LISTEN_TCP && port == 0)
		*chosen = got;
	return true;
}

/*
 * Answers a request of the peer.  A server's clients may ask for listeners;
 * all else is refused, as hostkeys-00@openssh.com is by a client.
 */
void
mux_on_request(struct mux *m, struct wire *w)
{
	static const char *const names[] = {
		[LISTEN_TCP] = "tcpip-forward",
		[LISTEN_TCP_CANCEL] = "cancel-tcpip-forward",
		[LISTEN_UNIX] = "streamlocal-forward@openssh.com",
		[LISTEN_UNIX_CANCEL] =
		    "cancel-streamlocal-forward@openssh.com"
	};
	uint8_t b[5], *p = b;
	struct iovec iov = { b, 1 };
	uint16_t chosen = 0;
	size_t i, len;
	const uint8_t *name = wire_string(w, &len);
	bool wanted = wire_bool(w), ok = false, taken;

	if (w->bad)
		return;
	if (!m->served)
		connection_asked(m->connection);
	taken = connection_is_asked(m->connection, name, len, w, &ok);
	for (i = 0; !taken && m->service.listen != NULL && i < NLISTEN; i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			ok = serve_listen_request(m, (enum listen_request)i, w,
			    &chosen);
	if (!wanted)
		return;
	*p++ = ok ? MSG_REQUEST_SUCCESS : MSG_REQUEST_FAILURE;
	if (chosen != 0)
		p = wire_put_u32(p, chosen);
	iov.iov_len = (size_t)(p - b);
	mux_send(m, &iov, 1);
}
