/* SPDX-License-Identifier: ISC */
/* See possession.h. */
#include "config.h"

#include <string.h>

#include <sodium.h>

#include "orthrus/proto/possession.h"
#include "orthrus/proto/wire.h"

#define PREAMBLE "SSHSIG"
#define HASH_NAME "sha512"
#define SIGNED_LEN (sizeof(PREAMBLE) - 1 + 4 * 4 + \
    sizeof(POSSESSION_NAMESPACE) - 1 + sizeof(HASH_NAME) - 1 + \
    crypto_hash_sha512_BYTES)
#define MESSAGE_MAX (4 * 4 + CHALLENGE_LEN + KEY_FINGERPRINT_MAX + \
    NAME_MAX_LEN + ED25519_KEY_LEN)

static uint8_t *
put_text(uint8_t *p, const char *text, size_t max)
{
	return wire_put_string(p, text, strnlen(text, max));
}

static void
hash_message(const struct possession *p, uint8_t hash[64])
{
	uint8_t message[MESSAGE_MAX], *end = message;

	end = wire_put_string(end, p->challenge, CHALLENGE_LEN);
	end = put_text(end, p->host_key, KEY_FINGERPRINT_MAX);
	end = put_text(end, p->name, NAME_MAX_LEN);
	end = wire_put_string(end, p->key, ED25519_KEY_LEN);
	crypto_hash_sha512(hash, message, (unsigned long long)(end - message));
}

static void
put_signed(const struct possession *p, uint8_t out[SIGNED_LEN])
{
	uint8_t hash[crypto_hash_sha512_BYTES];

	hash_message(p, hash);
	memcpy(out, PREAMBLE, sizeof(PREAMBLE) - 1);
	out += sizeof(PREAMBLE) - 1;
	out = put_text(out, POSSESSION_NAMESPACE,
	    sizeof(POSSESSION_NAMESPACE));
	out = wire_put_u32(out, 0);		/* reserved */
	out = put_text(out, HASH_NAME, sizeof(HASH_NAME));
	wire_put_string(out, hash, sizeof(hash));
}

void
possession_prove(const struct possession *p, const uint8_t secret[64],
    uint8_t proof[ED25519_SIGNATURE_LEN])
{
	uint8_t text[SIGNED_LEN];

	put_signed(p, text);
	crypto_sign_detached(proof, NULL, text, sizeof(text), secret);
}

bool
possession_proven(const struct possession *p,
    const uint8_t proof[ED25519_SIGNATURE_LEN])
{
	uint8_t text[SIGNED_LEN];

	put_signed(p, text);
	return crypto_sign_verify_detached(proof, text, sizeof(text), p->key) ==
	    0;
}
