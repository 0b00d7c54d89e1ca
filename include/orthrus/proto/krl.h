/* SPDX-License-Identifier: ISC */
/*
 * OpenSSH's list of revoked certificates (its PROTOCOL.krl), as sshd(8)'s
 * RevokedKeys and "ssh-keygen -Q" read it: written only, by authority and
 * serial.  A pure function of its input.
 */
#ifndef ORTHRUS_PROTO_KRL_H
#define ORTHRUS_PROTO_KRL_H

#include <stddef.h>
#include <stdint.h>

#include "orthrus/proto/certificate.h"

/* All is borrowed. */
struct krl {
	const uint8_t (*authorities)[ED25519_KEY_LEN];	/* who signed them */
	size_t nauthorities;
	const uint64_t *serials;	/* ascending, each once, from 1 on */
	size_t nserials;
	uint64_t made;			/* UNIX seconds; its version as well */
};

/* The most bytes that krl_write() writes of it. */
size_t krl_room(const struct krl *k);

/*
 * Writes the list to out, which has that room: each of the serials is revoked
 * for each of the authorities, and nothing else is.  Serials in a row take 21
 * bytes for each row, those close together a bit, others 8 bytes.  Returns the
 * bytes written.
 */
size_t krl_write(const struct krl *k, uint8_t *out);

#endif
