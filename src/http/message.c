/* SPDX-License-Identifier: ISC */
/* See message.h. */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "orthrus/base/span.h"
#include "orthrus/base/text.h"
#include "orthrus/http/message.h"

/* RFC 9110 section 5.6.2. */
static bool
is_token(struct span t)
{
	size_t i;
	char c;

	for (i = 0; i < t.len; i++) {
		c = t.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') ||
		    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
			return false;
	}
	return t.len > 0;
}

long
http_head_end(const uint8_t *p, size_t n, size_t max, size_t *seen,
    int *status)
{
	size_t i;

	for (i = *seen; i < n && i < max; i++) {
		if (p[i] == '\0' || (p[i] == '\n' &&
		    (i == 0 || p[i - 1] != '\r')) ||
		    (i > 0 && p[i - 1] == '\r' && p[i] != '\n')) {
			*status = 400;
			return -1;
		}
		if (p[i] == '\n' && i >= 3 && p[i - 2] == '\n')
			return (long)i + 1;
	}
	*seen = i;
	if (i < max)
		return 0;
	*status = 431;
	return -1;
}

/* The next line, without its CRLF; p is behind it then. */
static struct span
take_line(const char **p, const char *end)
{
	const char *eol = memchr(*p, '\r', (size_t)(end - *p));
	struct span line = { *p, (size_t)(eol - *p) };

	*p = eol + 2;
	return line;
}

/* "name: value"; false when it is not one. */
static bool
split_header(struct span line, struct span *name, struct span *value)
{
	const char *colon = memchr(line.p, ':', line.len);
	size_t i;

	if (colon == NULL)
		return false;
	*name = (struct span){ line.p, (size_t)(colon - line.p) };
	*value = (struct span){ colon + 1, line.len - name->len - 1 };
	while (value->len > 0 && (*value->p == ' ' || *value->p == '\t')) {
		value->p++;
		value->len--;
	}
	while (value->len > 0 && (value->p[value->len - 1] == ' ' ||
	    value->p[value->len - 1] == '\t'))
		value->len--;
	for (i = 0; i < value->len; i++)
		if (((unsigned char)value->p[i] < ' ' && value->p[i] != '\t') ||
		    value->p[i] == 0x7f)
			return false;
	/* A space before the colon, and a folded line, are no token. */
	return is_token(*name);
}

/* Is word among the elements of a list such as Connection's? */
static bool
list_has_word(struct span value, const char *word)
{
	size_t n = strlen(word), i = 0, start;

	while (i < value.len) {
		while (i < value.len && strchr(" \t,", value.p[i]) != NULL)
			i++;
		start = i;
		while (i < value.len && strchr(" \t,", value.p[i]) == NULL)
			i++;
		if (i - start == n &&
		    strncasecmp(value.p + start, word, n) == 0)
			return true;
	}
	return false;
}

/* 1*DIGIT and nothing else, below 2^60: 0 or -1. */
static int
parse_length(struct span value, uint64_t *length)
{
	size_t i;

	if (value.len == 0 || value.len > 18)
		return -1;
	*length = 0;
	for (i = 0; i < value.len; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return -1;
		*length = *length * 10 + (uint64_t)(value.p[i] - '0');
	}
	return 0;
}

/* --- requests --------------------------------------------------------- */

/* "METHOD SP target SP HTTP/1.N", RFC 9112 section 3. */
static int
read_request_line(struct span line, struct http_request *r,
    const char **reason)
{
	const char *a = memchr(line.p, ' ', line.len), *b, *end;
	struct span method, version;

	*reason = "malformed request line";
	if (a == NULL)
		return 400;
	end = line.p + line.len;
	b = memchr(a + 1, ' ', (size_t)(end - a - 1));
	if (b == NULL)		/* HTTP/0.9 has no version */
		return 400;
	method = (struct span){ line.p, (size_t)(a - line.p) };
	version = (struct span){ b + 1, (size_t)(end - b - 1) };
	if (!is_token(method) || method.len >= sizeof(r->method) ||
	    b == a + 1)
		return 400;
	if (version.len == 8 && memcmp(version.p, "HTTP/1.", 7) == 0 &&
	    (version.p[7] == '0' || version.p[7] == '1'))
		r->http10 = version.p[7] == '0';
	else if (version.len == 8 && memcmp(version.p, "HTTP/", 5) == 0 &&
	    version.p[6] == '.' && version.p[5] >= '2' &&
	    version.p[5] <= '9') {
		*reason = "only HTTP/1.1 is spoken here";
		return strncmp(method.p, "PRI ", 4) == 0 ? 400 : 505;
	} else
		return 400;
	memcpy(r->method, method.p, method.len);
	r->target = a + 1;
	r->target_len = (size_t)(b - a - 1);
	r->keep_alive = !r->http10;
	return 0;
}

/* Counts the headers that are about the body. */
struct body_framing {
	unsigned lengths, codings, others;
};

/* A header that is about the body: 0, or the status to answer. */
static int
read_body_header(struct span name, struct span value, struct http_request *r,
    struct body_framing *f, const char **reason)
{
	if (span_is(name, "Content-Length")) {
		*reason = "more than one Content-Length";
		r->body |= ++f->lengths > 1;
		if (f->lengths > 1)
			return 400;
		*reason = "a malformed Content-Length";
		if (parse_length(value, &r->length) == -1)
			return 400;
		r->body |= r->length != 0;
	} else if (span_is(name, "Transfer-Encoding")) {
		r->body = true;
		f->codings++;
		f->others += !span_is(value, "chunked");
	} else if (span_is(name, "Trailer")) {
		r->body = true;
		f->others++;
	} else if (span_is(name, "Expect")) {
		r->body = r->expects = true;
		f->others += !span_is(value, "100-continue");
	}
	return 0;
}

/* FRAMING_NONE where two readers could see its end in different places. */
static enum http_framing
body_framing(const struct http_request *r, const struct body_framing *f)
{
	if (!r->body || f->others > 0 || f->lengths + f->codings != 1 ||
	    (f->codings > 0 && r->http10))
		return FRAMING_NONE;
	return f->codings > 0 ? FRAMING_CHUNKED : FRAMING_LENGTH;
}

static int
read_request_header(struct span name, struct span value,
    struct http_request *r, struct body_framing *f, const char **reason)
{
	caller_header(&r->caller, name.p, name.len, value.p, value.len);
	*reason = "more than one Host";
	if (r->caller.hosts > 1)
		return 400;
	if (span_is(name, "Connection")) {
		if (list_has_word(value, "close"))
			r->keep_alive = false;
		else if (r->http10 && list_has_word(value, "keep-alive"))
			r->keep_alive = true;
	}
	return read_body_header(name, value, r, f, reason);
}

int
http_request_read(const uint8_t *head, size_t n, struct http_request *r,
    const char **reason)
{
	const char *p = (const char *)head, *end = p + n;
	struct body_framing f = { 0, 0, 0 };
	struct span line, name, value;
	unsigned count = 0;
	int rc;

	memset(r, 0, sizeof(*r));
	if ((rc = read_request_line(take_line(&p, end), r, reason)) != 0)
		return rc;
	r->headers = (struct span){ p, (size_t)(end - p) };
	while ((line = take_line(&p, end)).len > 0) {
		if (++count > HTTP_HEADERS_MAX) {
			*reason = "more than 100 headers";
			return 431;
		}
		*reason = "malformed header";
		if (!split_header(line, &name, &value))
			return 400;
		if ((rc = read_request_header(name, value, r, &f,
		    reason)) != 0)
			return rc;
	}
	*reason = "no Host";
	if (r->caller.hosts == 0 && !r->http10)
		return 400;
	r->framing = body_framing(r, &f);
	*reason = NULL;
	return 0;
}

unsigned
http_request_header(const struct http_request *r, const char *name,
    struct span *value)
{
	const char *p = r->headers.p, *end = p + r->headers.len;
	struct span line, n, v;
	unsigned count = 0;

	while ((line = take_line(&p, end)).len > 0)
		if (split_header(line, &n, &v) && span_is(n, name)) {
			*value = v;
			count++;
		}
	return count;
}

/* --- answers ---------------------------------------------------------- */

/* Is it a header that is passed on?  Clients read these; others are not. */
static bool
is_kept_header(struct span name)
{
	static const char *const kept[] = { "Api-Version", "Builder-Version",
	    "Cache-Control", "Content-Type", "Date", "Docker-Experimental",
	    "Libpod-Api-Version", "Ostype", "Pragma", "Server", "Swarm" };
	size_t i;

	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (span_is(name, kept[i]))
			return true;
	return false;
}

static bool
is_printable(struct span value)
{
	size_t i;

	for (i = 0; i < value.len; i++)
		if (value.p[i] < ' ' || value.p[i] == 0x7f)
			return false;
	return true;
}

/* "HTTP/1.N SP 3DIGIT [SP reason]", RFC 9112 section 4. */
static int
read_status_line(struct span line, struct http_answer *a)
{
	const char *p = line.p;

	if (line.len < 12 || memcmp(p, "HTTP/1.", 7) != 0 ||
	    (p[7] != '0' && p[7] != '1') || p[8] != ' ' ||
	    (line.len > 12 && p[12] != ' ') || p[9] < '1' || p[9] > '5' ||
	    p[10] < '0' || p[10] > '9' || p[11] < '0' || p[11] > '9')
		return -1;
	a->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
	a->keep_alive = p[7] == '1';
	return 0;
}

struct answer_framing {
	unsigned lengths, codings;
};

static int
read_answer_header(struct span line, struct http_answer *a,
    struct answer_framing *f, const char **reason)
{
	struct span name, value;

	if (!split_header(line, &name, &value)) {
		*reason = "a malformed header";
		return -1;
	}
	if (span_is(name, "Content-Length")) {
		*reason = "a Content-Length that is wrong";
		return ++f->lengths > 1 ? -1 :
		    parse_length(value, &a->length);
	}
	if (span_is(name, "Transfer-Encoding")) {
		*reason = "an unknown transfer coding";
		return ++f->codings > 1 || !span_is(value, "chunked") ? -1 : 0;
	}
	if (span_is(name, "Content-Encoding") && !span_is(value, "identity")) {
		*reason = "a content coding that was not asked for";
		return -1;
	}
	if (span_is(name, "Connection") && list_has_word(value, "close"))
		a->keep_alive = false;
	if (is_kept_header(name) && is_printable(value) &&
	    a->kept_len + line.len + 2 <= sizeof(a->kept)) {
		memcpy(a->kept + a->kept_len, line.p, line.len);
		memcpy(a->kept + a->kept_len + line.len, "\r\n", 2);
		a->kept_len += line.len + 2;
	}
	return 0;
}

int
http_answer_read(const uint8_t *head, size_t n, bool head_request,
    struct http_answer *a, const char **reason)
{
	const char *p = (const char *)head, *end = p + n;
	struct answer_framing f = { 0, 0 };
	struct span line;
	unsigned count = 0;
	bool none;

	memset(a, 0, sizeof(*a));
	*reason = "a malformed status line";
	if (read_status_line(take_line(&p, end), a) == -1)
		return -1;
	while ((line = take_line(&p, end)).len > 0) {
		*reason = "more than 100 headers";
		if (++count > HTTP_HEADERS_MAX ||
		    read_answer_header(line, a, &f, reason) == -1)
			return -1;
	}
	none = head_request || a->status < 200 || a->status == 204 ||
	    a->status == 304;
	*reason = "both a length and a transfer coding";
	if (f.lengths > 0 && f.codings > 0)
		return -1;
	*reason = "an answer whose end cannot be known";
	if (!none && f.lengths == 0 && f.codings == 0)
		return -1;
	a->framing = none ? FRAMING_NONE :
	    f.codings > 0 ? FRAMING_CHUNKED : FRAMING_LENGTH;
	*reason = NULL;
	return 0;
}

/* --- chunks ----------------------------------------------------------- */

enum { CHUNK_SIZE, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_CR, CHUNK_LF, CHUNK_END_CR,
	CHUNK_END_LF, CHUNK_DONE };

/* One byte of what is not payload: 0, or -1. */
static int
chunk_byte(struct http_chunks *c, uint8_t b)
{
	int digit;

	switch (c->state) {
	case CHUNK_SIZE:
		if ((digit = text_hex(b)) >= 0 && c->digits < 12) {
			c->left = c->left << 4 | (uint64_t)digit;
			c->digits++;
			return 0;
		}
		c->state = CHUNK_SIZE_LF;
		return b == '\r' && c->digits > 0 ? 0 : -1;
	case CHUNK_SIZE_LF:
		c->state = c->left > 0 ? CHUNK_DATA : CHUNK_END_CR;
		c->digits = 0;
		return b == '\n' ? 0 : -1;
	case CHUNK_CR:
		c->state = CHUNK_LF;
		return b == '\r' ? 0 : -1;
	case CHUNK_LF:
		c->state = CHUNK_SIZE;
		return b == '\n' ? 0 : -1;
	case CHUNK_END_CR:
		c->state = CHUNK_END_LF;
		return b == '\r' ? 0 : -1;
	case CHUNK_END_LF:
		c->state = CHUNK_DONE;
		return b == '\n' ? 0 : -1;
	default:
		return -1;
	}
}

long
http_chunks_read(struct http_chunks *c, const uint8_t *p, size_t n,
    const uint8_t **data, size_t *len, bool *done)
{
	size_t i = 0, take;

	*data = NULL;
	*len = 0;
	while (i < n && c->state != CHUNK_DONE) {
		if (c->state == CHUNK_DATA) {
			take = n - i < c->left ? n - i : (size_t)c->left;
			*data = p + i;
			*len = take;
			c->left -= take;
			if (c->left == 0)
				c->state = CHUNK_CR;
			i += take;
			break;
		}
		if (chunk_byte(c, p[i++]) == -1)
			return -1;
	}
	*done = c->state == CHUNK_DONE;
	return (long)i;
}
