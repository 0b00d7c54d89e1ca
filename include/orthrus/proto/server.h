/* SPDX-License-Identifier: ISC */
/*
 * Server addresses: [ssh://|tls://|wss://][user@]HOST[:PORT], IPv6 in
 * brackets; behind a wss:// one there may be a path.
 */
#ifndef ORTHRUS_PROTO_SERVER_H
#define ORTHRUS_PROTO_SERVER_H

#include "orthrus/base/address.h"

#define USER_MAX 65		/* 64 bytes and NUL */
#define SERVER_PATH_MAX 256	/* 255 bytes and NUL */
#define SERVER_PATH "/api/v1/orthrus/connect"	/* where none is given */
#define SERVER_TEXT_MAX (USER_MAX + ADDRESS_TEXT_MAX + SERVER_PATH_MAX + 8)

enum transport_kind { TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_WSS };

/* Which of several is the best: that listed first, or that which is nearest. */
enum server_preference { PREFER_ORDER, PREFER_FASTEST };

struct server {
	enum transport_kind transport;
	char user[USER_MAX];	/* empty when the text names none */
	char host[HOST_MAX];	/* without brackets */
	uint16_t port;		/* default 22, 443 for tls:// and wss:// */
	char path[SERVER_PATH_MAX];	/* of a wss://, with its '/' */
	bool scheme_given, port_given;	/* the text has one */
};

/*
 * Returns 0, or -1 with *e (EX_USAGE); *server is then untouched.  A path is
 * refused but for wss://, though behind a scheme a '/' may be the end; so is a
 * password in the user part.
 */
int server_parse(const char *s, struct server *server, struct error *e);

/*
 * Gives a server that was written without a scheme this transport, with its
 * port and path where the text has none.  0, or -1 with *e (EX_USAGE) when the
 * text has another scheme.
 */
int server_choose_transport(struct server *server, enum transport_kind kind,
    struct error *e);

/* Reads "tcp", "tls" or "wss": 0, or -1. */
int transport_parse(const char *word, enum transport_kind *kind);
/* The other way round. */
const char *transport_word(enum transport_kind kind);

/*
 * Canonical text with scheme and port always, user when there is one, and the
 * path when it is not the usual one.
 */
const char *server_format(const struct server *server,
    char text[SERVER_TEXT_MAX]);

#endif
