/* SPDX-License-Identifier: ISC */
/*
 * A request to log in with a key, RFC 4252 section 7, and its signature.
 * Pure functions of bytes; only ssh-ed25519 and its certificates.
 */
#ifndef ORTHRUS_PROTO_USERAUTH_H
#define ORTHRUS_PROTO_USERAUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/proto/certificate.h"

#define USERAUTH_USER_MAX 128	/* of a user's name, with NUL */
#define USERAUTH_MAX 8192	/* bytes of a request that is looked at */
#define SESSION_ID_MAX 64	/* of an exchange hash, RFC 4253 section 8 */

struct userauth {
	char user[USERAUTH_USER_MAX];
	/* Into the request that was read. */
	const uint8_t *blob;		/* of the key, or the certificate */
	size_t blob_len;
	const uint8_t *host_key;	/* blob that it names; NULL: names none */
	size_t host_key_len;
	const uint8_t *signature;	/* ED25519_SIGNATURE_LEN; NULL: none */
	size_t signed_len;		/* leading bytes that it is over */
};

/*
 * Reads SSH_MSG_USERAUTH_REQUEST behind its type byte: method "publickey", or
 * OpenSSH's "publickey-hostbound-v00@openssh.com" (its PROTOCOL.agent, section
 * 2), which names the host key as well.  False when it is anything else, is
 * longer than USERAUTH_MAX, or has bytes that belong to nothing.
 */
bool userauth_read(const uint8_t *p, size_t len, struct userauth *u);

/*
 * Was p, of which userauth_read() made u, signed with this key in the session
 * of that id?  False without a signature.
 */
bool userauth_is_signed(const struct userauth *u, const uint8_t *p,
    const uint8_t *session_id, size_t id_len,
    const uint8_t key[ED25519_KEY_LEN]);

/*
 * The bytes that are to be signed for a request of which p, len long, is all
 * but the signature: written to out, of 5 + id_len + len bytes; their number.
 */
size_t userauth_signed_bytes(const uint8_t *p, size_t len,
    const uint8_t *session_id, size_t id_len, uint8_t *out);

#endif
