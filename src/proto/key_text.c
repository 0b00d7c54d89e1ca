/* SPDX-License-Identifier: ISC */
/*
 * Public Ed25519 keys as bytes and as text: the blob, the public key line, PEM,
 * the fingerprint.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/wire.h"

#define DIGEST_PREFIX "SHA256:"

void
key_blob_write(const uint8_t key[ED25519_KEY_LEN], uint8_t out[KEY_BLOB_LEN])
{
	out = wire_put_string(out, KEY_TYPE_NAME, strlen(KEY_TYPE_NAME));
	wire_put_string(out, key, ED25519_KEY_LEN);
}

int
key_blob_read(const uint8_t *blob, size_t len, uint8_t key[ED25519_KEY_LEN])
{
	const uint8_t *p;
	struct wire w;
	size_t n;

	wire_init(&w, blob, len);
	if (!wire_is(&w, KEY_TYPE_NAME))
		return -1;
	p = wire_string(&w, &n);
	if (w.bad || n != ED25519_KEY_LEN || w.left > 0)
		return -1;
	memcpy(key, p, ED25519_KEY_LEN);
	return 0;
}

#define OTHER_TYPE "a key of another type; only " KEY_TYPE_NAME " is " \
	"accepted, \"ssh-keygen -t ed25519\" makes one"

/* Tells what is wrong with a text that is no public key line. */
static int
no_key_line(const char *line, struct error *e)
{
	static const struct { const char *begins, *says; } others[] = {
		{ "-----BEGIN RSA PUBLIC KEY", OTHER_TYPE },
		{ "-----BEGIN", "this is a private key; give the public one "
		    "(FILE.pub)" },
		{ "---- BEGIN SSH2 PUBLIC KEY", "a public key in another "
		    "form; \"ssh-keygen -i -f FILE\" prints it in OpenSSH's" },
		{ "PuTTY-User-Key-File", "this is a private key of PuTTY's; "
		    "give the line that PuTTYgen shows at its top as the "
		    "public key for OpenSSH" },
		{ KEY_TYPE_NAME "-cert-", "this is a certificate; give the "
		    "key that it is for (FILE.pub without -cert)" },
		{ "sk-", "a key in a security token, which cannot be used "
		    "here; \"ssh-keygen -t ed25519\" makes one that can" },
		{ "ssh-", OTHER_TYPE }, { "ecdsa-", OTHER_TYPE },
	};
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strncmp(line, others[i].begins, strlen(others[i].begins)) ==
		    0)
			return error_set(e, EX_DATAERR, "%s", others[i].says);
	if (*line != ' ' && strstr(line, " " KEY_TYPE_NAME " ") != NULL)
		return error_set(e, EX_DATAERR, "options stand in front of the "
		    "key; leave them out, what it may is said elsewhere");
	return error_set(e, EX_DATAERR, "not a public key: expected \""
	    KEY_TYPE_NAME " AAAA...\" on one line, without options in front");
}

/* A SubjectPublicKeyInfo of RFC 8410, as "openssl pkey -pubout" writes it. */
static int
public_pem_read(const char *text, uint8_t key[ED25519_KEY_LEN],
    struct error *e)
{
	BIO *bio = BIO_new_mem_buf(text, (int)strlen(text));
	EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	size_t n = ED25519_KEY_LEN;
	int r = 0;

	if (pkey == NULL)
		r = error_set(e, EX_DATAERR, "the public key is damaged or cut "
		    "short; copy the whole of it again");
	else if (EVP_PKEY_base_id(pkey) != EVP_PKEY_ED25519 ||
	    EVP_PKEY_get_raw_public_key(pkey, key, &n) != 1)
		r = error_set(e, EX_DATAERR, "a key of another type (PEM); "
		    "only " KEY_TYPE_NAME " is accepted (\"ssh-keygen -t "
		    "ed25519\" makes one)");
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	ERR_clear_error();
	return r;
}

int
key_line_read(const char *line, uint8_t key[ED25519_KEY_LEN], struct error *e)
{
	static const char type[] = KEY_TYPE_NAME;
	uint8_t blob[KEY_BLOB_LEN];
	const char *digits, *end = line + strcspn(line, "\r\n");
	size_t len;

	if (strncmp(line, "-----BEGIN PUBLIC KEY-----", 26) == 0)
		return public_pem_read(line, key, e);
	if (strncmp(line, type, sizeof(type) - 1) != 0 ||
	    strchr(" \t", line[sizeof(type) - 1]) == NULL)
		return no_key_line(line, e);
	if (strcmp(end + (*end == '\r'), "\n") != 0 && *end != '\0')
		return error_set(e, EX_DATAERR, "more than one line where one "
		    "public key is expected");
	digits = line + sizeof(type) - 1;
	digits += strspn(digits, " \t");
	len = strcspn(digits, " \t\r\n");
	if (!text_ascii(digits, len) || sodium_base642bin(blob, sizeof(blob),
	    digits, len, NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL) !=
	    0 || key_blob_read(blob, len, key) == -1)
		return error_set(e, EX_DATAERR, "the " KEY_TYPE_NAME " key is "
		    "damaged; copy the whole line again");
	return 0;
}

char *
key_line_write(const char *type, const uint8_t *blob, size_t len)
{
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	size_t size = sodium_base64_encoded_len(len, variant);
	char *digits = xcalloc(size, 1), *line;

	sodium_bin2base64(digits, size, blob, len, variant);
	line = xasprintf("%s %s", type, digits);
	free(digits);
	return line;
}

void
key_digest_text(const uint8_t digest[32], char text[KEY_FINGERPRINT_MAX])
{
	const size_t n = sizeof(DIGEST_PREFIX) - 1;

	memcpy(text, DIGEST_PREFIX, n);
	sodium_bin2base64(text + n, KEY_FINGERPRINT_MAX - n, digest,
	    crypto_hash_sha256_BYTES,
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

void
key_fingerprint(const uint8_t *blob, size_t len,
    char text[KEY_FINGERPRINT_MAX])
{
	uint8_t digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, blob, len);
	key_digest_text(digest, text);
}
