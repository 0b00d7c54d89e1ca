/* SPDX-License-Identifier: ISC */
/* Speaks with a proxy: see proxy.h, and proxy_talk.h for what is said. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/proxy_talk.h"
#include "orthrus/transport/proxy.h"

struct proxy_handshake {
	struct handshake head;
	struct proxy_talk talk;
	size_t sent;			/* of what the talk has to say */
	char text[PROXY_TEXT_MAX];	/* which proxy, for errors */
};

static enum handshake_result
fail_transport(struct proxy_handshake *h, const struct transport *t, int error,
    struct error *e)
{
	if (error == 0)
		proxy_talk_closed(&h->talk, e);
	else
		error_set(e, EX_UNAVAILABLE, "%s", transport_why(t, error));
	error_prefix(e, "%s", h->text);
	return HANDSHAKE_FAILED;
}

/* Sends what the talk has to say: HANDSHAKE_DONE when all is gone. */
static enum handshake_result
proxy_send(struct proxy_handshake *h, struct transport *t, struct error *e)
{
	ssize_t n;

	while (h->sent < h->talk.out_len) {
		n = transport_write(t, h->talk.out + h->sent,
		    h->talk.out_len - h->sent);
		if (n == -1 && errno == EAGAIN)
			return HANDSHAKE_WRITE;
		if (n == -1)
			return fail_transport(h, t, errno, e);
		h->sent += (size_t)n;
	}
	sodium_memzero(h->talk.out, h->talk.out_len);
	h->sent = h->talk.out_len = 0;
	return HANDSHAKE_DONE;
}

/*
 * Byte by byte, since what follows the answer, at times in the same packet, is
 * the server's; an answer has a few hundred.
 */
static enum handshake_result
go_on_with_proxy(struct handshake *head, struct transport **t, struct error *e)
{
	struct proxy_handshake *h = (struct proxy_handshake *)head;
	enum handshake_result r;
	uint8_t byte;
	ssize_t n;

	for (;;) {
		if ((r = proxy_send(h, *t, e)) != HANDSHAKE_DONE)
			return r;
		n = transport_read(*t, &byte, 1);
		if (n == -1 && errno == EAGAIN)
			return HANDSHAKE_READ;
		if (n != 1)
			return fail_transport(h, *t, n == 0 ? 0 : errno, e);
		switch (proxy_talk_take(&h->talk, byte, e)) {
		case PROXY_SAYS_MORE:
			break;
		case PROXY_LEADS_THROUGH:
			return HANDSHAKE_DONE;
		case PROXY_FAILS:
			error_prefix(e, "%s", h->text);
			return HANDSHAKE_FAILED;
		}
	}
}

static const char *
proxy_awaited(const struct handshake *h)
{
	(void)h;
	return "its answer";
}

static void
proxy_free(struct handshake *head)
{
	struct proxy_handshake *h = (struct proxy_handshake *)head;

	proxy_talk_wipe(&h->talk);
	free(h);
}

struct handshake *
proxy_handshake(const struct proxy *proxy, const char *host, uint16_t port)
{
	static const struct handshake_ops ops = { "proxy", go_on_with_proxy,
	    proxy_awaited, proxy_free };
	struct proxy_handshake *h = xcalloc(1, sizeof(*h));

	h->head.ops = &ops;
	proxy_talk_begin(&h->talk, proxy, host, port);
	proxy_format(proxy, h->text);
	return &h->head;
}
