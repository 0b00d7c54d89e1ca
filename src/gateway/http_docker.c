/*
 * An agent's Docker API over HTTP: one request of libevent's server becomes
 * one on a connection to the agent's Muzzle, whose answer is passed on as it
 * comes.  To the relay this is an endpoint, like a client's socket.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>

#include "orthrus/base/mem.h"
#include "orthrus/http/message.h"
#include "orthrus/relay/relay.h"

#include "gateway.h"
#include "http.h"

#define BACKLOG_MAX (256 * 1024)	/* unread by the client */

struct bridge {
	struct endpoint ep;		/* first */
	struct http *http;
	struct http_conn *conn;		/* NULL: the client has left */
	struct evhttp_request *req;
	bool head_only;			/* asked with HEAD */
	char *question;			/* for the Muzzle */
	size_t asked, question_len;
	struct buffer head;		/* of its answer, until it is whole */
	size_t seen;
	bool told;			/* the client has got the head */
	bool whole;			/* and will have got all of it */
	enum http_framing framing;
	uint64_t left;			/* FRAMING_LENGTH */
	struct http_chunks chunks;
	bool want_write;
	struct event *over;		/* soon: nothing more is to be moved */
};

/* --- the answer's head -------------------------------------------- */

/* The header lines that http_answer_read() kept. */
static void
pass_headers(struct bridge *b, const struct http_answer *a)
{
	char *lines = xcalloc(1, a->kept_len + 1), *rest = lines, *line, *value;

	memcpy(lines, a->kept, a->kept_len);
	while ((line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, "\r")] = '\0';
		if ((value = strchr(line, ':')) == NULL)
			continue;
		*value++ = '\0';
		http_header(b->req, line, value + strspn(value, " \t"));
	}
	free(lines);
	http_header(b->req, "X-Content-Type-Options", "nosniff");
}

static void
begin_reply(struct bridge *b, const struct http_answer *a)
{
	char length[24];

	pass_headers(b, a);
	/* That of an answer to HEAD is told, though nothing follows. */
	if (a->framing == FRAMING_LENGTH || (b->head_only && a->length > 0)) {
		snprintf(length, sizeof(length), "%llu",
		    (unsigned long long)a->length);
		http_header(b->req, "Content-Length", length);
	}
	b->told = true;
	b->framing = a->framing;
	b->left = a->length;
	b->whole = a->framing == FRAMING_NONE ||
	    (a->framing == FRAMING_LENGTH && a->length == 0);
	evhttp_send_reply_start(b->req, a->status, NULL);
}

/*
 * Takes the head when it is complete: how many of the n bytes were its, 0 when
 * all were and there must be more, or -1.
 */
static long
take_head(struct bridge *b, const uint8_t *p, size_t n)
{
	static struct http_answer a;
	size_t before = b->head.len;
	const char *why;
	int status;
	long end;

	if (n > b->head.max - before)
		n = b->head.max - before;
	buffer_put(&b->head, p, n);
	end = http_head_end(buffer_head(&b->head), b->head.len,
	    HTTP_ANSWER_HEAD_MAX, &b->seen, &status);
	if (end == -1 || (end > 0 && (http_answer_read(buffer_head(&b->head),
	    (size_t)end, b->head_only, &a, &why) == -1 || a.status < 200)))
		return -1;
	if (end == 0)
		return 0;
	buffer_clear(&b->head);
	begin_reply(b, &a);
	return end - (long)before;
}

/* --- the answer's body -------------------------------------------- */

static void
on_written(struct evhttp_connection *evcon, void *arg)
{
	struct bridge *b = arg;

	(void)evcon;
	if (b->want_write)
		relay_writable(&b->ep);
}

/* Takes payload out of its chunks: 0, or -1. */
static int
unchunk(struct bridge *b, const uint8_t *p, size_t n, struct evbuffer *out)
{
	const uint8_t *data;
	size_t len;
	long used;

	while (n > 0 && !b->whole) {
		used = http_chunks_read(&b->chunks, p, n, &data, &len,
		    &b->whole);
		if (used == -1)
			return -1;
		evbuffer_add(out, data, len);
		p += used;
		n -= (size_t)used;
	}
	return 0;
}

static int
take_body(struct bridge *b, const uint8_t *p, size_t n)
{
	struct evbuffer *out = evbuffer_new();
	int rc = 0;

	if (b->framing == FRAMING_CHUNKED)
		rc = unchunk(b, p, n, out);
	else if (!b->whole) {
		if (n > b->left)
			n = (size_t)b->left;
		evbuffer_add(out, p, n);
		b->left -= n;
		b->whole = b->left == 0;
	}
	evhttp_send_reply_chunk_with_cb(b->req, out, on_written, b);
	evbuffer_free(out);
	return rc;
}

/* --- what the relay asks ------------------------------------------ */

static void
on_over(evutil_socket_t fd, short what, void *arg)
{
	struct bridge *b = arg;

	(void)fd;
	(void)what;
	relay_abort(b->ep.relay);
}

static ssize_t
bridge_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct bridge *b = (struct bridge *)ep;
	size_t n = b->question_len - b->asked;

	/* No end follows: that would mean that the client has gone. */
	if (n == 0) {
		errno = EAGAIN;
		return -1;
	}
	*p = (const uint8_t *)b->question + b->asked;
	return (ssize_t)(n < max ? n : max);
}

static void
bridge_consume(struct endpoint *ep, size_t n)
{
	((struct bridge *)ep)->asked += n;
}

static size_t
bridge_room(struct endpoint *ep)
{
	const struct bridge *b = (const struct bridge *)ep;
	size_t backlog = http_conn_backlog(b->conn);

	return backlog < BACKLOG_MAX ? BACKLOG_MAX - backlog : 0;
}

static ssize_t
bridge_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct bridge *b = (struct bridge *)ep;
	long head = 0;
	int rc = 0;

	if (!b->told) {
		head = take_head(b, p, n);
		if (head == -1)
			rc = -1;
	}
	if (rc == 0 && b->told)
		rc = take_body(b, p + head, n - (size_t)head);
	if (rc == -1 || b->whole)
		event_active(b->over, EV_TIMEOUT, 0);
	if (rc == 0)
		return (ssize_t)n;
	errno = EPROTO;
	return -1;
}

static int
bridge_finish(struct endpoint *ep)
{
	event_active(((struct bridge *)ep)->over, EV_TIMEOUT, 0);
	return 0;
}

static void
bridge_watch(struct endpoint *ep, bool readable, bool writable)
{
	(void)readable;
	((struct bridge *)ep)->want_write = writable;
}

/* What the client gets at the end depends on what it has got. */
static void
end_reply(struct bridge *b)
{
	if (b->whole)
		evhttp_send_reply_end(http_conn_release(b->conn));
	else if (b->told)
		http_conn_cut(b->conn);
	else
		http_message(http_conn_release(b->conn), 502, "the connection "
		    "to the agent ended before there was an answer");
}

static void
bridge_close(struct endpoint *ep, bool aborted)
{
	struct bridge *b = (struct bridge *)ep;

	(void)aborted;
	b->http->ndocker--;
	if (b->conn != NULL)
		end_reply(b);
	event_free(b->over);
	buffer_clear(&b->head);
	free(b->question);
	free(b);
}

static const struct endpoint_ops bridge_ops = {
	bridge_peek, bridge_consume, bridge_room, bridge_write, bridge_finish,
	bridge_watch, bridge_close, NULL
};

/* --- the question ------------------------------------------------- */

static const char *
method_name(enum evhttp_cmd_type method)
{
	switch (method) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_HEAD:
		return "HEAD";
	case EVHTTP_REQ_POST:
		return "POST";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_DELETE:
		return "DELETE";
	case EVHTTP_REQ_OPTIONS:
		return "OPTIONS";
	case EVHTTP_REQ_TRACE:
		return "TRACE";
	default:
		return "PATCH";
	}
}

static void
on_gone(void *arg)
{
	struct bridge *b = arg;

	b->conn = NULL;
	relay_abort(b->ep.relay);
}

/* Answers what no Muzzle need be asked: true when it was. */
static bool
is_answered(const struct http *h, struct evhttp_request *req,
    const struct agent *a)
{
	if (a->session == NULL) {
		http_message(req, 502, "%s", a->away);
		return true;
	}
	if (req->minor == 0) {	/* an answer that was cut would look whole */
		http_message(req, 505, "the Docker API needs HTTP/1.1");
		return true;
	}
	if (h->ndocker == HTTP_DOCKER_MAX) {
		http_message(req, 503, "too many requests to Docker at once");
		return true;
	}
	return false;
}

void
http_docker(struct http *h, struct http_conn *c, struct evhttp_request *req,
    struct agent *a, const char *target)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	struct bridge *b;

	if (is_answered(h, req, a))
		return;
	h->ndocker++;
	b = xcalloc(1, sizeof(*b));
	b->ep.ops = &bridge_ops;
	b->http = h;
	b->conn = c;
	b->req = req;
	b->head_only = method == EVHTTP_REQ_HEAD;
	buffer_init(&b->head, HTTP_ANSWER_HEAD_MAX);
	b->question = xasprintf("%s %s%s HTTP/1.1\r\nHost: docker\r\n"
	    "Connection: close\r\n\r\n", method_name(method),
	    *target == '/' ? "" : "/", target);
	b->question_len = strlen(b->question);
	b->over = evtimer_new(h->gateway->base, on_over, b);
	http_conn_hold(c, req, true, on_gone, b);
	stream_docker_endpoint(a, &b->ep);
	relay_readable(&b->ep);
}
