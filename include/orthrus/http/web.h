/* SPDX-License-Identifier: ISC */
/*
 * What a plain web server without any page says, whatever it is asked: for a
 * port where nothing is shown to whoever does not know what is there.  It
 * reads and answers as nginx does, since a server that is like no other one is
 * looked at twice.  Pure but for the date.
 */
#ifndef ORTHRUS_HTTP_WEB_H
#define ORTHRUS_HTTP_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/mem.h"

#define WEB_HEAD_MAX (16 * 1024)	/* bytes of a request's head */
#define WEB_ANSWER_MAX 1024		/* bytes of an answer */
#define WEB_SERVER "nginx"		/* as it calls itself, without version */

struct web_request {
	int status;		/* of its answer, RFC 9110 section 15 */
	bool bare;		/* HTTP/0.9: an answer has no head */
	bool head;		/* HEAD: it has nothing else */
	bool keep_alive;	/* another request may follow */
	uint64_t skip;		/* bytes of its body, which come before that */
};

/*
 * How many of the n bytes at p are a request's head, and what *r says of it; 0
 * while more are needed, which is never so with WEB_HEAD_MAX of them.  What is
 * no request has all of them, and is the last one.
 */
size_t web_read(const uint8_t *p, size_t n, struct web_request *r);
/* Appends the answer. */
void web_answer(const struct web_request *r, struct buffer *out);

#endif
