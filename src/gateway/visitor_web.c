/* SPDX-License-Identifier: ISC */
/*
 * HTTP with a stranger: one request after the other gets the answer of a web
 * server that has no pages, until one shows that more is known of us.
 */
#include "config.h"

#include <errno.h>

#include "orthrus/base/loop.h"
#include "orthrus/http/message.h"
#include "orthrus/http/web.h"
#include "orthrus/proto/server.h"
#include "orthrus/proto/upgrade.h"
#include "orthrus/transport/transport.h"

#include "front_private.h"

#define READ_SIZE 4096		/* a turn */
#define IDLE_MS 60000		/* between two requests */
#define LINGER_MS 2000		/* for the client to see our end */

void
web_begin(struct visitor *v)
{
	buffer_init(&v->in, WEB_HEAD_MAX);
	buffer_init(&v->out, WEB_ANSWER_MAX);
	timer_set(v->deadline, HANDSHAKE_MS);
	event_active(v->readable, EV_READ, 0);
}

bool
web_was_slow(const struct visitor *v)
{
	return !v->lingers && (v->in.len > 0 || v->out.len > 0 || v->skip > 0);
}

bool
web_wants_ssh(const struct visitor *v)
{
	return v->in.len > 0 && upgrade_look(buffer_head(&v->in), v->in.len,
	    SERVER_PATH) == UPGRADE_WANTED;
}

bool
web_may_ask(const struct visitor *v)
{
	const struct front *f = v->front;
	struct http_request r;
	const char *why;
	size_t seen = 0;
	int status;
	long n;

	if (!v->secure || f->api == NULL || v->in.len == 0)
		return false;
	n = http_head_end(buffer_head(&v->in), v->in.len, WEB_HEAD_MAX, &seen,
	    &status);
	return n > 0 && http_request_read(buffer_head(&v->in), (size_t)n, &r,
	    &why) == 0 && f->api->may(f->arg, &r);
}

struct transport *
web_give_back(struct visitor *v)
{
	struct transport *t = transport_unread(v->t, buffer_head(&v->in),
	    v->in.len);

	v->t = NULL;
	buffer_clear(&v->in);
	return t;
}

/* --- steps ------------------------------------------------------------ */

/* Each of them says what comes next. */
enum step { STEP_ON, STEP_READ, STEP_WRITE, STEP_OVER };

static enum step
send_answer(struct visitor *v)
{
	ssize_t n = 0;

	while (v->out.len > 0) {
		n = transport_write(v->t, buffer_head(&v->out), v->out.len);
		if (n == -1)
			return errno == EAGAIN ? STEP_WRITE : STEP_OVER;
		buffer_drop(&v->out, (size_t)n);
	}
	if (!v->last)
		return STEP_ON;
	/* What comes now is dropped, so that our last words arrive. */
	v->lingers = true;
	arrival_speaks(v->arrival, false);
	timer_set(v->deadline, LINGER_MS);
	return transport_finish(v->t) == 0 ? STEP_READ : STEP_OVER;
}

/* What has arrived is a body's, or is kept. */
static void
take_input(struct visitor *v, const uint8_t *p, size_t n)
{
	size_t skip = n < v->skip ? n : (size_t)v->skip;

	if (v->lingers)
		return;
	v->skip -= skip;
	if (n > skip && v->in.len == 0)
		timer_set(v->deadline, HANDSHAKE_MS);
	if (n > skip)
		buffer_put(&v->in, p + skip, n - skip);
}

static enum step
read_more(struct visitor *v)
{
	uint8_t p[READ_SIZE];
	size_t room = v->lingers ? sizeof(p) : v->in.max - v->in.len;
	ssize_t n;

	n = transport_read(v->t, p, room < sizeof(p) ? room : sizeof(p));
	if (n == -1 && errno == EAGAIN)
		return STEP_READ;
	if (n <= 0)
		return STEP_OVER;
	take_input(v, p, (size_t)n);
	return STEP_ON;
}

/* The next request's, if all of its head is there. */
static enum step
make_answer(struct visitor *v)
{
	struct web_request r;
	size_t n, skip;

	if (v->in.len == 0 || web_wants_ssh(v) || web_may_ask(v))
		return STEP_READ;
	if ((n = web_read(buffer_head(&v->in), v->in.len, &r)) == 0)
		return STEP_READ;
	buffer_drop(&v->in, n);
	skip = v->in.len < r.skip ? v->in.len : (size_t)r.skip;
	buffer_drop(&v->in, skip);
	v->skip = r.skip - skip;
	v->last = !r.keep_alive;
	web_answer(&r, &v->out);
	timer_set(v->deadline, v->in.len > 0 || v->skip > 0 ? HANDSHAKE_MS :
	    IDLE_MS);
	return STEP_ON;
}

bool
web_turn(struct visitor *v)
{
	enum step step = v->out.len > 0 ? STEP_ON : read_more(v);

	if (v->lingers)
		step = step == STEP_OVER ? STEP_OVER : STEP_READ;
	else if (step == STEP_READ)
		step = make_answer(v);
	while (step == STEP_ON) {
		step = v->out.len > 0 ? send_answer(v) : STEP_ON;
		if (step == STEP_ON)
			step = make_answer(v);
	}
	if (step == STEP_READ) {
		event_add(v->readable, NULL);
		if (transport_holds_input(v->t))
			event_active(v->readable, EV_READ, 0);
	} else if (step == STEP_WRITE)
		event_add(v->writable, NULL);
	return step != STEP_OVER;
}
