/* SPDX-License-Identifier: ISC */
/*
 * How a session goes on over a new link: the messages that stand at its
 * beginning in place of SSH's identification, docs/resume.md.  Pure.
 */
#ifndef ORTHRUS_PROTO_RESUME_H
#define ORTHRUS_PROTO_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first byte of a request, with which nothing else begins. */
#define RESUME_FIRST 1

#define RESUME_ID_LEN 16
#define RESUME_SECRET_LEN 32
#define RESUME_NONCE_LEN 32
#define RESUME_MAC_LEN 32

/* Each message begins with its kind, "resume" and the version. */
#define RESUME_HEAD_LEN 8
#define RESUME_REQUEST_LEN (RESUME_HEAD_LEN + RESUME_ID_LEN + RESUME_NONCE_LEN)
#define RESUME_CHALLENGE_LEN (RESUME_HEAD_LEN + RESUME_NONCE_LEN + 8 + \
    RESUME_MAC_LEN)
#define RESUME_PROOF_LEN (RESUME_HEAD_LEN + 8 + RESUME_MAC_LEN)
#define RESUME_REFUSAL_LEN RESUME_HEAD_LEN

/* What both sides know of one attempt, as far as it has come. */
struct resume_exchange {
	uint8_t id[RESUME_ID_LEN];	/* of the session */
	uint8_t client_nonce[RESUME_NONCE_LEN];
	uint8_t server_nonce[RESUME_NONCE_LEN];
	/* How many bytes of SSH either has received, from the first on. */
	uint64_t server_received, client_received;
};

/* The messages in their order; each writes as many bytes as it has. */
void resume_put_request(const struct resume_exchange *x,
    uint8_t out[RESUME_REQUEST_LEN]);
void resume_put_challenge(const struct resume_exchange *x,
    const uint8_t secret[RESUME_SECRET_LEN],
    uint8_t out[RESUME_CHALLENGE_LEN]);
void resume_put_proof(const struct resume_exchange *x,
    const uint8_t secret[RESUME_SECRET_LEN], uint8_t out[RESUME_PROOF_LEN]);
/* In place of the challenge: no session of that id waits here. */
void resume_put_refusal(uint8_t out[RESUME_REFUSAL_LEN]);

/*
 * The same read into *x, of as many bytes as they have.  False: it is none, or
 * its MAC is not that of the secret and of what is in *x already.
 */
bool resume_read_request(struct resume_exchange *x,
    const uint8_t p[RESUME_REQUEST_LEN]);
bool resume_read_challenge(struct resume_exchange *x,
    const uint8_t secret[RESUME_SECRET_LEN],
    const uint8_t p[RESUME_CHALLENGE_LEN]);
bool resume_read_proof(struct resume_exchange *x,
    const uint8_t secret[RESUME_SECRET_LEN],
    const uint8_t p[RESUME_PROOF_LEN]);

/* --- what a client reads ------------------------------------------ */

/*
 * A server may have sent lines before the request came, its identification (RFC
 * 4253 section 4.2) among them: they are skipped.
 */
#define RESUME_LINES_MAX 1024	/* bytes */

enum resume_answer {
	RESUME_MORE,			/* it is not complete */
	RESUME_CHALLENGE,		/* it is in bytes[] */
	RESUME_REFUSAL,
	RESUME_FOREIGN			/* nobody there resumes sessions */
};

/* All zero at the beginning. */
struct resume_reader {
	uint8_t bytes[RESUME_CHALLENGE_LEN];
	size_t n;			/* of the line, or of the message */
	size_t skipped;			/* bytes of lines so far */
};

/*
 * How many bytes at resume_space() may be filled: never one of what follows the
 * answer, which is SSH's.
 */
size_t resume_wants(const struct resume_reader *r);
uint8_t *resume_space(struct resume_reader *r);
/* n > 0 of them have been. */
enum resume_answer resume_took(struct resume_reader *r, size_t n);

#endif
