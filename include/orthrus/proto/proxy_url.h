/* SPDX-License-Identifier: ISC */
/*
 * Proxies in front of servers: the URL of one, and the variables that name
 * them for all programs, as curl(1) reads them.
 */
#ifndef ORTHRUS_PROTO_PROXY_URL_H
#define ORTHRUS_PROTO_PROXY_URL_H

#include "orthrus/proto/server.h"

#define PROXY_WORD_MAX 256	/* user and password: 255 bytes (RFC 1929) */
#define PROXY_TEXT_MAX (3 * PROXY_WORD_MAX + ADDRESS_TEXT_MAX + 16)

enum proxy_kind {
	PROXY_NONE,
	PROXY_HTTP,		/* CONNECT (RFC 9110 section 9.3.6) */
	PROXY_SOCKS5,		/* RFC 1928, the server's name resolved here */
	PROXY_SOCKS5H		/* the same, resolved by the proxy */
};

struct proxy {
	enum proxy_kind kind;
	char host[HOST_MAX];		/* without brackets */
	uint16_t port;			/* default 1080, as for curl(1) */
	char user[PROXY_WORD_MAX];	/* empty: no login */
	char password[PROXY_WORD_MAX];
};

/*
 * Reads (http|socks5|socks5h)://[USER[:PASSWORD]@]HOST[:PORT][/], user and
 * password percent-decoded.  Returns 0, or -1 with *e (EX_USAGE), which quotes
 * nothing of the text; *p is then untouched.
 */
int proxy_parse(const char *s, struct proxy *p, struct error *e);

/*
 * Why this user and password cannot be told to such a proxy, for people, or
 * NULL when they can.
 */
const char *proxy_login_fault(const struct proxy *p);

/* The URL, with "***" for a password: what may be shown and logged. */
const char *proxy_format(const struct proxy *p, char text[PROXY_TEXT_MAX]);

/* Which proxy is in front of which server. */
struct proxies {
	struct proxy ssh;	/* of a server that speaks plain SSH */
	struct proxy tls;	/* of one behind TLS, with WebSocket or without */
	char *except;		/* list of hosts that have none, or NULL */
};

/*
 * True when the list, such as "localhost, .example.com, 10.0.0.0/8, *", has the
 * host: a name with all that are below it, an address, or a network.
 */
bool proxy_list_has(const char *list, const char *host);

/* The proxy in front of the server, or NULL. */
const struct proxy *proxies_find(const struct proxies *v,
    const struct server *server);

/*
 * Takes ALL_PROXY, HTTPS_PROXY and NO_PROXY, or in small letters, from the
 * environment that get() reads.  HTTPS_PROXY goes first for TLS, ALL_PROXY for
 * plain SSH; small letters go first.  A URL without a scheme is one of http://.
 * 0, or -1 with *e (EX_CONFIG) and *v empty; proxies_clear() it.
 */
int proxies_from_environment(struct proxies *v,
    char *(*get)(const char *name), struct error *e);
void proxies_clear(struct proxies *v);	/* wiped */

#endif
