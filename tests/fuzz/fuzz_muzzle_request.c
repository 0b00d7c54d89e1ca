/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as the head of a request: it ends in the same place however it
 * arrives, and what is taken has, to a simpler reader, one request line, well
 * formed headers and one Host.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orthrus/http/message.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define CHECK(ok) do { if (!(ok)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In pieces of about every size; seed makes the sizes. */
static long
head_end(const uint8_t *data, size_t size, unsigned seed, int *status)
{
	size_t seen = 0, n = 0;
	long end = 0;

	*status = 0;
	while (end == 0 && n < size) {
		seed = seed * 1103515245 + 12345;
		n += 1 + (seed >> 16) % (1 << seed % 12);
		if (n > size)
			n = size;
		end = http_head_end(data, n, HTTP_HEAD_MAX, &seen, status);
	}
	return end;
}

static bool
named(const char *line, const char *name)
{
	return strncasecmp(line, name, strlen(name)) == 0 &&
	    line[strlen(name)] == ':';
}

/* A path in hexadecimal, by clients that are built on OkHttp. */
static bool
is_socket(const char *name, const char *last)
{
	return strcasecmp(last, ".socket") == 0 &&
	    strncasecmp(name, "2f", 2) == 0 &&
	    strspn(name, DIGITS "abcdefABCDEF.") >= (size_t)(last - name);
}

/*
 * A name that DNS can have, as a simpler reader sees it: nothing but its
 * bytes, two labels or more, and the last one a word.
 */
static bool
is_of_dns(char *name)
{
	char *last;
	size_t n;

	name[strcspn(name, ":")] = '\0';
	n = strlen(name);
	if (n > 0 && name[n - 1] == '.')
		name[--n] = '\0';
	last = strrchr(name, '.');
	return last != NULL && strspn(name, LETTERS DIGITS "-_.") == n &&
	    strspn(last + 1, LETTERS) == strlen(last + 1) &&
	    strcasecmp(last, ".localhost") != 0 &&
	    strcasecmp(last, ".orthrus") != 0 &&
	    strcasecmp(last, ".sock") != 0 && !is_socket(name, last) &&
	    strcasecmp(name, "docker.example.com") != 0;	/* the CLI's */
}

static void
check_host(const char *value, const struct http_request *r)
{
	enum caller_kind kind = caller_judge(&r->caller, NULL);
	char *name = strdup(value);
	size_t n = strlen(value);

	CHECK(name != NULL);
	while (n > 0 && strchr(" \t", name[n - 1]) != NULL)
		name[--n] = '\0';
	if (strpbrk(name, "@,; \t\"\\#?") != NULL)
		CHECK(kind == CALLER_FOREIGN);
	if (is_of_dns(name)) {
		CHECK(kind == CALLER_FOREIGN);
		if (name[0] != '.' && strstr(value, "..") == NULL &&
		    strchr(value, ':') == NULL)
			CHECK(caller_judge(&r->caller, name) !=
			    CALLER_FOREIGN);
	}
	free(name);
}

/* Returns true when the line announces a body. */
static bool
check_header(const char *line, const struct http_request *r, unsigned *hosts,
    unsigned *lengths, unsigned *codings)
{
	const char *p, *value;

	CHECK((value = strchr(line, ':')) != NULL && value > line);
	for (p = line; p < value; p++)
		CHECK(*p > ' ' && *p < 0x7f && *p != '"' && *p != '(');
	value += 1 + strspn(value + 1, " \t");
	if (named(line, "Host")) {
		++*hosts;
		check_host(value, r);
	}
	if (named(line, "Origin") || (named(line, "Sec-Fetch-Site") &&
	    strncasecmp(value, "same-origin", 11) != 0))
		CHECK(caller_judge(&r->caller, NULL) != CALLER_PROGRAM);
	if (named(line, "Content-Length")) {
		CHECK(++*lengths == 1);
		CHECK(value[strspn(value, "0123456789 \t")] == '\0' &&
		    *value != '\0');
		return value[strspn(value, "0 \t")] != '\0';
	}
	*codings += named(line, "Transfer-Encoding");
	return named(line, "Transfer-Encoding") || named(line, "Trailer") ||
	    named(line, "Expect");
}

static void
check_request(char *head, const struct http_request *r)
{
	char *line, *next = head;
	unsigned hosts = 0, lengths = 0, codings = 0, headers = 0;
	bool body = false;
	size_t n = strlen(r->method);

	CHECK(n > 0 && n < sizeof(r->method));
	CHECK(strncmp(head, r->method, n) == 0 && head[n] == ' ');
	CHECK(r->target_len > 0 &&
	    memchr(r->target, ' ', r->target_len) == NULL);
	CHECK(r->target_len + n + 1 < HTTP_HEAD_MAX &&
	    memcmp(head + n + 1, r->target, r->target_len) == 0);
	CHECK(strncmp(head + n + 1 + r->target_len, r->http10 ?
	    " HTTP/1.0\r\n" : " HTTP/1.1\r\n", 11) == 0);
	next = strstr(head, "\r\n") + 2;
	while (strncmp(next, "\r\n", 2) != 0) {
		line = next;
		next = strstr(line, "\r\n");
		*next = '\0';
		next += 2;
		body |= check_header(line, r, &hosts, &lengths, &codings);
		headers++;
	}
	CHECK(next[2] == '\0' && headers <= HTTP_HEADERS_MAX);
	CHECK(hosts == 1 || (hosts == 0 && r->http10));
	CHECK(body == r->body);
	/* A body is read only where its end can be seen in one way. */
	CHECK(r->framing == FRAMING_NONE || body);
	CHECK(r->framing != FRAMING_LENGTH || (lengths == 1 && codings == 0));
	CHECK(r->framing != FRAMING_CHUNKED || (lengths == 0 && codings == 1 &&
	    !r->http10));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *reason = "";
	struct http_request r;
	size_t seen = 0;
	int status, again, rc;
	uint8_t *head;
	char *text;
	long end;

	status = 0;
	end = http_head_end(data, size, HTTP_HEAD_MAX, &seen, &status);
	CHECK(head_end(data, size, (unsigned)size, &again) == end);
	CHECK(status == again && (end == -1) == (status != 0));
	CHECK(head_end(data, size, (unsigned)size + 1, &again) == end);
	if (end <= 0)
		return 0;
	CHECK(end <= HTTP_HEAD_MAX && (size_t)end <= size);
	/* Of just that size: the sanitizer sees one byte beyond. */
	head = malloc((size_t)end);
	text = malloc((size_t)end + 1);
	CHECK(head != NULL && text != NULL);
	memcpy(head, data, (size_t)end);
	memcpy(text, data, (size_t)end);
	text[end] = '\0';
	rc = http_request_read(head, (size_t)end, &r, &reason);
	if (rc == 0)
		check_request(text, &r);
	else
		CHECK((rc == 400 || rc == 431 || rc == 505) &&
		    reason != NULL && reason[0] != '\0');
	free(text);
	free(head);
	return 0;
}
