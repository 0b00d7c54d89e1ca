/* SPDX-License-Identifier: ISC */
/*
 * An answer (RFC 9112) read as it arrives, in pieces of any size: its head,
 * then its payload without the framing.
 */
#ifndef ORTHRUS_HTTP_READER_H
#define ORTHRUS_HTTP_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/mem.h"
#include "orthrus/http/message.h"

struct http_reader {
	bool head_request;		/* no body will follow */
	bool begun;			/* the final head was read: see answer */
	bool done;			/* so was all of the body */
	struct http_answer answer;

	struct buffer raw;		/* a head that is not complete */
	size_t seen;
	uint64_t left;			/* FRAMING_LENGTH: still to come */
	struct http_chunks chunks;
};

/* For the answer to one request; head_request: that was HEAD. */
void http_reader_init(struct http_reader *r, bool head_request);
void http_reader_clear(struct http_reader *r);

/* True before the first byte of the answer. */
bool http_reader_is_fresh(const struct http_reader *r);

/*
 * Goes through n > 0 bytes at p.  Returns how many were used; *data and *len
 * are the payload among them, one piece for each call at most: call again
 * while bytes are left and r->done is not set.  Answers of 1xx are skipped
 * (RFC 9110 section 15.2).  -1 with *why (static text) when the server does
 * not speak as it should, and for 101, which was not asked for.
 */
long http_reader_feed(struct http_reader *r, const uint8_t *p, size_t n,
    const uint8_t **data, size_t *len, const char **why);

#endif
