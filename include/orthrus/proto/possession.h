/* SPDX-License-Identifier: ISC */
/*
 * Proofs that whoever asks for a certificate has the private half of the key
 * that is to be certified: a signature over a challenge that the gateway makes
 * anew each time, the gateway's host key, the name and the key.  It is one of
 * OpenSSH's PROTOCOL.sshsig, whose preamble keeps it apart from all else that
 * an SSH key signs.  Pure functions of bytes.
 */
#ifndef ORTHRUS_PROTO_POSSESSION_H
#define ORTHRUS_PROTO_POSSESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/proto/certificate.h"

#define POSSESSION_NAMESPACE "possession@orthrus"
#define CHALLENGE_LEN 32

/* What is signed; all is borrowed. */
struct possession {
	const uint8_t *challenge;	/* CHALLENGE_LEN */
	const char *host_key;		/* fingerprint, as key_fingerprint() */
	const char *name;		/* that the certificate is for */
	const uint8_t *key;		/* ED25519_KEY_LEN */
};

/* secret is libsodium's 64 byte secret key, whose public half is p->key. */
void possession_prove(const struct possession *p, const uint8_t secret[64],
    uint8_t proof[ED25519_SIGNATURE_LEN]);
bool possession_proven(const struct possession *p,
    const uint8_t proof[ED25519_SIGNATURE_LEN]);

#endif
