/* SPDX-License-Identifier: ISC */
/*
 * Private Ed25519 keys as text: OpenSSH's files (its PROTOCOL.key) and PKCS#8
 * as OpenSSL and Terraform write it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/proto/private_key.h"
#include "orthrus/proto/wire.h"

#include "private_kind.h"

#define PEM_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define PEM_END "-----END OPENSSH PRIVATE KEY-----"
#define PEM_MAX (16 * 1024)
#define PRIVATE_MAGIC "openssh-key-v1"	/* its NUL belongs to it */
#define PRIVATE_BLOCK 8			/* of the cipher "none" */
#define PRIVATE_PAD_MAX 16		/* libssh fills up blocks of 16 */

static int
private_key_damaged(struct error *e)
{
	return error_set(e, EX_DATAERR, "the private key is damaged or cut "
	    "short; copy it again, with its first and its last line");
}

/* Reads the part that a passphrase would encrypt. */
static int
read_private_secret(const uint8_t *p, size_t len,
    const uint8_t key[ED25519_KEY_LEN], uint8_t secret[64], struct error *e)
{
	uint8_t public[ED25519_KEY_LEN];
	const uint8_t *inner, *pair;
	size_t n, pairlen;
	struct wire w;
	uint8_t pad;

	wire_init(&w, p, len);
	if (wire_u32(&w) != wire_u32(&w) || len % PRIVATE_BLOCK != 0)
		return private_key_damaged(e);
	if (!wire_is(&w, KEY_TYPE_NAME))
		return private_key_damaged(e);
	inner = wire_string(&w, &n);
	pair = wire_string(&w, &pairlen);
	if (w.bad || n != ED25519_KEY_LEN || pairlen != 64 ||
	    memcmp(inner, key, ED25519_KEY_LEN) != 0)
		return private_key_damaged(e);
	wire_string(&w, &n);		/* comment */
	for (pad = 1; w.left > 0 && !w.bad; pad++)
		if (wire_u8(&w) != pad)
			return private_key_damaged(e);
	crypto_sign_seed_keypair(public, secret, pair);
	if (w.bad || pad > PRIVATE_PAD_MAX || sodium_memcmp(secret, pair, 64) !=
	    0 || memcmp(public, key, ED25519_KEY_LEN) != 0)
		return private_key_damaged(e);
	return 0;
}

/* What stands in front of that part; its public half is never encrypted. */
struct private_file {
	bool sealed;
	uint8_t key[ED25519_KEY_LEN];
	const uint8_t *secret;
	size_t secretlen;
};

static int
read_private_file(const uint8_t *p, size_t len, struct private_file *f,
    struct error *e)
{
	const uint8_t *public;
	size_t publen;
	bool cipher, kdf;
	struct wire w;

	if (len < sizeof(PRIVATE_MAGIC) ||
	    memcmp(p, PRIVATE_MAGIC, sizeof(PRIVATE_MAGIC)) != 0)
		return private_key_damaged(e);
	wire_init(&w, p + sizeof(PRIVATE_MAGIC), len - sizeof(PRIVATE_MAGIC));
	cipher = wire_is(&w, "none");
	kdf = wire_is(&w, "none") && wire_is(&w, "");
	f->sealed = !cipher || !kdf;
	if (!kdf && cipher)
		return private_key_damaged(e);
	if (!cipher) {		/* its options have not been read then */
		wire_init(&w, p + sizeof(PRIVATE_MAGIC),
		    len - sizeof(PRIVATE_MAGIC));
		wire_string(&w, &publen);
		wire_string(&w, &publen);
		wire_string(&w, &publen);
	}
	if (wire_u32(&w) != 1)
		return private_key_damaged(e);
	public = wire_string(&w, &publen);
	f->secret = wire_string(&w, &f->secretlen);
	/* Of some ciphers a tag follows. */
	if (w.bad || (w.left > 0 && !f->sealed))
		return private_key_damaged(e);
	return key_blob_read(public, publen, f->key) == 0 ? 0 :
	    private_kind_refuse_blob(public, publen, e);
}

/*
 * The bytes between the first and the last line, for the caller to wipe and
 * free; NULL: damaged.
 */
static uint8_t *
pem_bytes(const char *pem, size_t len, size_t *n)
{
	const size_t head = sizeof(PEM_BEGIN) - 1, tail = sizeof(PEM_END) - 1;
	const char *end;
	uint8_t *raw;

	pem += head;
	len -= head;
	raw = xcalloc(len + 1, 1);
	if (text_ascii(pem, len) && sodium_base642bin(raw, len, pem, len,
	    " \t\r\n", n, &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    (size_t)(pem + len - end) >= tail &&
	    memcmp(end, PEM_END, tail) == 0)
		return raw;
	sodium_memzero(raw, len);
	free(raw);
	return NULL;
}

static int
private_key_sealed(struct error *e, const char *remove)
{
	error_set(e, EX_DATAERR, "it has a passphrase, and nobody is there to "
	    "type it; remove it with \"%s\"", remove);
	return PRIVATE_KEY_SEALED;
}

static int
read_openssh(const char *pem, size_t len, uint8_t secret[64], struct error *e)
{
	struct private_file f;
	uint8_t *raw;
	size_t n = 0;
	int r;

	if ((raw = pem_bytes(pem, len, &n)) == NULL)
		return private_key_damaged(e);
	r = read_private_file(raw, n, &f, e);
	if (r == 0 && f.sealed)
		r = private_key_sealed(e, "ssh-keygen -p -N '' -f FILE");
	else if (r == 0)
		r = read_private_secret(f.secret, f.secretlen, f.key, secret,
		    e);
	sodium_memzero(raw, n);
	free(raw);
	return r;
}

int
private_key_seed(const struct evp_pkey_st *pkey, uint8_t secret[64],
    struct error *e)
{
	uint8_t seed[ED25519_SEED_LEN], public[ED25519_KEY_LEN];
	size_t n = sizeof(seed);

	if (EVP_PKEY_base_id(pkey) != EVP_PKEY_ED25519)
		return private_kind_refuse_name(OBJ_nid2sn(
		    EVP_PKEY_base_id(pkey)), e);
	if (EVP_PKEY_get_raw_private_key(pkey, seed, &n) != 1 ||
	    n != sizeof(seed))
		return private_key_damaged(e);
	crypto_sign_seed_keypair(public, secret, seed);
	sodium_memzero(seed, sizeof(seed));
	return 0;
}

/* RFC 5958 and 8410. */
static int
read_pkcs8(const char *pem, size_t len, uint8_t secret[64], struct error *e)
{
	static char none[] = "";
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, none);
	int r = pkey == NULL ? private_key_damaged(e) :
	    private_key_seed(pkey, secret, e);

	EVP_PKEY_free(pkey);
	BIO_free(bio);
	ERR_clear_error();
	return r;
}

static bool
begins(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

/* Skips what an editor or a template may leave in front. */
static const char *
skip_blank(const char *text, size_t *len)
{
	while (*len > 0 && strchr(" \t\r\n", *text) != NULL &&
	    *text != '\0') {
		text++;
		(*len)--;
	}
	return text;
}

int
private_key_read(const char *text, size_t len, uint8_t secret[64],
    struct error *e)
{
	int r;

	text = skip_blank(text, &len);
	if (len > PEM_MAX)
		r = error_set(e, EX_DATAERR, "not a private key: it has more "
		    "than %d bytes", PEM_MAX);
	else if (begins(text, len, PEM_BEGIN))
		r = read_openssh(text, len, secret, e);
	else if (begins(text, len, "-----BEGIN PRIVATE KEY-----"))
		r = read_pkcs8(text, len, secret, e);
	else if (begins(text, len, PRIVATE_KEY_PKCS8_SEALED))
		r = private_key_sealed(e, "openssl pkey -in FILE -out NEW");
	else
		r = private_kind_refuse(text, len, e);
	if (r != 0)
		sodium_memzero(secret, 64);
	return r;
}

bool
private_key_public(const char *text, size_t len, uint8_t key[ED25519_KEY_LEN])
{
	struct private_file f;
	uint8_t *raw;
	size_t n = 0;
	bool good;

	text = skip_blank(text, &len);
	if (len > PEM_MAX || !begins(text, len, PEM_BEGIN) ||
	    (raw = pem_bytes(text, len, &n)) == NULL)
		return false;
	good = read_private_file(raw, n, &f, NULL) == 0;
	if (good)
		memcpy(key, f.key, ED25519_KEY_LEN);
	sodium_memzero(raw, n);
	free(raw);
	return good;
}

void
private_key_write(const uint8_t secret[64], char text[PRIVATE_KEY_TEXT_MAX])
{
	const uint8_t *key = secret + ED25519_SEED_LEN;
	uint8_t raw[256], inner[160], blob[KEY_BLOB_LEN], *p = raw, *q = inner;
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	uint8_t pad = 1;
	char *out = text;

	q = wire_put_u32(wire_put_u32(q, 0), 0);	/* any number, twice */
	q = wire_put_string(q, KEY_TYPE_NAME, strlen(KEY_TYPE_NAME));
	q = wire_put_string(q, key, ED25519_KEY_LEN);
	q = wire_put_string(q, secret, 64);
	q = wire_put_string(q, "", 0);			/* comment */
	while ((q - inner) % PRIVATE_BLOCK != 0)
		*q++ = pad++;
	memcpy(p, PRIVATE_MAGIC, sizeof(PRIVATE_MAGIC));
	p += sizeof(PRIVATE_MAGIC);
	p = wire_put_string(p, "none", 4);
	p = wire_put_string(p, "none", 4);
	p = wire_put_u32(wire_put_string(p, "", 0), 1);
	key_blob_write(key, blob);
	p = wire_put_string(p, blob, sizeof(blob));
	p = wire_put_string(p, inner, (size_t)(q - inner));
	out += sprintf(out, PEM_BEGIN "\n");
	sodium_bin2base64(out, PRIVATE_KEY_TEXT_MAX - (size_t)(out - text),
	    raw, (size_t)(p - raw), variant);
	strcat(text, "\n" PEM_END "\n");
	sodium_memzero(raw, sizeof(raw));
	sodium_memzero(inner, sizeof(inner));
}
