/*
 * One client: reads a request, has it judged, asks the engine, passes the
 * answer on, and again.  To the relay it is an endpoint; what it does is put
 * off to an event of its own, so that the relay is never called from inside
 * its own calls.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/http/message.h"
#include "orthrus/relay/relay.h"

#include "answer.h"
#include "engine.h"
#include "private.h"
#include "target.h"

enum state {
	STATE_IDLE,		/* for the next request's head */
	STATE_ASKED,		/* for the engine's answer */
	STATE_CLOSING		/* what is in out, then the end */
};

struct connection {
	struct endpoint ep;	/* first */
	struct muzzle *m;
	enum state state;
	struct event *work;	/* soon: the next step */
	struct event *timer;
	struct engine *engine;	/* kept from one request to the next */
	bool engine_used;	/* it has answered before: may be stale */
	struct buffer in, out;
	size_t seen;		/* of in, for http_head_end() */
	struct verdict *verdict;	/* of the request under way */
	struct answer answer;
	size_t held;		/* counted in m->held */
	bool stream;		/* counted in m->streams */
	bool last;		/* no request after this one */
	bool ended;		/* the client sends no more */
	bool broken;		/* the answer was cut: must not look whole */
	bool want_read, want_write;	/* watch() */
	bool closed;
	size_t left;		/* of out at the last look */
	unsigned stuck;		/* looks without a change */
};

static void step(struct connection *c);

static void
soon(struct connection *c)
{
	if (!c->closed)
		event_active(c->work, EV_TIMEOUT, 0);
}

static void
set_timer(struct connection *c, unsigned seconds)
{
	timer_set(c->timer, seconds * 1000);
}

/*
 * What large answers take, of this connection and of all: those that are put
 * together, and those that the client has not read.
 */
static void
recount(struct connection *c)
{
	size_t now = c->verdict == NULL ? 0 : c->answer.body.len;

	if (c->out.len > 4 * OUT_HIGH)
		now += c->out.len;
	c->m->held += now - c->held;
	c->held = now;
}

/* --- the end of a request, and of the connection ------------------ */

static void
forget_request(struct connection *c)
{
	if (c->verdict == NULL)
		return;
	answer_clear(&c->answer);
	recount(c);
	if (c->stream)
		c->m->streams--;
	c->stream = false;
	free(c->verdict);
	c->verdict = NULL;
}

static void
drop_engine(struct connection *c)
{
	engine_free(c->engine);
	c->engine = NULL;
	c->engine_used = false;
}

static void
close_soon(struct connection *c)
{
	forget_request(c);
	drop_engine(c);
	buffer_clear(&c->in);
	c->state = STATE_CLOSING;
	set_timer(c, CLOSE_SECONDS);
	soon(c);
}

/* The client is gone, or must not believe that its answer is whole. */
static void
break_off(struct connection *c)
{
	c->broken = true;
	close_soon(c);
}

static void
next_request(struct connection *c)
{
	forget_request(c);
	if (c->last) {
		close_soon(c);
		return;
	}
	c->state = STATE_IDLE;
	c->seen = 0;
	set_timer(c, c->in.len > 0 ? HEAD_SECONDS : IDLE_SECONDS);
	soon(c);
}

/* An answer of our own to the request under way. */
static void
say(struct connection *c, int status, const char *message)
{
	answer_error(&c->out, status, message,
	    c->verdict != NULL && c->verdict->head, c->last);
	next_request(c);
}

/* --- the engine --------------------------------------------------- */

static void send_request(struct connection *c);

static void
fail(struct connection *c, const char *why)
{
	char text[256];

	muzzle_engine_failed(c->m, why);
	drop_engine(c);
	if (c->answer.told) {
		break_off(c);
		return;
	}
	snprintf(text, sizeof(text), "the Docker engine does not answer as it "
	    "should: %s", why);
	say(c, 502, text);
}

static void
on_engine_lost(void *arg, const char *why)
{
	struct connection *c = arg;
	char text[256];
	bool stale = c->engine_used && !c->answer.begun &&
	    c->answer.raw.len == 0;

	drop_engine(c);
	if (c->state != STATE_ASKED)
		return;
	/* It may have closed just as we asked: once more, where it is safe. */
	if (stale && c->verdict->kind != ANSWER_ACTION) {
		send_request(c);
		return;
	}
	if (c->answer.begun || c->answer.raw.len > 0) {
		fail(c, why);
		return;
	}
	muzzle_engine_failed(c->m, why);
	snprintf(text, sizeof(text), "cannot reach the Docker engine: %s",
	    why);
	say(c, 502, text);
}

static void
on_engine_data(void *arg, const uint8_t *p, size_t n)
{
	struct connection *c = arg;
	const char *why = "bytes that nobody asked for";
	enum answer_state state = ANSWER_BAD;

	if (c->state != STATE_ASKED) {	/* between two requests */
		muzzle_engine_failed(c->m, why);
		drop_engine(c);
		return;
	}
	state = answer_feed(&c->answer, p, n, &c->out, &why);
	recount(c);
	if (state == ANSWER_MORE && c->m->held > HELD_MAX) {
		why = "too many large answers at once";
		state = ANSWER_BAD;
	}
	switch (state) {
	case ANSWER_BAD:
		fail(c, why);
		return;
	case ANSWER_DONE:
		muzzle_engine_answered(c->m);
		c->engine_used = true;
		if (!c->answer.parsed.keep_alive)
			drop_engine(c);
		next_request(c);
		return;
	case ANSWER_MORE:
		break;
	}
	if (c->verdict->kind == ANSWER_WHOLE ||
	    c->verdict->kind == ANSWER_REDACTED)
		set_timer(c, ANSWER_SECONDS);
	engine_pause(c->engine, c->out.len >= OUT_HIGH);
	soon(c);
}

static void
send_request(struct connection *c)
{
	static const struct engine_events events = {
		on_engine_data, on_engine_lost
	};
	static char text[sizeof(((struct verdict *)0)->target) + 256];
	const struct verdict *v = c->verdict;
	int n;

	/* An action is not tried twice, so that it needs one that is fresh. */
	if (c->engine != NULL && (v->kind == ANSWER_ACTION ||
	    !engine_is_quiet(c->engine)))
		drop_engine(c);
	if (c->engine == NULL)
		c->engine = engine_new(c->m->base, c->m->dialer,
		    &c->m->engine, c->m->remote ? &c->m->way : NULL,
		    &events, c);
	engine_pause(c->engine, false);
	n = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: docker\r\n"
	    "User-Agent: orthrus/" PACKAGE_VERSION "\r\nAccept: */*\r\n%s\r\n",
	    v->method, v->target, v->kind == ANSWER_ACTION ?
	    "Content-Length: 0\r\n" : "");
	engine_send(c->engine, text, (size_t)n);
}

/* --- requests ----------------------------------------------------- */

static void
malformed(struct connection *c, int status, const char *reason)
{
	struct verdict v = { .status = status, .rule = "none",
	    .route_class = "malformed" };

	snprintf(v.reason, sizeof(v.reason), "%s", reason);
	muzzle_refused(c->m, &v);
	c->last = true;
	say(c, status, reason);
}

/* What the policy cannot see: browsers, foreign names, too many streams. */
static void
check_circumstances(struct connection *c, const struct http_request *r,
    struct verdict *v)
{
	enum caller_kind kind = caller_judge(&r->caller, c->m->policy.hosts);
	const char *why = NULL;
	int status = 403;

	if (r->body)	/* what follows could pass for a request */
		c->last = true;
	if (kind == CALLER_FOREIGN) {
		why = "a Host that DNS can answer for is refused, lest it led "
		    "a web page here; the host's owner can list it with "
		    "--docker-host NAME";
		verdict_about(v, r->caller.host, r->caller.host_len);
	} else if (kind == CALLER_PAGE)
		why = "requests from a web page are not answered; the host's "
		    "owner can list a dashboard's own site with --docker-host "
		    "NAME";
	else if (v->status == 0 && r->body) {
		why = "a body is not allowed";
		status = 400;
	} else if (v->status == 0 && v->kind == ANSWER_STREAM &&
	    c->m->streams >= MUZZLE_STREAMS_MAX) {
		why = "too many streams at once";
		status = 429;
	} else if (v->status == 0 && c->m->held >= HELD_MAX &&
	    (v->kind == ANSWER_REDACTED || r->http10)) {
		why = "too many large answers at once";
		status = 503;
	} else if (v->status == 0 && v->kind == ANSWER_STREAM && r->http10) {
		why = "a stream needs HTTP/1.1";
		status = 505;
	}
	if (why == NULL)
		return;
	v->status = status;
	snprintf(v->reason, sizeof(v->reason), "%s", why);
}

static void
judge(struct connection *c, const struct http_request *r)
{
	static struct verdict judged;	/* much too large to keep whole */
	char text[VERDICT_TEXT_MAX];
	struct verdict *v;
	size_t size;

	if (!r->keep_alive)
		c->last = true;
	policy_judge(&c->m->policy, r->method, r->target, r->target_len,
	    &judged);
	size = offsetof(struct verdict, target) + strlen(judged.target) + 1;
	c->verdict = v = xreallocarray(NULL, 1, size);
	memcpy(v, &judged, size);
	check_circumstances(c, r, v);
	if (v->status != 0) {
		/* Who writes such a target may mean anything after it. */
		if (v->status == 400 || v->status == 414)
			c->last = true;
		muzzle_refused(c->m, v);
		v->head = strcmp(r->method, "HEAD") == 0;
		verdict_text(v, text);
		say(c, v->status, text);
		return;
	}
	c->m->allowed++;
	c->state = STATE_ASKED;
	c->stream = v->kind == ANSWER_STREAM;
	c->m->streams += c->stream;
	answer_begin(&c->answer, v, r->http10, c->last);
	if (c->stream)
		evtimer_del(c->timer);
	else
		set_timer(c, v->kind == ANSWER_ACTION ? ACTION_SECONDS :
		    ANSWER_SECONDS);
	send_request(c);
}

/* The next request, if its head is there. */
static void
read_request(struct connection *c)
{
	struct http_request r;
	const char *reason;
	int status = 0;
	long n;

	n = c->in.len == 0 ? 0 : http_head_end(buffer_head(&c->in), c->in.len,
	    HTTP_HEAD_MAX, &c->seen, &status);
	if (n == 0) {
		if (c->ended)
			close_soon(c);
		return;
	}
	if (n == -1) {
		malformed(c, status, status == 431 ?
		    "the request's head is longer than 16 KiB" :
		    "a line that does not end with CR LF, or a NUL");
		return;
	}
	status = http_request_read(buffer_head(&c->in), (size_t)n, &r,
	    &reason);
	if (status != 0)
		malformed(c, status, reason);
	else
		judge(c, &r);
	if (c->state == STATE_CLOSING)
		return;
	buffer_drop(&c->in, (size_t)n);
	if (c->state == STATE_IDLE)
		set_timer(c, c->in.len > 0 ? HEAD_SECONDS : IDLE_SECONDS);
}

/* --- steps -------------------------------------------------------- */

/*
 * The client ended its side during a stream, which most often means that it
 * has gone: nobody would tell us later.  One that is known to listen on is
 * looked at again.
 */
static void
look_after_stream(struct connection *c)
{
	if (c->ep.relay != NULL && relay_peer_reads(&c->ep) == 1)
		timer_set(c->timer, GONE_MS);
	else
		break_off(c);
}

static void
step(struct connection *c)
{
	/* Behind a full buffer the client's end would not be seen for long. */
	if (c->state == STATE_ASKED && c->in.len == c->in.max &&
	    (c->stream || c->verdict->kind == ANSWER_ACTION))
		break_off(c);
	if (c->state == STATE_IDLE && (c->in.len > 0 || c->ended) &&
	    c->out.len < OUT_HIGH)
		read_request(c);
	else if (c->state == STATE_ASKED && c->stream && c->ended)
		look_after_stream(c);
	else if (c->state == STATE_ASKED && c->ended && c->ep.relay != NULL &&
	    relay_peer_reads(&c->ep) == 0)
		break_off(c);
	if (c->want_read && c->ep.relay != NULL &&
	    (c->out.len > 0 || c->state == STATE_CLOSING))
		relay_readable(&c->ep);
	if (!c->closed && c->want_write && c->ep.relay != NULL)
		relay_writable(&c->ep);
}

static void
on_work(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	if (!c->closed)
		step(c);
}

/*
 * The client has an answer to read.  It may take its time over what is small,
 * as a pager does; who takes next to nothing of a large one is cut off.
 */
static void
wait_for_reader(struct connection *c)
{
	bool small = c->state != STATE_CLOSING && c->out.len <= 4 * OUT_HIGH;

	if (c->out.len + READ_LEAST <= c->left || c->left == 0)
		c->stuck = 0;
	else if (!small && ++c->stuck >= READ_TRIES) {
		if (c->ep.relay != NULL)
			relay_abort(c->ep.relay);
		return;
	}
	c->left = c->out.len;
	set_timer(c, READ_SECONDS);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	if (!c->stream && c->out.len >= OUT_HIGH / 2) {
		wait_for_reader(c);
		return;
	}
	switch (c->state) {
	case STATE_IDLE:
		if (c->in.len > 0)
			malformed(c, 408, "the request's head did not come "
			    "within 10 s");
		else
			close_soon(c);
		break;
	case STATE_ASKED:
		if (c->stream)
			look_after_stream(c);
		else
			fail(c, "it was silent for too long");
		break;
	case STATE_CLOSING:
		if (c->out.len > 0)
			wait_for_reader(c);
		else if (c->ep.relay != NULL)
			relay_abort(c->ep.relay);
		break;
	}
}

/* --- what the relay asks ------------------------------------------ */

static ssize_t
conn_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct connection *c = (struct connection *)ep;

	if (c->out.len > 0) {
		*p = buffer_head(&c->out);
		return (ssize_t)(c->out.len < max ? c->out.len : max);
	}
	if (c->state == STATE_CLOSING && !c->broken)
		return 0;
	errno = c->broken ? ECONNRESET : EAGAIN;
	return -1;
}

static void
conn_consume(struct endpoint *ep, size_t n)
{
	struct connection *c = (struct connection *)ep;

	buffer_drop(&c->out, n);
	recount(c);
	if (c->out.len < OUT_HIGH / 2) {
		if (c->engine != NULL)
			engine_pause(c->engine, false);
		/* It is not the reader any more who is waited for. */
		if (c->left > 0 && !c->stream && c->state != STATE_CLOSING)
			set_timer(c, c->state == STATE_IDLE ? IDLE_SECONDS :
			    ANSWER_SECONDS);
		c->left = 0;
	}
	if (c->state == STATE_CLOSING || (c->state == STATE_IDLE &&
	    (c->in.len > 0 || c->ended)))
		soon(c);
}

static size_t
conn_room(struct endpoint *ep)
{
	struct connection *c = (struct connection *)ep;

	return c->state == STATE_CLOSING ? SIZE_MAX : c->in.max - c->in.len;
}

static ssize_t
conn_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct connection *c = (struct connection *)ep;

	if (c->state == STATE_CLOSING)	/* so that our last words arrive */
		return (ssize_t)n;
	if (n > c->in.max - c->in.len)
		n = c->in.max - c->in.len;
	if (n == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (c->in.len == 0 && c->state == STATE_IDLE)
		set_timer(c, HEAD_SECONDS);
	buffer_put(&c->in, p, n);
	soon(c);
	return (ssize_t)n;
}

static int
conn_finish(struct endpoint *ep)
{
	struct connection *c = (struct connection *)ep;

	c->ended = true;
	soon(c);
	return 0;
}

static void
conn_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct connection *c = (struct connection *)ep;

	c->want_read = readable;
	c->want_write = writable;
	if ((readable && (c->out.len > 0 || c->state == STATE_CLOSING)) ||
	    (writable && conn_room(ep) > 0))
		soon(c);
}

static void
conn_finalize(struct event *ev, void *arg)
{
	struct connection *c = arg;

	(void)ev;
	event_free(c->timer);
	free(c);
}

static void
conn_close(struct endpoint *ep, bool aborted)
{
	struct connection *c = (struct connection *)ep;

	(void)aborted;
	c->closed = true;
	forget_request(c);
	drop_engine(c);
	buffer_clear(&c->in);
	buffer_clear(&c->out);
	recount(c);
	c->m->clients--;
	event_del(c->timer);
	event_del(c->work);
	event_free_finalize(0, c->work, conn_finalize);
}

static const struct endpoint_ops connection_ops = {
	conn_peek, conn_consume, conn_room, conn_write, conn_finish,
	conn_watch, conn_close, NULL
};

struct endpoint *
muzzle_endpoint_new(struct muzzle *m)
{
	struct connection *c = xcalloc(1, sizeof(*c));

	c->ep.ops = &connection_ops;
	c->m = m;
	buffer_init(&c->in, HTTP_HEAD_MAX);
	buffer_init(&c->out, ANSWER_OUT_MAX);
	c->work = evtimer_new(m->base, on_work, c);
	c->timer = evtimer_new(m->base, on_timer, c);
	set_timer(c, HEAD_SECONDS);
	if (m->clients++ >= MUZZLE_CLIENTS_MAX) {
		c->last = true;
		malformed(c, 503, "too many clients at once");
	}
	return &c->ep;
}
