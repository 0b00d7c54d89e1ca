/* SPDX-License-Identifier: ISC */
/*
 * Where a TLS server's private key is, beside the process that speaks with the
 * network: it signs what a handshake needs, and nothing else.
 */
#include "config.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "tls_private.h"

#define PADDING 64			/* RFC 8446 section 4.4.3 */

/*
 * What a server signs: 64 spaces, these words with their NUL, and the hash of
 * the handshake so far.  A certificate, a client's proof or a message of
 * another protocol never looks so.
 */
static bool
is_of_handshake(const uint8_t *p, size_t n)
{
	static const char words[] = "TLS 1.3, server CertificateVerify";
	const size_t head = PADDING + sizeof(words);
	size_t i;

	if (n != head + 32 && n != head + 48)	/* SHA-256, SHA-384 */
		return false;
	for (i = 0; i < PADDING; i++)
		if (p[i] != ' ')
			return false;
	return memcmp(p + PADDING, words, sizeof(words)) == 0;
}

static bool
choose_padding(EVP_PKEY_CTX *ctx, const EVP_PKEY *key)
{
	return !EVP_PKEY_is_a(key, "RSA") ||
	    (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

bool
tls_server_sign(const struct tls_server *s, unsigned digest, const uint8_t *p,
    size_t n, uint8_t signature[TLS_SIGNATURE_MAX], size_t *len)
{
	EVP_PKEY *key = SSL_CTX_get0_privatekey(tls_server_context(s));
	const EVP_MD *md = digest == 256 ? EVP_sha256() : digest == 384 ?
	    EVP_sha384() : digest == 512 ? EVP_sha512() : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL;
	bool done;

	ERR_clear_error();
	*len = TLS_SIGNATURE_MAX;
	done = ctx != NULL && is_of_handshake(p, n) &&
	    (md == NULL) == (digest == 0) &&
	    EVP_DigestSignInit(ctx, &how, md, NULL, key) == 1 &&
	    choose_padding(how, key) &&
	    EVP_DigestSign(ctx, signature, len, p, n) == 1;
	EVP_MD_CTX_free(ctx);
	return done;
}
