/* SPDX-License-Identifier: ISC */
/*
 * From the engine's answer to what the client is sent: the head is written
 * anew, the framing kept right, secrets taken out.  No sockets here.
 */
#ifndef ORTHRUS_MUZZLE_ANSWER_H
#define ORTHRUS_MUZZLE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/mem.h"
#include "orthrus/http/reader.h"
#include "orthrus/muzzle/policy.h"
#include "orthrus/muzzle/redact.h"

struct answer {
	enum answer_kind kind;
	bool redact;
	bool http10;			/* the client: no chunks */
	bool close;			/* the client's connection ends here */
	char *reveal;			/* variables that are not hidden */
	const char *every;		/* header lines for all answers */
	bool told;			/* the client has been sent something */
	struct http_reader reader;
	struct redactor *redactor;	/* NULL: nothing is masked */
	bool unreadable;		/* what was to be masked is no JSON */
	struct buffer body;		/* not passed on yet, but masked */
};

enum answer_state {
	ANSWER_MORE,			/* wants more bytes */
	ANSWER_DONE,			/* complete */
	ANSWER_BAD			/* *why; a->told: too late for a 502 */
};

/*
 * For the answer to what v allows; reveal (see names.h) is copied, every (see
 * server.h) is not.  Secrets are masked as the answer passes.
 */
void answer_begin(struct answer *a, const struct verdict *v, bool http10,
    bool close, const char *reveal, const char *every);
void answer_clear(struct answer *a);

/*
 * Takes n bytes from the engine and adds what the client gets to out.  Bytes
 * behind the end of the answer are ANSWER_BAD.
 */
enum answer_state answer_feed(struct answer *a, const uint8_t *p, size_t n,
    struct buffer *out, const char **why);

/*
 * Must it be whole before any of it is passed on?  So with the words of an
 * error, which may be unreadable, and, streams aside, for a client of HTTP/1.0,
 * which knows no chunks and needs the length to tell a cut from the end.
 */
bool answer_is_kept(const struct answer *a);

#endif
