/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a request to log in with a key: what is taken stays within the
 * request, is never signed by a key that has not signed it, and is once that
 * key has, in that session and in no other.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/proto/userauth.h"
#include "orthrus/proto/wire.h"

#define SIGNATURE_ROOM (4 + 4 + 11 + 4 + ED25519_SIGNATURE_LEN)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t session_id[32] = { 7 }, other_id[32] = { 8 };
static uint8_t key[ED25519_KEY_LEN], secret[64];

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
check_within(const uint8_t *p, size_t n, const uint8_t *data, size_t size)
{
	check(p >= data && n <= size && p + n <= data + size);
}

static void
check_fields(const struct userauth *u, const uint8_t *data, size_t size)
{
	check(memchr(u->user, '\0', sizeof(u->user)) != NULL);
	check_within(u->blob, u->blob_len, data, size);
	if (u->host_key != NULL)
		check_within(u->host_key, u->host_key_len, data, size);
	if (u->signature != NULL)
		check_within(u->signature, ED25519_SIGNATURE_LEN, data, size);
	check(u->signed_len <= size &&
	    (u->signature != NULL) == (u->signed_len < size));
}

/* What the signature would be over, with ours behind it, or 0: no room. */
static size_t
sign(const uint8_t *p, size_t n, uint8_t out[USERAUTH_MAX])
{
	uint8_t bytes[4 + SESSION_ID_MAX + 1 + USERAUTH_MAX];
	uint8_t signature[ED25519_SIGNATURE_LEN], inner[SIGNATURE_ROOM], *end;

	if (n + SIGNATURE_ROOM > USERAUTH_MAX)
		return 0;
	crypto_sign_detached(signature, NULL, bytes, userauth_signed_bytes(p, n,
	    session_id, sizeof(session_id), bytes), secret);
	end = wire_put_string(inner, KEY_TYPE_NAME, strlen(KEY_TYPE_NAME));
	end = wire_put_string(end, signature, sizeof(signature));
	memcpy(out, p, n);
	return (size_t)(wire_put_string(out + n, inner, (size_t)(end - inner)) -
	    out);
}

static void
check_signed(const struct userauth *u, const uint8_t *data)
{
	uint8_t request[USERAUTH_MAX];
	struct userauth again;
	size_t n = sign(data, u->signed_len, request);

	/* Where it does not announce a signature it must not have one. */
	if (n == 0 || !userauth_read(request, n, &again))
		return;
	check(strcmp(again.user, u->user) == 0);
	check(again.signed_len == u->signed_len);
	check(userauth_is_signed(&again, request, session_id,
	    sizeof(session_id), key));
	check(!userauth_is_signed(&again, request, other_id, sizeof(other_id),
	    key));
	request[u->signed_len - 1] ^= 1;
	check(!userauth_is_signed(&again, request, session_id,
	    sizeof(session_id), key));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = { 1 };
	struct userauth u;

	if (sodium_is_zero(key, sizeof(key))) {
		check(sodium_init() != -1);
		crypto_sign_seed_keypair(key, secret, seed);
	}
	if (!userauth_read(data, size, &u))
		return 0;
	check_fields(&u, data, size);
	check(!userauth_is_signed(&u, data, other_id, sizeof(other_id), key));
	check(!userauth_is_signed(&u, data, session_id, 0, key));
	check_signed(&u, data);
	return 0;
}
