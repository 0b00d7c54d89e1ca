/* Replies of the HTTP API that are sent as a whole, and their headers. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"

#include "http.h"

void
http_header(struct evhttp_request *req, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(req), name, value);
}

void
http_own_headers(struct evhttp_request *req, const char *type)
{
	http_header(req, "Content-Type", type);
	http_header(req, "Cache-Control", "no-store");
	http_header(req, "X-Content-Type-Options", "nosniff");
}

/* libevent would send the body of an answer to HEAD, too. */
void
http_say(struct evhttp_request *req, int status, const char *type,
    const char *text)
{
	struct evbuffer *body = NULL;
	char length[24];

	http_own_headers(req, type);
	snprintf(length, sizeof(length), "%zu", strlen(text));
	http_header(req, "Content-Length", length);
	if (evhttp_request_get_command(req) != EVHTTP_REQ_HEAD) {
		body = evbuffer_new();
		evbuffer_add(body, text, strlen(text));
	}
	evhttp_send_reply(req, status, NULL, body);
	if (body != NULL)
		evbuffer_free(body);
}

void
http_message(struct evhttp_request *req, int status, const char *fmt, ...)
{
	char plain[256], text[512], *body;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(plain, sizeof(plain), fmt, ap);
	va_end(ap);
	text_escape(text, sizeof(text), plain, TEXT_JSON);
	body = xasprintf("{\"message\":\"%s\"}\n", text);
	http_say(req, status, "application/json", body);
	free(body);
}
