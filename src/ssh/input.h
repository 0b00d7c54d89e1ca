/* SPDX-License-Identifier: ISC */
/*
 * Where received bytes lie until libssh has taken them: one space that all
 * sessions share, since each is empty-handed but for an incomplete packet.
 * Pure, no libssh, no descriptor.
 */
#ifndef ORTHRUS_SSH_INPUT_H
#define ORTHRUS_SSH_INPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Four packets of 32 KiB of data with 36 bytes of SSH's own each (RFC 4253
 * section 6, RFC 5647), and as much again for where the next one begins:
 * after one read that filled it, each next one ends with a whole packet,
 * about.
 */
#define INPUT_SIZE (128 * 1024 + 768)
/* More than this is never kept: peers' packets are smaller (section 6.1). */
#define INPUT_KEPT_MAX (64 * 1024)

/* One session's. */
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
/* So many bytes have been written there. */
void input_added(struct input *in, size_t n);
/* What is there, contiguous; *n may be 0. */
const uint8_t *input_bytes(struct input *in, size_t *n);
/* The first n of these are done with. */
void input_taken(struct input *in, size_t n);
/* The session ends; frees what was kept. */
void input_clear(struct input *in);

#endif
