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
#include "orthrus/http/message.h"
#include "orthrus/muzzle/policy.h"

/* What a redacted answer may become: each value grows by 3 bytes at most. */
#define ANSWER_OUT_MAX (64 * 1024 * 1024)

struct answer {
	enum answer_kind kind;
	bool redact;
	bool head;			/* no body will follow */
	bool http10;			/* the client: no chunks */
	bool close;			/* the client's connection ends here */

	struct buffer raw;		/* the engine's head, not complete */
	size_t seen;
	bool begun;			/* its final head was read */
	bool told;			/* the client has been sent something */
	struct http_answer parsed;
	uint64_t left;			/* FRAMING_LENGTH: still to come */
	struct http_chunks chunks;
	struct buffer body;		/* kept, to be redacted */
};

enum answer_state {
	ANSWER_MORE,			/* wants more bytes */
	ANSWER_DONE,			/* complete */
	ANSWER_BAD			/* *why; a->told: too late for a 502 */
};

void answer_begin(struct answer *a, const struct verdict *v, bool http10,
    bool close);
void answer_clear(struct answer *a);

/*
 * Takes n bytes from the engine and adds what the client gets to out.  Bytes
 * behind the end of the answer are ANSWER_BAD.
 */
enum answer_state answer_feed(struct answer *a, const uint8_t *p, size_t n,
    struct buffer *out, const char **why);

/* A status of our own with Docker's JSON; message is plain text. */
void answer_error(struct buffer *out, int status, const char *message,
    bool head, bool close);

#endif
