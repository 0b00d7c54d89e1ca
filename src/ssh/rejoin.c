/* SPDX-License-Identifier: ISC */
/*
 * What a connection to a server begins with: SSH's identification, and it will
 * be a session that logs in, or a request to go on with a session that has lost
 * its link.  Nothing of that session changes before it is proven who asks.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/transport/handshake.h"
#include "orthrus/transport/transport.h"

#include "inbound_private.h"

struct rejoin {
	struct handshake head;		/* first: of a request */
	struct inbound *in;
	struct transport *t;		/* until it is the session's, or run's */
	struct event *first;		/* its first byte is there */
	struct handshake_run *run;
	bool challenged;
	struct resume_exchange x;
	uint8_t bytes[RESUME_REQUEST_LEN];	/* of a request or proof */
	size_t n;
};

void
rejoin_free(struct rejoin *r)
{
	if (r == NULL)
		return;
	event_free(r->first);
	handshake_cancel(r->run);
	transport_free(r->t);
	free(r);
}

/* --- a request -------------------------------------------------------- */

static enum handshake_result
refuse_request(struct transport *t, struct error *e, const char *why)
{
	uint8_t refusal[RESUME_REFUSAL_LEN];

	resume_put_refusal(refusal);
	transport_write(t, refusal, sizeof(refusal));
	error_set(e, EX_NOPERM, "%s", why);
	return HANDSHAKE_FAILED;
}

/*
 * Reads up to len bytes of a message, and none behind it: HANDSHAKE_DONE when
 * it is complete.
 */
static enum handshake_result
read_message(struct rejoin *r, struct transport *t, size_t len,
    struct error *e)
{
	ssize_t n;

	while (r->n < len) {
		n = transport_read(t, r->bytes + r->n, len - r->n);
		if (n == -1 && errno == EAGAIN)
			return HANDSHAKE_READ;
		if (n <= 0) {
			error_set(e, EX_UNAVAILABLE,
			    "the client closed the connection");
			return HANDSHAKE_FAILED;
		}
		r->n += (size_t)n;
	}
	r->n = 0;
	return HANDSHAKE_DONE;
}

/* Shows that we know the session, whoever it may be who asks. */
static enum handshake_result
challenge(struct rejoin *r, struct transport *t, struct error *e)
{
	uint8_t out[RESUME_CHALLENGE_LEN];
	const struct inbound *owner;

	if (!resume_read_request(&r->x, r->bytes))
		return refuse_request(t, e, "its request to resume is none");
	owner = inbound_resumable(r->in->acceptor, r->x.id);
	if (owner == NULL) {
		r->in->excused = true;
		return refuse_request(t, e, "there is no session to resume "
		    "(any more)");
	}
	randombytes_buf(r->x.server_nonce, sizeof(r->x.server_nonce));
	r->x.server_received = resume_received(&owner->resume);
	resume_put_challenge(&r->x, owner->resume.secret, out);
	if (transport_write(t, out, sizeof(out)) != (ssize_t)sizeof(out)) {
		error_set(e, EX_UNAVAILABLE, "it cannot be answered");
		return HANDSHAKE_FAILED;
	}
	r->challenged = true;
	return HANDSHAKE_DONE;
}

/* The session may have ended meanwhile, or gone on elsewhere. */
static struct inbound *
proven_owner(struct rejoin *r, struct error *e)
{
	struct inbound *owner = inbound_resumable(r->in->acceptor, r->x.id);

	if (owner == NULL)
		error_set(e, EX_NOPERM, "the session has ended");
	else if (!resume_read_proof(&r->x, owner->resume.secret, r->bytes)) {
		r->in->failures++;
		error_set(e, EX_NOPERM, "it has not proven that the session is "
		    "its own");
	} else if (!resume_possible(&owner->resume, r->x.client_received))
		error_set(e, EX_NOPERM, "it has not received what is not kept "
		    "any more");
	else
		return owner;
	return NULL;
}

static enum handshake_result
rejoin_go_on(struct handshake *head, struct transport **t, struct error *e)
{
	struct rejoin *r = (struct rejoin *)head;
	enum handshake_result rc = HANDSHAKE_DONE;

	if (!r->challenged)
		rc = read_message(r, *t, RESUME_REQUEST_LEN, e);
	if (rc == HANDSHAKE_DONE && !r->challenged)
		rc = challenge(r, *t, e);
	if (rc == HANDSHAKE_DONE)
		rc = read_message(r, *t, RESUME_PROOF_LEN, e);
	if (rc == HANDSHAKE_DONE && proven_owner(r, e) == NULL)
		rc = HANDSHAKE_FAILED;
	return rc;
}

static const char *
rejoin_awaited(const struct handshake *h)
{
	return ((const struct rejoin *)h)->challenged ? "its proof" :
	    "its request";
}

/* It is the session's to free. */
static void
rejoin_keep(struct handshake *h)
{
	(void)h;
}

static void
on_rejoined(void *arg, struct transport *t, const struct error *why)
{
	struct rejoin *r = arg;
	struct inbound *in = r->in, *owner;

	r->run = NULL;
	if (t == NULL) {
		inbound_drop(in, why->text);
		return;
	}
	owner = inbound_resumable(in->acceptor, r->x.id);
	inbound_rejoin(owner, t, &in->place, r->x.client_received,
	    r->x.server_received);
	inbound_free(in);
}

static void
take_request(struct rejoin *r)
{
	static const struct handshake_ops ops = {
		"resuming", rejoin_go_on, rejoin_awaited, rejoin_keep
	};
	struct transport *t = r->t;

	r->head.ops = &ops;
	r->t = NULL;
	r->run = handshake_run(r->in->acceptor->base, t, &r->head,
	    HANDSHAKE_MS, on_rejoined, r);
}

/* --- the first byte --------------------------------------------------- */

/*
 * Looks at it without taking it, as far as a transport can: 1, or what
 * transport_read() says.
 */
static ssize_t
look(struct rejoin *r, uint8_t *first)
{
	ssize_t n;

	if (!transport_is_socket(r->t)) {
		n = transport_read(r->t, first, 1);
		if (n == 1)
			r->t = transport_unread(r->t, first, 1);
		return n;
	}
	do
		n = recv(r->t->fd, first, 1, MSG_PEEK);
	while (n == -1 && errno == EINTR);
	return n;
}

static void
begin_session(struct rejoin *r)
{
	struct inbound *in = r->in;
	struct transport *t = r->t;

	r->t = NULL;
	rejoin_free(r);
	in->rejoin = NULL;
	if (connection_accepted(in->connection, in->acceptor->bind, t) == -1) {
		inbound_drop(in, "no descriptors are left");
		return;
	}
	login_init(in);
	connection_begin(in->connection);
}

static void
on_first_byte(evutil_socket_t fd, short what, void *arg)
{
	struct rejoin *r = arg;
	uint8_t first;
	ssize_t n;

	(void)fd;
	(void)what;
	loop_doing(LOOP_LOGIN);
	n = look(r, &first);
	if (n == -1 && errno == EAGAIN)
		event_add(r->first, NULL);
	else if (n <= 0)
		inbound_drop(r->in, "the client closed the connection");
	else if (first == RESUME_FIRST)
		take_request(r);
	else
		begin_session(r);
}

void
rejoin_or_begin(struct inbound *in, struct transport *t)
{
	struct rejoin *r = xcalloc(1, sizeof(*r));
	char line[256];
	int n = snprintf(line, sizeof(line), "SSH-2.0-%s\r\n",
	    in->acceptor->version);

	r->in = in;
	r->t = t;
	r->first = event_new(in->acceptor->base, t->fd, EV_READ, on_first_byte,
	    r);
	in->rejoin = r;
	connection_greeted(in->connection, (size_t)n);
	if (transport_write(t, (const uint8_t *)line, (size_t)n) != n) {
		inbound_drop(in, "the client closed the connection");
		return;
	}
	event_add(r->first, NULL);
	if (transport_holds_input(t))
		event_active(r->first, EV_READ, 0);
}
