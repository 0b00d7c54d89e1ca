/* SPDX-License-Identifier: ISC */
/*
 * A connection to a port that takes several protocols, until it is known which
 * it is: its first bytes, TLS, WebSocket.  Who says nothing for a while where
 * SSH is taken, too, is an SSH client that waits for our identification.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/proto/first_bytes.h"
#include "orthrus/proto/server.h"
#include "orthrus/proto/upgrade.h"
#include "orthrus/transport/tls.h"
#include "orthrus/transport/transport.h"
#include "orthrus/transport/websocket.h"

#include "front_private.h"

#define SILENT_MS 500		/* then it waits for us */
#define AGAIN_MS 20		/* between two looks at too few bytes */

static void on_visitor_ready(evutil_socket_t fd, short what, void *arg);

/* --- its end, or what it becomes -------------------------------------- */

static void
unwatch(struct visitor *v)
{
	if (v->readable != NULL)
		event_free(v->readable);
	if (v->writable != NULL)
		event_free(v->writable);
	v->readable = v->writable = NULL;
}

void
visitor_free(struct visitor *v)
{
	unwatch(v);
	event_free(v->deadline);
	handshake_cancel(v->run);
	transport_free(v->t);
	if (v->arrival != NULL)
		arrival_leaves(v->arrival, false);
	buffer_clear(&v->in);
	buffer_clear(&v->out);
	LIST_REMOVE(v, next);
	free(v);
}

static void
visitor_leaves(struct visitor *v, bool too_slow)
{
	arrival_leaves(v->arrival, too_slow);
	v->arrival = NULL;
	visitor_free(v);
}

/* Others need its place. */
static void
on_visitor_evicted(void *arg)
{
	struct visitor *v = arg;

	v->arrival = NULL;
	visitor_free(v);
}

/* It speaks SSH on t, its own transport or what has become of it. */
static void
visitor_enters(struct visitor *v, struct transport *t)
{
	struct arrival *arrival = v->arrival;

	unwatch(v);
	v->arrival = NULL;
	v->t = NULL;
	visitor_free(v);
	arrival_enters(arrival, t);
}

static void
visitor_asks_api(struct visitor *v)
{
	const struct front *f = v->front;
	const struct front_api *api = f->api;
	void *arg = f->arg;
	struct transport *t = web_give_back(v);

	visitor_leaves(v, false);
	api->take(arg, t);
}

/* --- handshakes ------------------------------------------------------- */

static void
watch(struct visitor *v)
{
	v->readable = event_new(v->front->base, v->t->fd, EV_READ,
	    on_visitor_ready, v);
	v->writable = event_new(v->front->base, v->t->fd, EV_WRITE,
	    on_visitor_ready, v);
	event_add(v->readable, NULL);
}

static void
run_handshake(struct visitor *v, struct transport *t, struct handshake *h,
    handshake_done *done)
{
	unwatch(v);
	event_del(v->deadline);
	v->t = NULL;
	v->since = clock_ms();
	v->run = handshake_run(v->front->base, t, h, HANDSHAKE_MS, done, v);
}

static void
handshake_failed(struct visitor *v, const struct error *why)
{
	log_debug("a client did not come in: %s", why->text);
	visitor_leaves(v, clock_ms() - v->since + AGAIN_MS >= HANDSHAKE_MS);
}

static void
on_tls_done(void *arg, struct transport *t, const struct error *why)
{
	struct visitor *v = arg;

	v->run = NULL;
	if (t == NULL)
		handshake_failed(v, why);
	else if (strcmp(tls_alpn(t), TLS_ALPN_SSH) == 0)
		visitor_enters(v, t);
	else {
		v->t = t;
		v->secure = true;
		watch(v);
		web_begin(v);
	}
}

static void
on_websocket_done(void *arg, struct transport *t, const struct error *why)
{
	struct visitor *v = arg;

	v->run = NULL;
	if (t == NULL)
		handshake_failed(v, why);
	else
		visitor_enters(v, t);
}

/* --- its first bytes -------------------------------------------------- */

/* Too few of them cause no further event: they are looked at again soon. */
static void
look_again(struct visitor *v, size_t n)
{
	uint64_t spent = clock_ms() - v->since;
	uint64_t most = v->shared ? SILENT_MS : HANDSHAKE_MS;

	if (spent >= most) {
		if (v->shared)
			visitor_enters(v, v->t);
		else
			visitor_leaves(v, n > 0);
		return;
	}
	timer_set(v->deadline, n > 0 ? AGAIN_MS : most - spent);
	if (n == 0)
		event_add(v->readable, NULL);
}

/* They stay where they are, so that whoever takes over finds them. */
static void
look_at_first_bytes(struct visitor *v)
{
	uint8_t p[FIRST_BYTES_MAX];
	ssize_t n = recv(v->t->fd, p, sizeof(p), MSG_PEEK);
	enum first_bytes who;

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
		visitor_leaves(v, false);
		return;
	}
	who = first_bytes_read(p, n > 0 ? (size_t)n : 0);
	if (who != FIRST_OPEN)
		arrival_speaks(v->arrival, true);
	if (who == FIRST_OPEN)
		look_again(v, n > 0 ? (size_t)n : 0);
	else if (who == FIRST_SSH && v->shared)
		visitor_enters(v, v->t);
	else if (who == FIRST_TLS && v->front->tls != NULL)
		run_handshake(v, v->t, tls_accept(v->front->tls),
		    on_tls_done);
	else
		web_begin(v);
}

/* --- the loop --------------------------------------------------------- */

static bool
speaks_http(const struct visitor *v)
{
	return v->in.max > 0;
}

static void
turn_of_web(struct visitor *v)
{
	if (!web_turn(v))
		visitor_leaves(v, false);
	else if (web_wants_ssh(v))
		run_handshake(v, web_give_back(v),
		    websocket_accept(SERVER_PATH), on_websocket_done);
	else if (web_may_ask(v))
		visitor_asks_api(v);
}

static void
on_visitor_ready(evutil_socket_t fd, short what, void *arg)
{
	struct visitor *v = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_LOGIN);
	if (speaks_http(v))
		turn_of_web(v);
	else
		look_at_first_bytes(v);
}

static void
on_visitor_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct visitor *v = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_LOGIN);
	if (speaks_http(v))
		visitor_leaves(v, web_was_slow(v));
	else
		look_at_first_bytes(v);
}

void
visitor_new(struct front *f, int fd, bool shared)
{
	struct visitor *v = xcalloc(1, sizeof(*v));

	v->front = f;
	v->shared = shared;
	v->since = clock_ms();
	LIST_INSERT_HEAD(&f->visitors, v, next);
	v->deadline = deadline_new(f->base, on_visitor_deadline, v);
	v->t = transport_socket(fd);
	v->arrival = acceptor_arrive(f->acceptor, fd, on_visitor_evicted, v);
	if (v->arrival == NULL) {
		visitor_free(v);
		return;
	}
	watch(v);
	timer_set(v->deadline, shared ? SILENT_MS : HANDSHAKE_MS);
}
