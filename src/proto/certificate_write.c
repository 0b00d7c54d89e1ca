/* SPDX-License-Identifier: ISC */
/* Makes user certificates, as OpenSSH's PROTOCOL.certkeys has them. */
#include "config.h"

#include <string.h>

#include <sodium.h>

#include "orthrus/proto/certificate.h"
#include "orthrus/proto/wire.h"

#define NONCE_LEN 32
/* Without this extension a stock sshd opens neither -L nor -R. */
#define EXTENSION "permit-port-forwarding"
#define EXTENSIONS_LEN (4 + sizeof(EXTENSION) - 1 + 4)
#define SIGNATURE_BLOB_LEN (4 + sizeof(KEY_TYPE_NAME) - 1 + 4 + \
    ED25519_SIGNATURE_LEN)

/*
 * The sum of all strings of a certificate at their longest, and of its numbers.
 */
_Static_assert(sizeof(CERT_TYPE_NAME) + NONCE_LEN + ED25519_KEY_LEN +
    CERT_KEY_ID_MAX + CERT_PRINCIPALS_MAX * (4 + NAME_MAX_LEN) +
    EXTENSIONS_LEN + KEY_BLOB_LEN + SIGNATURE_BLOB_LEN + 10 * 4 + 5 * 8 <=
    CERT_MAX, "the longest certificate fits");

static uint8_t *
put_certificate_text(uint8_t *p, const char *text)
{
	return wire_put_string(p, text, strlen(text));
}

static uint8_t *
put_principals(uint8_t *p, const struct certificate *c)
{
	uint8_t *length = p;
	size_t i;

	p += 4;
	for (i = 0; i < c->nprincipals; i++)
		p = put_certificate_text(p, c->principals[i]);
	wire_put_u32(length, (uint32_t)(p - length - 4));
	return p;
}

static uint8_t *
put_extensions(uint8_t *p)
{
	p = wire_put_u32(p, EXTENSIONS_LEN);
	p = put_certificate_text(p, EXTENSION);
	return put_certificate_text(p, "");
}

size_t
certificate_write(const struct certificate *c, const uint8_t ca_secret[64],
    uint8_t out[CERT_MAX])
{
	uint8_t nonce[NONCE_LEN], ca[KEY_BLOB_LEN];
	uint8_t signature[ED25519_SIGNATURE_LEN], *p = out;

	/*
	 * A random nonce keeps others from preparing two certificates with one
	 * hash.
	 */
	randombytes_buf(nonce, sizeof(nonce));
	key_blob_write(ca_secret + ED25519_SEED_LEN, ca);
	p = put_certificate_text(p, CERT_TYPE_NAME);
	p = wire_put_string(p, nonce, sizeof(nonce));
	p = wire_put_string(p, c->key, sizeof(c->key));
	p = wire_put_u64(p, c->serial);
	p = wire_put_u32(p, CERT_USER);
	p = put_certificate_text(p, c->key_id);
	p = put_principals(p, c);
	p = wire_put_u64(p, c->valid_after);
	p = wire_put_u64(p, c->valid_before);
	p = put_certificate_text(p, "");		/* critical options */
	p = put_extensions(p);
	p = put_certificate_text(p, "");		/* reserved */
	p = wire_put_string(p, ca, sizeof(ca));
	crypto_sign_detached(signature, NULL, out,
	    (unsigned long long)(p - out), ca_secret);
	p = wire_put_u32(p, SIGNATURE_BLOB_LEN);
	p = put_certificate_text(p, KEY_TYPE_NAME);
	p = wire_put_string(p, signature, sizeof(signature));
	return (size_t)(p - out);
}
