/* SPDX-License-Identifier: ISC */
/* The client's handshake for a WebSocket (RFC 6455 section 4.1). */
#include "config.h"

#include <stdlib.h>

#include <sodium.h>

#include "orthrus/base/mem.h"

#include "websocket_private.h"

struct websocket_client {
	struct handshake head;
	char *path;
	char accept[UPGRADE_ACCEPT_LEN + 1];	/* what is to be answered */
	struct websocket_heads heads;
};

#define AWAITED "the web server's answer"

static enum handshake_result
client_go_on(struct handshake *handshake, struct transport **t,
    struct error *e)
{
	struct websocket_client *c = (struct websocket_client *)handshake;
	struct websocket_heads *h = &c->heads;
	enum handshake_result result = websocket_send_head(h, *t, e);
	size_t used;
	int rc = 0;

	while (result == HANDSHAKE_DONE && rc == 0) {
		result = websocket_read_head(h, *t, AWAITED, e);
		if (result == HANDSHAKE_DONE)
			rc = upgrade_answer_read(h->in, h->nin, c->path,
			    c->accept, &used, e);
	}
	if (rc == -1)
		return HANDSHAKE_FAILED;
	if (rc == 1)
		*t = websocket_new(*t, h, used, true);
	return result;
}

static const char *
client_awaits(const struct handshake *h)
{
	(void)h;
	return AWAITED;
}

static void
client_free(struct handshake *handshake)
{
	struct websocket_client *c = (struct websocket_client *)handshake;

	free(c->path);
	free(c->heads.out);
	free(c);
}

struct handshake *
websocket_connect(const char *host, uint16_t port, const char *path)
{
	static const struct handshake_ops ops = {
		"WebSocket", client_go_on, client_awaits, client_free
	};
	struct websocket_client *c = xcalloc(1, sizeof(*c));
	char key[UPGRADE_KEY_LEN + 1];
	uint8_t random[16];

	randombytes_buf(random, sizeof(random));
	sodium_bin2base64(key, sizeof(key), random, sizeof(random),
	    sodium_base64_VARIANT_ORIGINAL);
	c->head.ops = &ops;
	c->path = xstrdup(path);
	c->heads.out = upgrade_request(host, port, path, key);
	upgrade_accept(key, c->accept);
	return &c->head;
}
