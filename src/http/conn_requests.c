/* SPDX-License-Identifier: ISC */
/* The requests of one connection: their heads and bodies, as they come. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conn.h"

#define BODY_SECONDS 10		/* for the whole of it */

/*
 * Answers what is no request.  What follows it is not read, because it could
 * pass for one.
 */
void
conn_refuse(struct http_conn *c, int status, bool body, const char *why)
{
	status = c->server->service->refused(c->server->arg, status, body,
	    &why);
	c->last = true;
	conn_release(c, true);
	if (status == 0)
		conn_close_soon(c);
	else
		http_reply_message(c, status, "", "%s", why);
}

void
conn_read_request(struct http_conn *c)
{
	struct http_request r = { .body = false };
	const char *why;
	int status = 0;
	long n;

	n = c->in.len == 0 ? 0 : http_head_end(buffer_head(&c->in), c->in.len,
	    HTTP_HEAD_MAX, &c->seen, &status);
	if (n == 0) {
		if (c->ended)
			conn_close_soon(c);
		return;
	}
	c->head = c->http10 = false;
	if (n == -1) {
		conn_refuse(c, status, false, status == 431 ?
		    "the request's head is longer than 16 KiB" :
		    "a line that does not end with CR LF, or a NUL");
		return;
	}
	status = http_request_read(buffer_head(&c->in), (size_t)n, &r, &why);
	c->head = strcmp(r.method, "HEAD") == 0;
	if (status != 0) {
		conn_refuse(c, status, r.body, why);
		return;
	}
	c->state = CONN_BUSY;
	c->http10 = r.http10;
	c->last |= !r.keep_alive;
	c->server->service->request(c->server->arg, c, &r);
	if (c->state == CONN_CLOSING)
		return;
	buffer_drop(&c->in, (size_t)n);
	if (c->state == CONN_IDLE)
		conn_be_idle(c);
}

void
http_take_body(struct http_conn *c, const struct http_request *r, size_t max)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	c->body = xcalloc(1, sizeof(*c->body));
	c->body->framing = r->framing;
	c->body->left = r->length;
	buffer_init(&c->body->data, max);
	c->state = CONN_BODY;
	conn_set_timer(c, BODY_SECONDS);
	if (r->expects && !r->http10 && r->framing != FRAMING_NONE &&
	    r->length <= max)
		buffer_put(&c->out, go_on, sizeof(go_on) - 1);
	conn_soon(c);
}

/*
 * Moves what is there of the body out of in: 0 and *done when that was all of
 * it, or the status to answer.
 */
static int
collect_body(struct http_conn *c, bool *done)
{
	struct request_body *b = c->body;
	const uint8_t *p, *data;
	size_t len;
	long used;

	if (b->framing == FRAMING_NONE)
		return 400;
	if (b->framing == FRAMING_LENGTH && b->left > b->data.max)
		return 413;
	*done = b->framing == FRAMING_LENGTH && b->left == 0;
	while (c->in.len > 0 && !*done) {
		p = data = buffer_head(&c->in);
		len = c->in.len < b->left ? c->in.len : (size_t)b->left;
		used = (long)len;
		if (b->framing == FRAMING_CHUNKED)
			used = http_chunks_read(&b->chunks, p, c->in.len,
			    &data, &len, done);
		if (used == -1)
			return 400;
		if (buffer_put(&b->data, data, len) == -1)
			return 413;
		buffer_drop(&c->in, (size_t)used);
		if (b->framing == FRAMING_LENGTH)
			*done = (b->left -= len) == 0;
	}
	return 0;
}

void
conn_read_body(struct http_conn *c)
{
	bool done = false;
	int status = collect_body(c, &done);
	struct request_body *b = c->body;

	if (status != 0)
		conn_refuse(c, status, false, status == 413 ?
		    "the request's body is too long" :
		    "a body that is malformed");
	else if (done) {
		c->body = NULL;
		c->state = CONN_BUSY;
		http_wrote(c, 0);
		c->producer->body(c->arg, buffer_head(&b->data), b->data.len);
		buffer_clear(&b->data);
		free(b);
	} else if (c->ended)
		conn_close_soon(c);
}
