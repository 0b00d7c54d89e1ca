/* SPDX-License-Identifier: ISC */
/*
 * Strict readers for the HTTP/1.1 (RFC 9112) that a Docker client and a Docker
 * engine speak.  Pure functions of bytes: what is ambiguous, obsolete or not
 * needed here is an error, never repaired.
 */
#ifndef ORTHRUS_HTTP_MESSAGE_H
#define ORTHRUS_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/span.h"
#include "orthrus/http/caller.h"

#define HTTP_HEAD_MAX (16 * 1024)	/* a request's, to its empty line */
#define HTTP_ANSWER_HEAD_MAX (32 * 1024)
#define HTTP_HEADERS_MAX 100
#define HTTP_METHOD_MAX 24
#define HTTP_KEPT_MAX 4096	/* header lines of an answer passed on */

/*
 * Where the head that begins at p ends (behind its empty line), 0 when more
 * bytes are needed, or -1 when it cannot become one (a bare CR or LF, a NUL,
 * over max bytes: *status says which).  *seen is how much of it a former call
 * has looked at; 0 at first.
 */
long http_head_end(const uint8_t *p, size_t n, size_t max, size_t *seen,
    int *status);

enum http_framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED };

struct http_request {
	char method[HTTP_METHOD_MAX];
	const char *target;		/* into the head; not terminated */
	size_t target_len;
	bool http10;
	bool keep_alive;
	bool body;			/* one is announced, in whatever way */
	/*
	 * How its end is found (RFC 9112 section 6.3); FRAMING_NONE with a
	 * body when that is ambiguous or of a coding that we do not know.
	 */
	enum http_framing framing;
	uint64_t length;		/* FRAMING_LENGTH */
	bool expects;			/* 100 Continue, before it is sent */
	struct caller caller;		/* points into the head */
	struct span headers;		/* all lines of them, in the head */
};

/*
 * Reads a head of n bytes, its empty line included.  Returns 0, or the status
 * to answer with *reason (static text), after which the connection is closed,
 * as it must be when a body is announced that is not read: what follows could
 * pass for a request.
 */
int http_request_read(const uint8_t *head, size_t n, struct http_request *r,
    const char **reason);

/*
 * How many headers of that name a request has that was read, whose head is
 * still there; *value is the last one's.
 */
unsigned http_request_header(const struct http_request *r, const char *name,
    struct span *value);

struct http_answer {
	int status;
	enum http_framing framing;
	uint64_t length;		/* FRAMING_LENGTH */
	bool keep_alive;
	char kept[HTTP_KEPT_MAX];	/* header lines that are passed on,
					   each with its CRLF */
	size_t kept_len;
};

/*
 * Reads the head of an answer; head_request says that no body follows.  0, or
 * -1 with *reason when the engine does not speak as it should.
 */
int http_answer_read(const uint8_t *head, size_t n, bool head_request,
    struct http_answer *a, const char **reason);

/* The chunked transfer coding, RFC 9112 section 7.1: no extensions, no
 * trailers. */
struct http_chunks {
	int state;
	unsigned digits;
	uint64_t left;			/* of the chunk, still to come */
};

/*
 * Goes through n bytes at p.  Returns how many were used; *data and *len are
 * the payload among them (at most one piece for each call; call again while
 * bytes are left).  *done: the last chunk has ended.  -1 when malformed.
 */
long http_chunks_read(struct http_chunks *c, const uint8_t *p, size_t n,
    const uint8_t **data, size_t *len, bool *done);

#endif
