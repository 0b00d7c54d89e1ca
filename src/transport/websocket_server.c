/* SPDX-License-Identifier: ISC */
/* The server's handshake for a WebSocket (RFC 6455 section 4.2). */
#include "config.h"

#include <stdlib.h>

#include "orthrus/base/mem.h"

#include "websocket_private.h"

struct websocket_server {
	struct handshake head;
	char *path;
	size_t used;			/* of what was read, by the request */
	int verdict;			/* 0 while there is none */
	struct error refusal;		/* of a request that is answered so */
	struct websocket_heads heads;
};

#define AWAITED "a request"

static enum handshake_result
server_read(struct websocket_server *s, struct transport *t, struct error *e)
{
	struct websocket_heads *h = &s->heads;
	enum handshake_result result = HANDSHAKE_DONE;

	while (s->verdict == 0 && result == HANDSHAKE_DONE) {
		result = websocket_read_head(h, t, AWAITED, e);
		if (result == HANDSHAKE_DONE)
			s->verdict = upgrade_request_read(h->in, h->nin,
			    s->path, &s->used, &h->out, &s->refusal);
	}
	return result;
}

static enum handshake_result
server_go_on(struct handshake *handshake, struct transport **t,
    struct error *e)
{
	struct websocket_server *s = (struct websocket_server *)handshake;
	enum handshake_result result = server_read(s, *t, e);

	if (result == HANDSHAKE_DONE)
		result = websocket_send_head(&s->heads, *t, e);
	if (result != HANDSHAKE_DONE)
		return result;
	if (s->verdict == -1) {
		*e = s->refusal;
		return HANDSHAKE_FAILED;
	}
	*t = websocket_new(*t, &s->heads, s->used, false);
	return HANDSHAKE_DONE;
}

static const char *
server_awaits(const struct handshake *h)
{
	(void)h;
	return AWAITED;
}

static void
server_free(struct handshake *handshake)
{
	struct websocket_server *s = (struct websocket_server *)handshake;

	free(s->path);
	free(s->heads.out);
	free(s);
}

struct handshake *
websocket_accept(const char *path)
{
	static const struct handshake_ops ops = {
		"WebSocket", server_go_on, server_awaits, server_free
	};
	struct websocket_server *s = xcalloc(1, sizeof(*s));

	s->head.ops = &ops;
	s->path = xstrdup(path);
	return &s->head;
}
