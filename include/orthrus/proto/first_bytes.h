/* SPDX-License-Identifier: ISC */
/*
 * Who comes, by the first bytes that are sent: for a port that takes several
 * protocols.  Pure.
 */
#ifndef ORTHRUS_PROTO_FIRST_BYTES_H
#define ORTHRUS_PROTO_FIRST_BYTES_H

#include <stddef.h>
#include <stdint.h>

#define FIRST_BYTES_MAX 8	/* more are never needed to say who it is */

enum first_bytes {
	FIRST_OPEN,	/* too few to say */
	FIRST_SSH,	/* "SSH-", RFC 4253 section 4.2, or resume.h's request */
	FIRST_TLS,	/* a record of a handshake, RFC 8446 section 5.1 */
	FIRST_OTHER	/* HTTP, or nothing that we know */
};

/* Of the n bytes at p, the first of a connection. */
enum first_bytes first_bytes_read(const uint8_t *p, size_t n);

#endif
