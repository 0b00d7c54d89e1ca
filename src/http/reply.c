/* SPDX-License-Identifier: ISC */
/* Answers, whole ones and those that take their time. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/http/write.h"

#include "conn.h"

#define LARGE (4 * HTTP_OUT_HIGH)	/* of what an answer keeps */

/* Puts the head of an answer that this program makes itself. */
static void
put_own_head(struct http_conn *c, int status, const char *lines,
    enum http_framing framing, size_t length)
{
	const struct http_service *service = c->server->service;
	char all[1024], date[HTTP_DATE_MAX];
	int n = snprintf(all, sizeof(all), "%s%s%s%s", http_date_line(date),
	    service->every, service->own, lines);
	struct http_head h = { .status = status, .framing = framing,
	    .length = length, .lines = all, .lines_len = (size_t)n,
	    .http10 = c->http10, .close = c->last };

	http_put_head(&c->out, &h);
}

void
http_reply(struct http_conn *c, int status, const char *lines,
    const void *body, size_t n)
{
	put_own_head(c, status, lines, FRAMING_LENGTH, n);
	if (!c->head)
		buffer_put(&c->out, body, n);
	conn_next_request(c);
}

void
http_reply_error(struct http_conn *c, int status, const char *lines,
    const char *prefix, const char *text)
{
	char all[512], json[HTTP_MESSAGE_MAX];

	snprintf(all, sizeof(all), "Content-Type: application/json\r\n%s",
	    lines);
	http_reply(c, status, all, json, http_message_json(json, prefix,
	    text));
}

void
http_reply_message(struct http_conn *c, int status, const char *lines,
    const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	http_reply_error(c, status, lines, c->server->service->prefix, text);
}

bool
http_is_head(const struct http_conn *c)
{
	return c->head;
}

void
http_last(struct http_conn *c)
{
	c->last = true;
}

bool
http_is_last(const struct http_conn *c)
{
	return c->last;
}

void
http_hold(struct http_conn *c, const struct http_producer *p, void *arg,
    unsigned seconds)
{
	c->producer = p;
	c->arg = arg;
	c->seconds = seconds;
	c->server->nholds++;
	conn_recount(c);
	if (seconds > 0)
		conn_set_timer(c, seconds);
	else
		evtimer_del(c->timer);
	conn_soon(c);		/* the client may have left already */
}

void
http_begin(struct http_conn *c, int status, const char *lines)
{
	/* HTTP/1.0 knows no chunks: the end of the connection is its end. */
	c->chunked = !c->http10;
	c->last |= c->http10;
	put_own_head(c, status, lines, c->chunked ? FRAMING_CHUNKED :
	    FRAMING_NONE, 0);
	http_wrote(c, 0);
}

void
http_put(struct http_conn *c, const void *p, size_t n)
{
	if (c->head || n == 0)
		return;
	if (c->chunked)
		http_put_chunk(&c->out, p, n);
	else
		buffer_put(&c->out, p, n);
	http_wrote(c, 0);
}

void
http_end(struct http_conn *c)
{
	if (c->chunked && !c->head)
		http_put_last_chunk(&c->out);
	conn_next_request(c);
}

void
http_cut(struct http_conn *c)
{
	conn_release(c, false);
	conn_break_off(c);
}

void
http_wait(struct http_conn *c)
{
	c->waits = true;
	if (c->out.len < OUT_LOW)
		timer_set(c->work, 0);
}

size_t
http_room(const struct http_conn *c)
{
	return c->out.len < HTTP_OUT_HIGH ? HTTP_OUT_HIGH : 0;
}

struct buffer *
http_out(struct http_conn *c)
{
	return &c->out;
}

void
http_wrote(struct http_conn *c, size_t kept)
{
	c->elsewhere = kept;
	conn_recount(c);
	if (c->seconds > 0)
		conn_set_timer(c, c->seconds);
	conn_soon(c);
}

const char *
http_every(const struct http_conn *c)
{
	return c->server->service->every;
}

bool
http_is_full(const struct http_conn *c)
{
	return c->server->held >= HTTP_HELD_MAX ||
	    (c->elsewhere > LARGE && c->payer != NULL &&
	    account_left(c->payer) == 0);
}
