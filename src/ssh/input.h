/* SPDX-License-Identifier: ISC */
/*
 * Where received bytes lie until libssh has taken them.  All sessions share
 * one space, for between its turns a session has at most an incomplete packet
 * there.  Pure, no libssh, no descriptor.
 */
#ifndef ORTHRUS_SSH_INPUT_H
#define ORTHRUS_SSH_INPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Four packets of 32 KiB of data with 36 bytes of SSH's own each (RFC 4253
 * section 6, RFC 5647), and some more for the beginning of the next one.  So a
 * read that fills the space leaves little of an incomplete packet to be moved
 * to its front.
 */
#define INPUT_SIZE (128 * 1024 + 768)
/*
 * More than this of an incomplete packet is refused: none is so large (section
 * 6.1).
 */
#define INPUT_KEPT_MAX (64 * 1024)

/* What one session has. */
struct input {
	uint8_t *kept;		/* put aside while others use the space */
	size_t kept_len;
};

/*
 * Room for *n (> 0) more bytes of this session, behind what it has not taken.
 * What another session left there is put aside with that session.  NULL when
 * more than INPUT_KEPT_MAX was left: no packet is so large.
 */
uint8_t *input_space(struct input *in, size_t *n);
/* n bytes have been written to input_space(). */
void input_added(struct input *in, size_t n);
/* The bytes that are there, in one piece; *n may be 0. */
const uint8_t *input_bytes(struct input *in, size_t *n);
/* libssh has taken the first n of input_bytes(). */
void input_taken(struct input *in, size_t n);
/* The session ends; frees what was kept. */
void input_clear(struct input *in);

#endif
