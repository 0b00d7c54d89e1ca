/* SPDX-License-Identifier: ISC */
/* See write.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "orthrus/base/text.h"
#include "orthrus/http/write.h"

const char *
http_phrase(int status)
{
	static const struct { int status; const char *text; } known[] = {
		{ 100, "Continue" },
		{ 200, "OK" }, { 201, "Created" }, { 204, "No Content" },
		{ 301, "Moved Permanently" }, { 304, "Not Modified" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
		{ 408, "Request Timeout" }, { 409, "Conflict" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 417, "Expectation Failed" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 502, "Bad Gateway" }, { 503, "Service Unavailable" },
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
http_put_head(struct buffer *out, const struct http_head *h)
{
	char line[128];

	snprintf(line, sizeof(line), "HTTP/1.%d %d %s\r\n", !h->http10,
	    h->status, http_phrase(h->status));
	put_text(out, line);
	if (h->lines != NULL)
		buffer_put(out, h->lines, h->lines_len);
	if (h->more != NULL)
		put_text(out, h->more);
	if (h->framing == FRAMING_LENGTH) {
		snprintf(line, sizeof(line), "Content-Length: %llu\r\n",
		    (unsigned long long)h->length);
		put_text(out, line);
	} else if (h->framing == FRAMING_CHUNKED)
		put_text(out, "Transfer-Encoding: chunked\r\n");
	put_text(out, h->close ? "Connection: close\r\n\r\n" :
	    h->http10 ? "Connection: keep-alive\r\n\r\n" : "\r\n");
}

void
http_put_chunk(struct buffer *out, const void *p, size_t n)
{
	char size[24];

	snprintf(size, sizeof(size), "%zx\r\n", n);
	put_text(out, size);
	buffer_put(out, p, n);
	put_text(out, "\r\n");
}

void
http_put_last_chunk(struct buffer *out)
{
	put_text(out, "0\r\n\r\n");
}

const char *
http_date_line(char line[HTTP_DATE_MAX])
{
	time_t now = time(NULL);
	struct tm tm;

	strftime(line, HTTP_DATE_MAX, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
	    gmtime_r(&now, &tm));
	return line;
}

size_t
http_message_json(char json[HTTP_MESSAGE_MAX], const char *prefix,
    const char *message)
{
	char text[600];

	text_escape(text, sizeof(text), message, TEXT_JSON);
	return (size_t)snprintf(json, HTTP_MESSAGE_MAX,
	    "{\"message\":\"%s%s\"}\n", prefix, text);
}
