/* SPDX-License-Identifier: ISC */
/* See answer.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/http/write.h"
#include "orthrus/muzzle/redact.h"

#include "answer.h"

static const char too_large[] = "more than 8 MiB, which is too much to keep "
    "and look through";

void
answer_begin(struct answer *a, const struct verdict *v, bool http10,
    bool close, const char *reveal, const char *every)
{
	memset(a, 0, sizeof(*a));
	a->kind = v->kind;
	a->redact = v->redact;
	a->http10 = http10;
	a->close = close;
	a->reveal = reveal == NULL ? NULL : xstrdup(reveal);
	a->every = every;
	http_reader_init(&a->reader, v->head);
	buffer_init(&a->body, REDACT_MAX);
}

void
answer_clear(struct answer *a)
{
	http_reader_clear(&a->reader);
	buffer_clear(&a->body);
	free(a->reveal);
	a->reveal = NULL;
}

/*
 * Is there anything in this answer to take secrets out of?  An engine that
 * cannot mount a volume says with which password.
 */
static bool
is_redacted(const struct answer *a)
{
	const struct http_answer *parsed = &a->reader.answer;

	return a->redact && parsed->framing != FRAMING_NONE &&
	    (a->kind == ANSWER_REDACTED || a->kind == ANSWER_ACTION ||
	    parsed->status >= 400);
}

bool
answer_is_kept(const struct answer *a)
{
	return is_redacted(a) || (a->http10 && a->kind != ANSWER_STREAM &&
	    a->reader.answer.framing == FRAMING_CHUNKED);
}

/* HTTP/1.0 knows no chunks: a stream ends with the connection. */
static enum http_framing
framing_of(const struct answer *a)
{
	enum http_framing framing = a->reader.answer.framing;

	return a->http10 && framing == FRAMING_CHUNKED ? FRAMING_NONE :
	    framing;
}

static void
put_head(struct answer *a, struct buffer *out, enum http_framing framing,
    uint64_t length)
{
	const struct http_answer *parsed = &a->reader.answer;
	struct http_head h = { .status = parsed->status, .framing = framing,
	    .length = length, .lines = parsed->kept,
	    .lines_len = parsed->kept_len, .more = a->every,
	    .http10 = a->http10, .close = a->close };

	http_put_head(out, &h);
	a->told = true;
}

/* Now that the head is known: 0, or -1 when that much cannot be kept. */
static int
begin(struct answer *a, struct buffer *out, const char **why)
{
	const struct http_answer *parsed = &a->reader.answer;

	*why = too_large;
	if (!answer_is_kept(a))
		put_head(a, out, framing_of(a), parsed->length);
	else if (parsed->length > REDACT_MAX)
		return -1;
	return 0;
}

static int
put_payload(struct answer *a, const uint8_t *p, size_t n, struct buffer *out,
    const char **why)
{
	*why = too_large;
	if (n == 0)
		return 0;
	if (answer_is_kept(a))
		return buffer_put(&a->body, p, n);
	if (framing_of(a) == FRAMING_CHUNKED)
		http_put_chunk(out, p, n);
	else
		buffer_put(out, p, n);
	return 0;
}

/* Plain text, as before API 1.24: of that the status is enough. */
static void
put_status_only(struct answer *a, struct buffer *out)
{
	static const char type[] = "Content-Type: application/json\r\n";
	struct http_answer *parsed = &a->reader.answer;
	char json[HTTP_MESSAGE_MAX];
	size_t n = http_message_json(json, "orthrus: ", "the Docker engine "
	    "answers so, in words that cannot be looked through");

	memcpy(parsed->kept, type, sizeof(type) - 1);
	parsed->kept_len = sizeof(type) - 1;
	put_head(a, out, FRAMING_LENGTH, n);
	buffer_put(out, json, n);
}

static enum answer_state
put_redacted(struct answer *a, const uint8_t *body, struct buffer *out,
    const char **why)
{
	size_t len;
	char *json = redact_json(body, a->body.len, a->reveal, &len);

	*why = "an answer that is not JSON, so that its secrets cannot be "
	    "taken out";
	if (json != NULL) {
		put_head(a, out, FRAMING_LENGTH, len);
		buffer_put(out, json, len);
		free(json);
		return ANSWER_DONE;
	}
	if (a->reader.answer.status < 400 || a->kind == ANSWER_REDACTED)
		return ANSWER_BAD;
	put_status_only(a, out);
	return ANSWER_DONE;
}

/* The last byte has come. */
static enum answer_state
finish(struct answer *a, struct buffer *out, const char **why)
{
	const uint8_t *body = a->body.len > 0 ? buffer_head(&a->body) :
	    (const uint8_t *)"";

	if (is_redacted(a))
		return put_redacted(a, body, out, why);
	if (answer_is_kept(a)) {
		put_head(a, out, FRAMING_LENGTH, a->body.len);
		buffer_put(out, body, a->body.len);
	} else if (framing_of(a) == FRAMING_CHUNKED)
		http_put_last_chunk(out);
	return ANSWER_DONE;
}

enum answer_state
answer_feed(struct answer *a, const uint8_t *p, size_t n, struct buffer *out,
    const char **why)
{
	struct http_reader *r = &a->reader;
	const uint8_t *data;
	size_t len;
	bool begun;
	long used;

	while (n > 0 && !r->done) {
		begun = r->begun;
		used = http_reader_feed(r, p, n, &data, &len, why);
		if (used == -1 || (r->begun && !begun &&
		    begin(a, out, why) == -1) ||
		    put_payload(a, data, len, out, why) == -1)
			return ANSWER_BAD;
		p += used;
		n -= (size_t)used;
	}
	if (n > 0) {
		*why = "bytes behind the end of its answer";
		return ANSWER_BAD;
	}
	return r->done ? finish(a, out, why) : ANSWER_MORE;
}
