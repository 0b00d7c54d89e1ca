/* SPDX-License-Identifier: ISC */
/*
 * What is said to a proxy until it leads to the server: HTTP's CONNECT (RFC 9110
 * section 9.3.6, Basic authentication by RFC 7617) or SOCKS5 (RFC 1928, RFC
 * 1929).  Pure: bytes in, one by one so that none of the server's is taken, and
 * bytes out.
 */
#ifndef ORTHRUS_PROTO_PROXY_TALK_H
#define ORTHRUS_PROTO_PROXY_TALK_H

#include "orthrus/proto/proxy_url.h"

#define PROXY_HEAD_MAX 16384	/* bytes of an HTTP answer's head */
#define PROXY_OUT_MAX 2048
#define PROXY_LINE_MAX 256	/* of a head, the rest of it is not looked at */

enum proxy_progress {
	PROXY_SAYS_MORE,	/* send what is in out, then take more */
	PROXY_LEADS_THROUGH,	/* the next byte is the server's */
	PROXY_FAILS		/* *e says why */
};

struct proxy_talk {
	const struct proxy *proxy;	/* outlives the talk */
	char host[HOST_MAX];		/* where to: a name or a literal */
	uint16_t port;
	uint8_t out[PROXY_OUT_MAX];	/* to be sent; who does sets it to 0 */
	size_t out_len;
	/* What has come of the answer. */
	enum proxy_progress (*take)(struct proxy_talk *t, uint8_t byte,
	    struct error *e);
	uint8_t in[PROXY_LINE_MAX];	/* a line of it, or a message */
	size_t in_len;
	size_t total;			/* bytes, of all lines */
	unsigned status;		/* HTTP: 0 before its first line */
	char reason[64];		/* "407 Proxy Authentication Required" */
	bool basic;			/* this way to log in is offered */
	char way[32];			/* ... or the last other one */
};

/*
 * Begins a talk that is to lead to host and port, and puts what is to be sent
 * first into out.
 */
void proxy_talk_begin(struct proxy_talk *t, const struct proxy *proxy,
    const char *host, uint16_t port);

/* Takes a byte that the proxy has sent.  e->code is EX_UNAVAILABLE. */
enum proxy_progress proxy_talk_take(struct proxy_talk *t, uint8_t byte,
    struct error *e);

/* The proxy has closed the connection: says so in *e. */
void proxy_talk_closed(const struct proxy_talk *t, struct error *e);

void proxy_talk_wipe(struct proxy_talk *t);

/* The two ways (proxy_http.c, proxy_socks.c). */
void http_talk_begin(struct proxy_talk *t);
void socks_talk_begin(struct proxy_talk *t);

#endif
