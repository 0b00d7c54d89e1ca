/* SPDX-License-Identifier: ISC */
/*
 * The server's half of a SOCKS5 handshake (RFC 1928, RFC 1929) as a pure,
 * incremental parser: bytes in, replies and a verdict out.  It has no
 * descriptor, no clock and allocates nothing.
 */
#ifndef ORTHRUS_PROTO_SOCKS5_H
#define ORTHRUS_PROTO_SOCKS5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"

/* Reply codes, RFC 1928 section 6. */
enum socks5_reply {
	SOCKS5_SUCCEEDED = 0,
	SOCKS5_FAILURE = 1,
	SOCKS5_PROHIBITED = 2,
	SOCKS5_HOST_UNREACHABLE = 4,
	SOCKS5_REFUSED = 5,
	SOCKS5_COMMAND_UNSUPPORTED = 7,
	SOCKS5_ADDRESS_UNSUPPORTED = 8
};

enum socks5_verdict {
	SOCKS5_MORE,		/* send out, wait for more bytes */
	SOCKS5_CONNECT,		/* the request is complete: see s->to */
	SOCKS5_CLOSE		/* send out, then close */
};

#define SOCKS5_OUT_MAX 512	/* the most one call writes to out */

struct socks5 {
	/* Set by the caller; both NULL: no authentication is asked for. */
	const char *username, *password;
	/* CONNECT's destination; host holds a name, IPv4 or IPv6 literal. */
	struct address to;
	/* private */
	int state;
	size_t have, want;
	uint8_t buf[600];
};

void socks5_init(struct socks5 *s, const char *username, const char *password);

/*
 * Takes up to len bytes from in; *consumed says how many belonged to the
 * handshake (bytes after a complete request are the stream's and are not
 * consumed).  What must be sent goes to out, at most SOCKS5_OUT_MAX bytes,
 * its length to *outlen.  HTTP and SOCKS4 clients get a short answer in their
 * own protocol that says what this port is, and SOCKS5_CLOSE.  A command
 * other than CONNECT is answered 0x07, an unknown address type 0x08, a
 * malformed host 0x01, wrong credentials as in RFC 1929, no acceptable method
 * 0xff, each with SOCKS5_CLOSE.  Credentials are compared in constant time
 * and wiped.  After SOCKS5_CONNECT or SOCKS5_CLOSE nothing more is consumed.
 */
enum socks5_verdict socks5_feed(struct socks5 *s, const uint8_t *in, size_t len,
    size_t *consumed, uint8_t out[SOCKS5_OUT_MAX], size_t *outlen);

/*
 * Writes the reply to a CONNECT with the bound address 0.0.0.0:0 (we do not
 * know the far end's) and returns its length.
 */
size_t socks5_reply(enum socks5_reply code, uint8_t out[SOCKS5_OUT_MAX]);

/*
 * What it means that a server could not connect, from its own words (RFC 4254
 * section 5.1 has one code for all of it): refused where they say nothing of
 * the reason, or something unknown.
 */
enum socks5_reply socks5_reply_for(const char *text);

/* Wipes everything, credentials included. */
void socks5_clear(struct socks5 *s);

#endif
