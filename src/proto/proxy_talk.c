/* SPDX-License-Identifier: ISC */
/* What the two ways to speak with a proxy have in common. */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/proto/proxy_talk.h"

void
proxy_talk_begin(struct proxy_talk *t, const struct proxy *proxy,
    const char *host, uint16_t port)
{
	memset(t, 0, sizeof(*t));
	t->proxy = proxy;
	snprintf(t->host, sizeof(t->host), "%s", host);
	t->port = port;
	if (proxy->kind == PROXY_HTTP)
		http_talk_begin(t);
	else
		socks_talk_begin(t);
}

enum proxy_progress
proxy_talk_take(struct proxy_talk *t, uint8_t byte, struct error *e)
{
	t->total++;
	return t->take(t, byte, e);
}

void
proxy_talk_closed(const struct proxy_talk *t, struct error *e)
{
	const char *other = t->proxy->kind == PROXY_HTTP ? "a SOCKS5 proxy "
	    "(socks5h://)" : "an HTTP proxy (http://)";

	if (t->total == 0)
		error_set(e, EX_UNAVAILABLE, "it closed the connection without "
		    "an answer; is it %s, or does it not serve this host?",
		    other);
	else
		error_set(e, EX_UNAVAILABLE, "it closed the connection in the "
		    "middle of its answer");
}

void
proxy_talk_wipe(struct proxy_talk *t)
{
	sodium_memzero(t, sizeof(*t));
}
