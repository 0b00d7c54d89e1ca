/* SPDX-License-Identifier: ISC */
/* See answer.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/http/write.h"
#include "orthrus/muzzle/redact.h"

#include "answer.h"

#define KEPT_MAX (8 * 1024 * 1024)
/*
 * A bit more has room, so that what is too large does not look like what is no
 * JSON: at most twice what is fed at once, and a string that was held.
 */
#define ROOM_MAX (KEPT_MAX + 1024 * 1024)
/*
 * An answer that is masked is passed on in chunks of this; where that is all,
 * with its length.
 */
#define CHUNK (32 * 1024)

static const char too_large[] = "more than 8 MiB, which is too much to keep";
static const char no_json[] = "an answer that is not JSON, so that its "
    "secrets cannot be taken out";

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
	buffer_init(&a->body, ROOM_MAX);
}

void
answer_clear(struct answer *a)
{
	http_reader_clear(&a->reader);
	buffer_clear(&a->body);
	redactor_free(a->redactor);
	a->redactor = NULL;
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
	    (a->kind == ANSWER_REDACTED || a->kind == ANSWER_READINGS ||
	    a->kind == ANSWER_EVENTS || a->kind == ANSWER_ACTION ||
	    parsed->status >= 400);
}

/* Is it any number of documents, or none? */
static bool
has_documents(const struct answer *a)
{
	return (a->kind == ANSWER_READINGS || a->kind == ANSWER_EVENTS) &&
	    a->reader.answer.status < 400;
}

/* Is it one document after the other, each passed on as it comes? */
static bool
has_events(const struct answer *a)
{
	return a->kind == ANSWER_EVENTS && a->reader.answer.status < 400;
}

bool
answer_is_kept(const struct answer *a)
{
	const struct http_answer *parsed = &a->reader.answer;

	if (parsed->status >= 400 && is_redacted(a))
		return true;
	return a->http10 && !answer_lasts(a->kind) &&
	    (is_redacted(a) || parsed->framing == FRAMING_CHUNKED);
}

/*
 * HTTP/1.0 knows no chunks: a stream ends with the connection.  What is masked
 * has another length than before.
 */
static enum http_framing
framing_of(const struct answer *a)
{
	enum http_framing framing = a->reader.answer.framing;

	if (a->redactor != NULL)
		framing = FRAMING_CHUNKED;
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
begin_answer(struct answer *a, struct buffer *out, const char **why)
{
	const struct http_answer *parsed = &a->reader.answer;

	*why = too_large;
	if (answer_is_kept(a) && parsed->length > KEPT_MAX)
		return -1;
	if (is_redacted(a))
		a->redactor = redactor_new(a->reveal, has_documents(a));
	if (has_events(a) || (a->redactor == NULL && !answer_is_kept(a)))
		put_head(a, out, framing_of(a), parsed->length);
	return 0;
}

/* Passes on what was masked, if that is anything. */
static void
put_body(struct answer *a, struct buffer *out)
{
	if (a->body.len == 0)
		return;
	if (!a->told)
		put_head(a, out, FRAMING_CHUNKED, 0);
	if (framing_of(a) == FRAMING_CHUNKED)
		http_put_chunk(out, buffer_head(&a->body), a->body.len);
	else
		buffer_put(out, buffer_head(&a->body), a->body.len);
	buffer_drop(&a->body, a->body.len);
}

/*
 * Masks what has come.  The words of an error need not be JSON: of these the
 * status is enough.
 */
static int
put_masked(struct answer *a, const uint8_t *p, size_t n, struct buffer *out,
    const char **why)
{
	*why = no_json;
	if (a->unreadable)
		return 0;
	if (redactor_feed(a->redactor, p, n, &a->body) == -1) {
		a->unreadable = true;
		return a->reader.answer.status >= 400 ? 0 : -1;
	}
	*why = too_large;
	if (answer_is_kept(a))
		return a->body.len > KEPT_MAX ? -1 : 0;
	if (a->body.len >= CHUNK || has_events(a))
		put_body(a, out);
	return 0;
}

static int
put_payload(struct answer *a, const uint8_t *p, size_t n, struct buffer *out,
    const char **why)
{
	*why = too_large;
	if (n == 0)
		return 0;
	if (a->redactor != NULL)
		return put_masked(a, p, n, out, why);
	if (answer_is_kept(a))
		return a->body.len + n > KEPT_MAX ? -1 :
		    buffer_put(&a->body, p, n);
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

static void
put_kept(struct answer *a, struct buffer *out)
{
	put_head(a, out, FRAMING_LENGTH, a->body.len);
	if (a->body.len > 0)
		buffer_put(out, buffer_head(&a->body), a->body.len);
}

static enum answer_state
finish_masked(struct answer *a, struct buffer *out, const char **why)
{
	*why = no_json;
	if (!a->unreadable)
		a->unreadable = redactor_end(a->redactor) == -1;
	if (a->unreadable) {
		if (a->reader.answer.status < 400)
			return ANSWER_BAD;
		put_status_only(a, out);
	} else if (!a->told)
		put_kept(a, out);
	else {
		put_body(a, out);
		if (framing_of(a) == FRAMING_CHUNKED)
			http_put_last_chunk(out);
	}
	return ANSWER_DONE;
}

/* The last byte has come. */
static enum answer_state
finish_answer(struct answer *a, struct buffer *out, const char **why)
{
	if (a->redactor != NULL)
		return finish_masked(a, out, why);
	if (answer_is_kept(a))
		put_kept(a, out);
	else if (framing_of(a) == FRAMING_CHUNKED)
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
		    begin_answer(a, out, why) == -1) ||
		    put_payload(a, data, len, out, why) == -1)
			return ANSWER_BAD;
		p += used;
		n -= (size_t)used;
	}
	if (n > 0) {
		*why = "bytes behind the end of its answer";
		return ANSWER_BAD;
	}
	return r->done ? finish_answer(a, out, why) : ANSWER_MORE;
}
