/* SPDX-License-Identifier: ISC */
/*
 * Writing HTTP/1.1 (RFC 9112) to a client: heads, chunks, and answers that are
 * known as a whole.  Everything is appended to a buffer; what does not fit
 * under its limit is left out, which only a limit below 64 KiB would notice.
 */
#ifndef ORTHRUS_HTTP_WRITE_H
#define ORTHRUS_HTTP_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/mem.h"
#include "orthrus/http/message.h"

/* The words for a status, RFC 9110 section 15; "Status" for one unknown. */
const char *http_phrase(int status);

/* What the status line and the framing of an answer are made of. */
struct http_head {
	int status;
	enum http_framing framing;
	uint64_t length;		/* bytes, with FRAMING_LENGTH */
	const char *lines, *more;	/* further headers, each with its
					   CRLF; may be NULL */
	size_t lines_len;		/* bytes of lines */
	bool http10;			/* the client's version */
	bool close;			/* its connection ends behind this */
};

/*
 * The head to its empty line.  FRAMING_NONE writes neither a length nor a
 * transfer coding: there is no body, or it ends with the connection.
 */
void http_put_head(struct buffer *out, const struct http_head *h);

/* One chunk of n > 0 bytes (RFC 9112 section 7.1), and the end of them all. */
void http_put_chunk(struct buffer *out, const void *p, size_t n);
void http_put_last_chunk(struct buffer *out);

/* A header line of now for an answer of our own (RFC 9110 section 6.6.1). */
#define HTTP_DATE_MAX 64
const char *http_date_line(char line[HTTP_DATE_MAX]);

/*
 * {"message": "..."} as Docker has its errors, with a newline behind it, for
 * the text that prefix and message give together.  Returns its length.
 */
#define HTTP_MESSAGE_MAX 640
size_t http_message_json(char json[HTTP_MESSAGE_MAX], const char *prefix,
    const char *message);

#endif
