/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a certificate: what is read stays within its limits, and what is
 * made of it reads back the same.  Nothing passes that the authority has not
 * signed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/proto/certificate.h"

#include "../../src/ssh/host_certificate.h"

#define NOW UINT64_C(1700000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t ca[1][ED25519_KEY_LEN], ca_secret[64];

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
check_error(const struct error *e)
{
	check(e->code == EX_DATAERR || e->code == EX_NOPERM ||
	    e->code == EX_CONFIG);
	check(e->text[0] != '\0');
	check(memchr(e->text, '\0', sizeof(e->text)) != NULL);
}

static void
check_fields(const struct certificate *c, size_t size)
{
	size_t i;

	check(memchr(c->key_id, '\0', sizeof(c->key_id)) != NULL);
	check(c->nprincipals <= CERT_PRINCIPALS_MAX);
	for (i = 0; i < c->nprincipals; i++)
		check(name_valid(c->principals[i]));
	check(c->signed_len < size && size <= CERT_MAX);
}

/* Signed by us with the same fields, it reads back and is right. */
static void
sign_and_read(const struct certificate *c)
{
	uint8_t blob[CERT_MAX];
	struct certificate again;
	size_t n = certificate_write(c, ca_secret, blob);
	bool valid = c->valid_after <= NOW && NOW < c->valid_before;
	struct error e;

	check(n <= CERT_MAX && certificate_read(blob, n, &again, &e) == 0);
	check(again.serial == c->serial && again.type == CERT_USER);
	check(strcmp(again.key_id, c->key_id) == 0);
	check(again.nprincipals == c->nprincipals);
	check(memcmp(again.principals, c->principals,
	    sizeof(c->principals)) == 0);
	check(again.valid_after == c->valid_after);
	check(again.valid_before == c->valid_before && !again.critical);
	check(memcmp(again.key, c->key, sizeof(c->key)) == 0);
	check(memcmp(again.ca, ca[0], sizeof(again.ca)) == 0);
	if (c->nprincipals > 0)
		check((certificate_judge(&again, blob, n,
		    (const uint8_t (*)[ED25519_KEY_LEN])ca, 1,
		    c->principals[0], NOW, &e) == 0) == valid);
	check(certificate_judge(&again, blob, n,
	    (const uint8_t (*)[ED25519_KEY_LEN])ca, 1, "not-named-here", NOW,
	    &e) == -1);
}

/* Whoever signed it, its parts lie within the blob. */
static void
fuzz_parts(const uint8_t *data, size_t size)
{
	struct certificate_parts c;
	struct error e = { 0 };

	if (certificate_split(data, size, &c, &e) == -1) {
		check_error(&e);
		return;
	}
	check(c.signed_len < size && c.ca.p > data &&
	    c.ca.p + c.ca.n == data + c.signed_len &&
	    c.signature.p + c.signature.n == data + size);
	if (host_certificate_fits(&c, "host.example", NOW, &e) == -1)
		check_error(&e);
}

static void
fuzz_certificate(const uint8_t *data, size_t size)
{
	struct certificate c;
	struct error e;
	char text[KEY_FINGERPRINT_MAX];

	if (certificate_read(data, size, &c, &e) == -1) {
		check_error(&e);
		return;
	}
	check_fields(&c, size);
	/* Whatever key it names as its authority: judging reads no further. */
	if (certificate_judge(&c, data, size,
	    (const uint8_t (*)[ED25519_KEY_LEN])&c.ca, 1,
	    c.principals[0], NOW, &e) == -1)
		check_error(&e);
	check(certificate_judge(&c, data, size,
	    (const uint8_t (*)[ED25519_KEY_LEN])ca, 1, c.principals[0], NOW,
	    &e) == -1);
	check_error(&e);
	sign_and_read(&c);
	key_fingerprint(data, size, text);
	check(strlen(text) == 7 + 43);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = { 1 };

	check(sodium_init() != -1);
	crypto_sign_seed_keypair(ca[0], ca_secret, seed);
	fuzz_parts(data, size);
	fuzz_certificate(data, size);
	return 0;
}
