/* See answer.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/text.h"
#include "orthrus/muzzle/redact.h"

#include "answer.h"

static const char too_large[] = "more than 8 MiB, which is too much to keep "
    "and look through";

static const char *
phrase(int status)
{
	static const struct { int status; const char *text; } known[] = {
		{ 200, "OK" }, { 201, "Created" }, { 204, "No Content" },
		{ 301, "Moved Permanently" }, { 304, "Not Modified" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
		{ 408, "Request Timeout" }, { 409, "Conflict" },
		{ 414, "URI Too Long" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" }
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].text;
	return "Status";
}

static void
put_text(struct buffer *out, const char *s)
{
	buffer_put(out, s, strlen(s));
}

void
answer_error(struct buffer *out, int status, const char *message, bool head,
    bool close)
{
	char text[512], body[600], lines[256];

	text_escape(text, sizeof(text), message, TEXT_JSON);
	snprintf(body, sizeof(body), "{\"message\":\"orthrus: %s\"}\n", text);
	snprintf(lines, sizeof(lines), "HTTP/1.1 %d %s\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n",
	    status, phrase(status), strlen(body),
	    close ? "Connection: close\r\n" : "");
	put_text(out, lines);
	if (!head)
		put_text(out, body);
}

void
answer_begin(struct answer *a, const struct verdict *v, bool http10,
    bool close)
{
	memset(a, 0, sizeof(*a));
	a->kind = v->kind;
	a->redact = v->redact;
	a->head = v->head;
	a->http10 = http10;
	a->close = close;
	buffer_init(&a->raw, HTTP_ANSWER_HEAD_MAX + 1);
	buffer_init(&a->body, REDACT_MAX);
}

void
answer_clear(struct answer *a)
{
	buffer_clear(&a->raw);
	buffer_clear(&a->body);
}

/* --- the head --------------------------------------------------------- */

static void
put_head(struct answer *a, struct buffer *out, uint64_t length)
{
	char lines[128];

	snprintf(lines, sizeof(lines), "HTTP/1.1 %d %s\r\n",
	    a->parsed.status, phrase(a->parsed.status));
	put_text(out, lines);
	buffer_put(out, a->parsed.kept, a->parsed.kept_len);
	if (a->parsed.framing == FRAMING_LENGTH) {
		snprintf(lines, sizeof(lines), "Content-Length: %llu\r\n",
		    (unsigned long long)length);
		put_text(out, lines);
	} else if (a->parsed.framing == FRAMING_CHUNKED)
		put_text(out, "Transfer-Encoding: chunked\r\n");
	put_text(out, a->close ? "Connection: close\r\n\r\n" :
	    a->http10 ? "Connection: keep-alive\r\n\r\n" : "\r\n");
	a->told = true;
}

/*
 * Is there anything in this answer to take secrets out of?  An engine that
 * cannot mount a volume says with which password.
 */
static bool
is_redacted(const struct answer *a)
{
	return a->redact && a->parsed.framing != FRAMING_NONE &&
	    (a->kind == ANSWER_REDACTED || a->kind == ANSWER_ACTION ||
	    a->parsed.status >= 400);
}

/*
 * Must it be whole before any of it is passed on?  A client of HTTP/1.0 knows
 * no chunks, so that it needs the length to tell a cut from the end.
 */
static bool
is_kept(const struct answer *a)
{
	return is_redacted(a) ||
	    (a->http10 && a->parsed.framing == FRAMING_CHUNKED);
}

/*
 * Reads the head when it is complete: how many of the n bytes were its, 0 when
 * all were and more are needed, -1 with *why.
 */
static long
take_head(struct answer *a, const uint8_t *p, size_t n, struct buffer *out,
    const char **why)
{
	size_t before = a->raw.len;
	int status = 0;
	long end;

	if (n > HTTP_ANSWER_HEAD_MAX + 1 - before)
		n = HTTP_ANSWER_HEAD_MAX + 1 - before;
	buffer_put(&a->raw, p, n);
	end = http_head_end(buffer_head(&a->raw), a->raw.len,
	    HTTP_ANSWER_HEAD_MAX, &a->seen, &status);
	if (end <= 0) {
		*why = status == 431 ? "a head that is too long" :
		    "a malformed head";
		return end;
	}
	if (http_answer_read(buffer_head(&a->raw), (size_t)end, a->head,
	    &a->parsed, why) == -1)
		return -1;
	buffer_clear(&a->raw);
	a->seen = 0;
	if (a->parsed.status == 101) {
		*why = "an upgrade that nobody asked for";
		return -1;
	}
	if (a->parsed.status >= 200) {		/* else: an interim one */
		a->begun = true;
		a->left = a->parsed.length;
		*why = too_large;
		if (is_kept(a) && a->left > REDACT_MAX)
			return -1;
		if (!is_kept(a))
			put_head(a, out, a->left);
	}
	return end - (long)before;
}

/* --- the body --------------------------------------------------------- */

static int
put_payload(struct answer *a, const uint8_t *p, size_t n, struct buffer *out,
    const char **why)
{
	char size[24];
	bool chunk = a->parsed.framing == FRAMING_CHUNKED;

	if (n == 0)
		return 0;
	if (is_kept(a)) {
		*why = too_large;
		return buffer_put(&a->body, p, n);
	}
	if (chunk) {
		snprintf(size, sizeof(size), "%zx\r\n", n);
		put_text(out, size);
	}
	buffer_put(out, p, n);
	if (chunk)
		put_text(out, "\r\n");
	return 0;
}

/* The last byte has come. */
static enum answer_state
finish(struct answer *a, struct buffer *out, const char **why)
{
	const uint8_t *body = a->body.len > 0 ? buffer_head(&a->body) :
	    (const uint8_t *)"";
	bool redacted;
	size_t len;
	char *json;

	if (!is_kept(a)) {
		if (a->parsed.framing == FRAMING_CHUNKED)
			put_text(out, "0\r\n\r\n");
		return ANSWER_DONE;
	}
	redacted = is_redacted(a);
	a->parsed.framing = FRAMING_LENGTH;
	if (!redacted) {
		put_head(a, out, a->body.len);
		buffer_put(out, body, a->body.len);
		return ANSWER_DONE;
	}
	*why = "an answer that is not JSON, so that its secrets cannot be "
	    "taken out";
	json = redact_json(body, a->body.len, &len);
	if (json == NULL && a->parsed.status >= 400 &&
	    a->kind != ANSWER_REDACTED) {
		/* Plain text, as before API 1.24; its status is enough. */
		answer_error(out, a->parsed.status, "the Docker engine "
		    "answers so, in words that cannot be looked through",
		    false, a->close);
		a->told = true;
		return ANSWER_DONE;
	}
	if (json == NULL)
		return ANSWER_BAD;
	put_head(a, out, len);
	buffer_put(out, json, len);
	free(json);
	return ANSWER_DONE;
}

/* How many of n bytes were the body's, or -1; *done at its end. */
static long
take_body(struct answer *a, const uint8_t *p, size_t n, struct buffer *out,
    bool *done, const char **why)
{
	const uint8_t *data;
	size_t len;
	long used;

	if (a->parsed.framing == FRAMING_LENGTH) {
		len = n < a->left ? n : (size_t)a->left;
		a->left -= len;
		*done = a->left == 0;
		return put_payload(a, p, len, out, why) == -1 ? -1 :
		    (long)len;
	}
	used = http_chunks_read(&a->chunks, p, n, &data, &len, done);
	*why = "malformed chunks";
	if (used != -1 && put_payload(a, data, len, out, why) == -1)
		used = -1;
	return used;
}

enum answer_state
answer_feed(struct answer *a, const uint8_t *p, size_t n, struct buffer *out,
    const char **why)
{
	bool done = false;
	long used;

	while (!a->begun) {
		used = take_head(a, p, n, out, why);
		if (used == -1)
			return ANSWER_BAD;
		if (used == 0)
			return ANSWER_MORE;
		p += used;
		n -= (size_t)used;
	}
	if (a->parsed.framing == FRAMING_NONE ||
	    (a->parsed.framing == FRAMING_LENGTH && a->left == 0))
		done = true;
	while (n > 0 && !done) {
		used = take_body(a, p, n, out, &done, why);
		if (used == -1)
			return ANSWER_BAD;
		p += used;
		n -= (size_t)used;
	}
	if (n > 0) {
		*why = "bytes behind the end of its answer";
		return ANSWER_BAD;
	}
	return done ? finish(a, out, why) : ANSWER_MORE;
}
