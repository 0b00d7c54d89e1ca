/* SPDX-License-Identifier: ISC */
/* Proofs of possession: what they hold for, and that it is what SSHSIG says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "orthrus/proto/possession.h"

#define HOST "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static uint8_t key[ED25519_KEY_LEN], secret[64];
static uint8_t other[ED25519_KEY_LEN], challenge[CHALLENGE_LEN];
static uint8_t proof[ED25519_SIGNATURE_LEN];
static const struct possession right = { challenge, HOST, "web-1", key };

static int
set_up(void **state)
{
	uint8_t seed[32] = { 1 }, ignored[64];

	(void)state;
	crypto_sign_seed_keypair(key, secret, seed);
	seed[0] = 2;
	crypto_sign_seed_keypair(other, ignored, seed);
	memset(challenge, 'c', sizeof(challenge));
	possession_prove(&right, secret, proof);
	return 0;
}

static void
test_right(void **state)
{
	uint8_t again[ED25519_SIGNATURE_LEN];

	(void)state;
	assert_true(possession_proven(&right, proof));
	possession_prove(&right, secret, again);
	assert_memory_equal(again, proof, sizeof(proof));
}

/* Everything that is signed counts. */
static void
test_wrong(void **state)
{
	uint8_t second[CHALLENGE_LEN];
	struct possession wrong = right;
	size_t i;

	(void)state;
	memcpy(second, challenge, sizeof(second));
	second[31] ^= 1;
	wrong.challenge = second;
	assert_false(possession_proven(&wrong, proof));
	wrong = right;
	wrong.host_key = HOST "a";
	assert_false(possession_proven(&wrong, proof));
	wrong = right;
	wrong.name = "web-2";
	assert_false(possession_proven(&wrong, proof));
	wrong = right;
	wrong.key = other;
	assert_false(possession_proven(&wrong, proof));
	for (i = 0; i < sizeof(proof); i++) {
		proof[i] ^= 1;
		assert_false(possession_proven(&right, proof));
		proof[i] ^= 1;
	}
	assert_true(possession_proven(&right, proof));
}

/* Where one text ends and the next begins counts as well. */
static void
test_borders(void **state)
{
	const struct possession a = { challenge, "SHA256:a", "bc", key };
	const struct possession b = { challenge, "SHA256:ab", "c", key };

	(void)state;
	possession_prove(&a, secret, proof);
	assert_true(possession_proven(&a, proof));
	assert_false(possession_proven(&b, proof));
}

/* A key that signs everything, of order 1, 2 or 8, has nobody's private half. */
static void
test_weak_keys(void **state)
{
	static const uint8_t weak[][ED25519_KEY_LEN] = {
		{ 0 }, { 1 }, { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0x7f }
	};
	struct possession p = right;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
		p.key = weak[i];
		memset(proof, 0, sizeof(proof));
		proof[0] = 1;		/* R is the neutral element, S zero */
		assert_false(possession_proven(&p, proof));
		memcpy(proof, weak[i], 32);
		assert_false(possession_proven(&p, proof));
	}
}

/* The bytes that docs/leash.md describes, put together by hand. */
static void
test_bytes(void **state)
{
	static const char inner[] = "\0\0\0\x20"
	    "cccccccccccccccccccccccccccccccc" "\0\0\0\x32" HOST
	    "\0\0\0\x05web-1" "\0\0\0\x20";
	uint8_t message[sizeof(inner) - 1 + 32];
	static const char outer[] = "SSHSIG\0\0\0\x12possession@orthrus"
	    "\0\0\0\0" "\0\0\0\x06sha512" "\0\0\0\x40";
	uint8_t text[sizeof(outer) - 1 + 64], want[64];

	(void)state;
	memcpy(message, inner, sizeof(inner) - 1);
	memcpy(message + sizeof(inner) - 1, key, 32);
	memcpy(text, outer, sizeof(outer) - 1);
	crypto_hash_sha512(text + sizeof(outer) - 1, message, sizeof(message));
	crypto_sign_detached(want, NULL, text, sizeof(text), secret);
	assert_memory_equal(proof, want, sizeof(want));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, set_up)
		TEST(test_right),
		TEST(test_wrong),
		TEST(test_borders),
		TEST(test_weak_keys),
		TEST(test_bytes),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
