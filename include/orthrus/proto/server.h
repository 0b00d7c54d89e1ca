/* SPDX-License-Identifier: ISC */
/* Server addresses: [ssh://|tls://][user@]HOST[:PORT], IPv6 in brackets. */
#ifndef ORTHRUS_PROTO_SERVER_H
#define ORTHRUS_PROTO_SERVER_H

#include "orthrus/base/address.h"

#define USER_MAX 65		/* 64 bytes and NUL */
#define SERVER_TEXT_MAX (USER_MAX + ADDRESS_TEXT_MAX + 8)

enum transport_kind { TRANSPORT_TCP, TRANSPORT_TLS };

/* Which of several is the best: that listed first, or that which is nearest. */
enum server_preference { PREFER_ORDER, PREFER_FASTEST };

struct server {
	enum transport_kind transport;
	char user[USER_MAX];	/* empty when the text names none */
	char host[HOST_MAX];	/* without brackets */
	uint16_t port;		/* default 22, 443 for tls:// */
};

/*
 * Returns 0, or -1 with *e (EX_USAGE); *server is then untouched.  A path or
 * a trailing '/' after the port is refused, as is a password in the user
 * part.
 */
int server_parse(const char *s, struct server *server, struct error *e);

/* Canonical text with scheme and port always, user when there is one. */
const char *server_format(const struct server *server,
    char text[SERVER_TEXT_MAX]);

#endif
