/* SPDX-License-Identifier: ISC */
/*
 * AUTH_KEY: one string with which an agent enrols, and which tells it whom it
 * may enrol at.  "ch_orthrus_" and 96 characters of base64url: 8 bytes of id,
 * 32 of secret, 32 of the gateway's host key fingerprint (SHA-256).
 */
#ifndef ORTHRUS_PROTO_AUTH_KEY_H
#define ORTHRUS_PROTO_AUTH_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"

#define AUTH_KEY_PREFIX "ch_orthrus_"
#define AUTH_KEY_TEXT_MAX 108	/* with NUL */

struct auth_key {
	uint64_t id;
	uint8_t secret[32];
	uint8_t host_key[32];	/* SHA-256 of the host key's blob */
};

/*
 * Reads the text.  0, or -1 with *e (EX_CONFIG), which never holds a part of
 * the text: too short, too long, no prefix, other characters.
 */
int auth_key_parse(const char *text, struct auth_key *k, struct error *e);
void auth_key_format(const struct auth_key *k, char text[AUTH_KEY_TEXT_MAX]);
/* "SHA256:...", as ssh-keygen -l shows the gateway's host key. */
void auth_key_fingerprint(const struct auth_key *k, char fp[64]);
void auth_key_wipe(struct auth_key *k);

#endif
