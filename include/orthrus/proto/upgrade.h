/* SPDX-License-Identifier: ISC */
/*
 * The two heads of HTTP/1.1 that make a WebSocket of a connection (RFC 6455
 * sections 1.3 and 4), for both sides.  Pure functions of bytes.
 */
#ifndef ORTHRUS_PROTO_UPGRADE_H
#define ORTHRUS_PROTO_UPGRADE_H

#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"

#define UPGRADE_PROTOCOL "ssh"
#define UPGRADE_HEAD_MAX (16 * 1024)	/* of either head */
#define UPGRADE_KEY_LEN 24		/* base64 of 16 bytes */
#define UPGRADE_ACCEPT_LEN 28		/* base64 of a SHA-1 */

/* What a server says to a client's key; both are terminated. */
void upgrade_accept(const char key[UPGRADE_KEY_LEN + 1],
    char accept[UPGRADE_ACCEPT_LEN + 1]);

/* --- the client's side ------------------------------------------------ */

/*
 * The request, which is the caller's to free.  host is without brackets; port
 * is left out of Host where it is 443.
 */
char *upgrade_request(const char *host, uint16_t port, const char *path,
    const char key[UPGRADE_KEY_LEN + 1]);

/*
 * Reads the answer: 1 when it is what was asked for, and *used is how many
 * bytes it had; 0 when more are needed; or -1 with *e (EX_UNAVAILABLE), which
 * says what to do about it.
 */
int upgrade_answer_read(const uint8_t *p, size_t n, const char *path,
    const char accept[UPGRADE_ACCEPT_LEN + 1], size_t *used, struct error *e);

/* --- the server's side ------------------------------------------------ */

enum upgrade_look {
	UPGRADE_MORE,		/* not to be told from so few bytes */
	UPGRADE_WANTED,		/* a WebSocket at this path */
	UPGRADE_OTHER		/* any other request, or none at all */
};

/*
 * What a client asks for, by the bytes that have come from it.  Only a whole
 * head with the path, GET and Upgrade is WANTED; what is wrong with it beside
 * that is for upgrade_request_read() to say.
 */
enum upgrade_look upgrade_look(const uint8_t *p, size_t n, const char *path);

/*
 * Reads a request: 1 when it is granted, 0 when more bytes are needed, or -1
 * with *e, when it is refused.  *used is its length; *answer, unless it is
 * NULL, is what the client is told, and the caller's to free.
 */
int upgrade_request_read(const uint8_t *p, size_t n, const char *path,
    size_t *used, char **answer, struct error *e);

#endif
