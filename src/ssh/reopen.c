/* SPDX-License-Identifier: ISC */
/* See reopen.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/transport/handshake.h"

#include "reopen.h"

#define DELAY_MIN 100
#define DELAY_MAX 2000
#define LIMIT_MIN 3000		/* even over a satellite, with TLS */
#define LIMIT_MAX HANDSHAKE_MS

uint64_t
reopen_delay(uint64_t elapsed, uint32_t random)
{
	uint64_t delay = elapsed / 8;

	if (delay < DELAY_MIN)
		delay = DELAY_MIN;
	if (delay > DELAY_MAX)
		delay = DELAY_MAX;
	return delay - delay / 2 * (random >> 24) / 255;
}

uint64_t
reopen_limit(uint64_t elapsed)
{
	uint64_t limit = elapsed / 4;

	return limit < LIMIT_MIN ? LIMIT_MIN :
	    limit > LIMIT_MAX ? LIMIT_MAX : limit;
}

/* --- the messages ----------------------------------------------------- */

struct resume_hello {
	struct handshake head;
	struct reopen *reopen;
	struct resume_reader reader;
	bool asked;			/* the request is out */
};

/* A message is short, and the first that goes over the link. */
static bool
send_message(struct transport *t, const uint8_t *p, size_t n, struct error *e)
{
	ssize_t sent = transport_write(t, p, n);

	if (sent == (ssize_t)n)
		return true;
	error_set(e, EX_UNAVAILABLE, "cannot send: %s",
	    transport_why(t, sent == -1 ? errno : EAGAIN));
	return false;
}

static bool
send_request(struct resume_hello *h, struct transport *t, struct error *e)
{
	struct resume_exchange *x = &h->reopen->x;
	uint8_t request[RESUME_REQUEST_LEN];

	memset(x, 0, sizeof(*x));
	memcpy(x->id, h->reopen->resume->id, sizeof(x->id));
	randombytes_buf(x->client_nonce, sizeof(x->client_nonce));
	x->client_received = resume_received(h->reopen->resume);
	resume_put_request(x, request);
	h->asked = send_message(t, request, sizeof(request), e);
	return h->asked;
}

/* The server is ours: it hears that we are its client, and SSH goes on. */
static enum handshake_result
answer_challenge(struct resume_hello *h, struct transport *t, struct error *e)
{
	struct reopen *o = h->reopen;
	uint8_t proof[RESUME_PROOF_LEN];

	if (!resume_read_challenge(&o->x, o->resume->secret,
	    h->reader.bytes)) {
		error_set(e, EX_UNAVAILABLE, "somebody answers there who does "
		    "not know our session");
		return HANDSHAKE_FAILED;
	}
	if (!resume_possible(o->resume, o->x.server_received)) {
		o->refused = true;
		error_set(e, EX_UNAVAILABLE, "the server has not received what "
		    "is not kept any more");
		return HANDSHAKE_FAILED;
	}
	resume_put_proof(&o->x, o->resume->secret, proof);
	return send_message(t, proof, sizeof(proof), e) ? HANDSHAKE_DONE :
	    HANDSHAKE_FAILED;
}

static enum handshake_result
read_failed(struct transport *t, ssize_t n, struct error *e)
{
	if (n == -1 && errno == EAGAIN)
		return HANDSHAKE_READ;
	error_set(e, EX_UNAVAILABLE, "%s", transport_why(t, n == 0 ? 0 :
	    errno));
	return HANDSHAKE_FAILED;
}

static enum handshake_result
resume_go_on(struct handshake *head, struct transport **t, struct error *e)
{
	struct resume_hello *h = (struct resume_hello *)head;
	enum resume_answer answer = RESUME_MORE;
	ssize_t n;

	if (!h->asked && !send_request(h, *t, e))
		return HANDSHAKE_FAILED;
	while (answer == RESUME_MORE) {
		n = transport_read(*t, resume_space(&h->reader),
		    resume_wants(&h->reader));
		if (n <= 0)
			return read_failed(*t, n, e);
		answer = resume_took(&h->reader, (size_t)n);
	}
	if (answer == RESUME_CHALLENGE)
		return answer_challenge(h, *t, e);
	h->reopen->refused = true;
	error_set(e, EX_UNAVAILABLE, answer == RESUME_REFUSAL ?
	    "the server has ended the session" :
	    "the server there does not resume sessions");
	return HANDSHAKE_FAILED;
}

static const char *
resume_awaited(const struct handshake *h)
{
	(void)h;
	return "an answer";
}

static void
resume_hello_free(struct handshake *h)
{
	free(h);
}

static struct handshake *
resume_hello_new(struct reopen *o)
{
	static const struct handshake_ops ops = {
		"resuming", resume_go_on, resume_awaited, resume_hello_free
	};
	struct resume_hello *h = xcalloc(1, sizeof(*h));

	h->head.ops = &ops;
	h->reopen = o;
	return &h->head;
}

/* --- attempts --------------------------------------------------------- */

static uint64_t
elapsed(const struct reopen *o)
{
	return clock_ms() - o->resume->parted_at;
}

static void
cancel_attempt(struct reopen *o)
{
	opening_cancel(o->opening);
	handshake_cancel(o->run);
	o->opening = NULL;
	o->run = NULL;
}

static void
stop_trying(struct reopen *o)
{
	cancel_attempt(o);
	evtimer_del(o->again);
	evtimer_del(o->end);
}

static void
attempt_failed(struct reopen *o, const char *why)
{
	if (o->refused) {
		stop_trying(o);
		o->events->lost(o->arg, why);
		return;
	}
	text_escape(o->why, sizeof(o->why), why, TEXT_PLAIN);
	log_debug("the link is not back: %s", why);
	timer_set(o->again, reopen_delay(elapsed(o), randombytes_random()));
}

static void
on_resumed(void *arg, struct transport *t, const struct error *why)
{
	struct reopen *o = arg;

	o->run = NULL;
	if (t == NULL) {
		attempt_failed(o, why->text);
		return;
	}
	stop_trying(o);
	resume_over(o->resume, t, o->x.server_received, o->x.client_received);
	o->events->back(o->arg);
}

static void
on_reopened(void *arg, struct transport *t, const struct error *why)
{
	struct reopen *o = arg;

	o->opening = NULL;
	if (t == NULL)
		attempt_failed(o, why->text);
	else
		o->run = handshake_run(o->base, t, resume_hello_new(o),
		    HANDSHAKE_MS, on_resumed, o);
}

/* It is time for an attempt, or one has taken its time. */
static void
on_reopen_again(evutil_socket_t fd, short what, void *arg)
{
	struct reopen *o = arg;

	(void)fd;
	(void)what;
	if (o->opening != NULL || o->run != NULL) {
		cancel_attempt(o);
		attempt_failed(o, "it took too long");
		return;
	}
	o->refused = false;
	o->opening = transport_open(o->base, o->dialer, o->server,
	    o->transport, on_reopened, o);
	timer_set(o->again, reopen_limit(elapsed(o)));
}

static void
on_reopen_end(evutil_socket_t fd, short what, void *arg)
{
	struct reopen *o = arg;

	(void)fd;
	(void)what;
	stop_trying(o);
	o->events->lost(o->arg, "its link did not come back in time");
}

void
reopen_start(struct reopen *o, const char *why)
{
	text_escape(o->why, sizeof(o->why), why, TEXT_PLAIN);
	timer_set(o->end, o->window_ms);
	/* Many may have lost their links at once. */
	timer_set(o->again, reopen_delay(0, randombytes_random()) - DELAY_MIN /
	    2);
}

void
reopen_changed(struct reopen *o)
{
	if (o->opening == NULL)
		return;
	cancel_attempt(o);
	timer_set(o->again, 0);
}

/* --- life ------------------------------------------------------------- */

void
reopen_init(struct reopen *o, struct event_base *base, struct dialer *dialer,
    const struct server *server, const struct transport_config *transport,
    struct resume *resume, uint64_t window_ms,
    const struct reopen_events *events, void *arg)
{
	o->base = base;
	o->dialer = dialer;
	o->server = server;
	o->transport = transport;
	o->resume = resume;
	o->window_ms = window_ms;
	o->events = events;
	o->arg = arg;
	o->again = evtimer_new(base, on_reopen_again, o);
	o->end = evtimer_new(base, on_reopen_end, o);
}

void
reopen_clear(struct reopen *o)
{
	if (o->again == NULL)
		return;
	cancel_attempt(o);
	event_free(o->again);
	event_free(o->end);
}
