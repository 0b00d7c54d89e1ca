/* SPDX-License-Identifier: ISC */
/* See web.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "orthrus/base/span.h"
#include "orthrus/http/web.h"
#include "orthrus/http/write.h"

#define LINE_MAX_LEN 8192	/* of a request, its end included */
#define SKIP_MAX (1 << 20)	/* a longer body is not waited for */

/* What is read of, and how far. */
struct cursor {
	const char *p, *end;
};

/* What the answer follows from. */
struct facts {
	struct span method;
	unsigned minor;			/* of HTTP/1 */
	unsigned hosts, lengths, codings;
	bool bad_length, bad_coding;
	bool close, keep_alive;		/* named by Connection */
};

/* What a part of a request is: there, not all of it yet, or wrong. */
enum part { PART_OPEN, PART_READ, PART_WRONG };

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* --- the request line, RFC 9112 section 3 --------------------------- */

/* It is wrong from its first wrong byte on. */
static enum part
read_method(struct cursor *c, struct span *method)
{
	const char *start = c->p;

	while (c->p < c->end && ((*c->p >= 'A' && *c->p <= 'Z') ||
	    *c->p == '-' || *c->p == '_'))
		c->p++;
	*method = (struct span){ start, (size_t)(c->p - start) };
	if (c->p == c->end)
		return PART_OPEN;
	return *c->p == ' ' && method->len > 0 ? PART_READ : PART_WRONG;
}

/* "/path" or "scheme://host/path", up to the space or the line's end. */
static enum part
read_target(struct cursor *c)
{
	const char *start;

	while (c->p < c->end && *c->p == ' ')
		c->p++;
	start = c->p;
	while (c->p < c->end && (unsigned char)*c->p > ' ' && *c->p != 0x7f) {
		if (*start != '/' && !is_alnum((unsigned char)*c->p) &&
		    *c->p != ':')
			break;
		c->p++;
	}
	if (c->p == c->end)
		return PART_OPEN;
	if (c->p == start)
		return PART_WRONG;
	if (*start == '/')
		return *c->p == ' ' || *c->p == '\r' || *c->p == '\n' ?
		    PART_READ : PART_WRONG;
	if (c->end - c->p < 2)
		return PART_OPEN;
	if (c->p[-1] != ':' || c->p[0] != '/' || c->p[1] != '/')
		return PART_WRONG;
	while (c->p < c->end && (unsigned char)*c->p > ' ' && *c->p != 0x7f)
		c->p++;
	return c->p == c->end ? PART_OPEN : PART_READ;
}

/* What is left of the line, without its end. */
static enum part
read_rest(struct cursor *c, struct span *line)
{
	const char *eol = memchr(c->p, '\n', (size_t)(c->end - c->p));

	if (eol == NULL)
		return PART_OPEN;
	*line = (struct span){ c->p, (size_t)(eol - c->p) };
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	c->p = eol + 1;
	return memchr(line->p, '\0', line->len) == NULL ? PART_READ :
	    PART_WRONG;
}

/* "HTTP/N.N", with spaces around it: the status, 0 when it is fine. */
static int
read_version(struct span v, struct web_request *r, struct facts *f)
{
	while (v.len > 0 && *v.p == ' ') {
		v.p++;
		v.len--;
	}
	while (v.len > 0 && v.p[v.len - 1] == ' ')
		v.len--;
	if (v.len == 0) {
		r->bare = true;
		return span_is(f->method, "GET") ? 0 : 400;
	}
	if (v.len != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.' ||
	    v.p[5] < '1' || v.p[5] > '9' || v.p[7] < '0' || v.p[7] > '9')
		return 400;
	f->minor = (unsigned)(v.p[7] - '0');
	return v.p[5] == '1' ? 0 : 505;
}

static enum part
read_request_line(struct cursor *c, struct web_request *r, struct facts *f)
{
	struct span version;
	enum part part;

	while (c->p < c->end && (*c->p == '\r' || *c->p == '\n'))
		c->p++;
	if ((part = read_method(c, &f->method)) != PART_READ ||
	    (part = read_target(c)) != PART_READ ||
	    (part = read_rest(c, &version)) != PART_READ)
		return part;
	r->status = read_version(version, r, f);
	return r->status == 0 ? PART_READ : PART_WRONG;
}

/* --- headers ---------------------------------------------------------- */

static uint64_t
read_length(struct span v, bool *bad)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < v.len && v.p[i] >= '0' && v.p[i] <= '9' && i < 18; i++)
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	*bad |= i == 0 || i < v.len;
	return n;
}

static bool
has_word(struct span v, const char *word)
{
	size_t i;

	for (i = 0; i < v.len; i++)
		if (span_begins((struct span){ v.p + i, v.len - i }, word))
			return true;
	return false;
}

/* A line that has no value counts for nothing; false: no header begins so. */
static bool
read_header(struct span line, struct web_request *r, struct facts *f)
{
	const char *colon = memchr(line.p, ':', line.len);
	struct span name, v;
	size_t i;

	name = (struct span){ line.p, colon == NULL ? line.len :
	    (size_t)(colon - line.p) };
	for (i = 0; i < name.len; i++)
		if ((unsigned char)name.p[i] <= ' ' || name.p[i] == 0x7f)
			return false;
	if (name.len == 0 || colon == NULL)
		return name.len > 0;
	v = (struct span){ colon + 1, line.len - name.len - 1 };
	for (; v.len > 0 && is_space(*v.p); v.len--)
		v.p++;
	while (v.len > 0 && is_space(v.p[v.len - 1]))
		v.len--;
	if (span_is(name, "Host"))
		f->hosts++;
	else if (span_is(name, "Connection")) {
		f->close |= has_word(v, "close");
		f->keep_alive |= has_word(v, "keep-alive");
	} else if (span_is(name, "Content-Length")) {
		f->lengths++;
		r->skip = read_length(v, &f->bad_length);
	} else if (span_is(name, "Transfer-Encoding")) {
		f->codings++;
		f->bad_coding |= !span_is(v, "chunked");
	}
	return true;
}

static enum part
read_headers(struct cursor *c, struct web_request *r, struct facts *f)
{
	struct span line;
	enum part part;

	while ((part = read_rest(c, &line)) == PART_READ && line.len > 0)
		if (!read_header(line, r, f))
			return PART_WRONG;
	return part;
}

/* --- the answer ------------------------------------------------------- */

static int
judge(const struct facts *f)
{
	if (f->hosts > 1 || (f->hosts == 0 && f->minor > 0) ||
	    f->lengths > 1 || f->bad_length || (f->codings > 0 &&
	    (f->lengths > 0 || f->minor == 0)))
		return 400;
	if (f->bad_coding)
		return 501;
	return span_is(f->method, "GET") || span_is(f->method, "HEAD") ||
	    span_is(f->method, "POST") ? 404 : 405;
}

static size_t
answer_with(struct web_request *r, int status, size_t taken)
{
	r->status = status;
	r->keep_alive = false;
	r->skip = 0;
	return taken;
}

size_t
web_read(const uint8_t *p, size_t n, struct web_request *r)
{
	struct cursor c = { (const char *)p, (const char *)p + n };
	struct facts f = { .minor = 0 };
	enum part part;

	memset(r, 0, sizeof(*r));
	part = read_request_line(&c, r, &f);
	if (part == PART_OPEN)
		return n < LINE_MAX_LEN ? 0 : answer_with(r, 414, n);
	if (part == PART_READ && r->bare)
		return answer_with(r, 404, n);
	if (part == PART_READ)
		part = read_headers(&c, r, &f);
	if (part == PART_OPEN && n < WEB_HEAD_MAX)
		return 0;
	if (part != PART_READ)
		return answer_with(r, r->status != 0 ? r->status : 400, n);
	r->head = span_is(f.method, "HEAD");
	r->keep_alive = f.minor > 0 ? !f.close : f.keep_alive && !f.close;
	r->status = judge(&f);
	if ((r->status != 404 && r->status != 405) || f.codings > 0 ||
	    r->skip > SKIP_MAX)
		answer_with(r, r->status, 0);
	return (size_t)((const uint8_t *)c.p - p);
}

/* In that server's words. */
static const char *
phrase_of(int status)
{
	return status == 405 ? "Not Allowed" :
	    status == 414 ? "Request-URI Too Large" : http_phrase(status);
}

void
web_answer(const struct web_request *r, struct buffer *out)
{
	char page[320], head[512], date[HTTP_DATE_MAX];
	const char *phrase = phrase_of(r->status);
	int n = snprintf(page, sizeof(page), "<html>\r\n<head><title>%d %s"
	    "</title></head>\r\n<body>\r\n<center><h1>%d %s</h1></center>\r\n"
	    "<hr><center>" WEB_SERVER "</center>\r\n</body>\r\n</html>\r\n",
	    r->status, phrase, r->status, phrase);
	int len = snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\n"
	    "Server: " WEB_SERVER "\r\n%s"
	    "Content-Type: text/html\r\nContent-Length: %d\r\n"
	    "Connection: %s\r\n\r\n", r->status, phrase, http_date_line(date),
	    n, r->keep_alive ? "keep-alive" : "close");

	if (!r->bare)
		buffer_put(out, head, (size_t)len);
	if (!r->head)
		buffer_put(out, page, (size_t)n);
}
