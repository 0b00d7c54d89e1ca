/* SPDX-License-Identifier: ISC */
/*
 * Ed25519 keys as bytes and as text: the blob, the public key line, the
 * fingerprint, and OpenSSH's private key files (its PROTOCOL.key).
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/wire.h"

#define DIGEST_PREFIX "SHA256:"
#define PEM_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define PEM_END "-----END OPENSSH PRIVATE KEY-----"
#define PEM_MAX (16 * 1024)
#define PRIVATE_MAGIC "openssh-key-v1"	/* its NUL belongs to it */
#define PRIVATE_BLOCK 8			/* of the cipher "none" */
#define PRIVATE_PAD_MAX 16		/* libssh fills up blocks of 16 */

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
		{ "-----BEGIN PUBLIC KEY", "a public key in PEM; give it as "
		    "the line of OpenSSH's, \"" KEY_TYPE_NAME " AAAA...\"" },
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

int
key_line_read(const char *line, uint8_t key[ED25519_KEY_LEN], struct error *e)
{
	static const char type[] = KEY_TYPE_NAME;
	uint8_t blob[KEY_BLOB_LEN];
	const char *digits, *end = line + strcspn(line, "\r\n");
	size_t len;

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

static int
private_key_damaged(struct error *e)
{
	return error_set(e, EX_DATAERR, "the private key is damaged");
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
		return error_set(e, EX_DATAERR, "the private key is of another "
		    "type; only " KEY_TYPE_NAME " is accepted");
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

static int
read_private_file(const uint8_t *p, size_t len, uint8_t secret[64],
    struct error *e)
{
	uint8_t key[ED25519_KEY_LEN];
	const uint8_t *public, *sealed;
	size_t publen, sealedlen;
	bool cipher, kdf;
	struct wire w;

	if (len < sizeof(PRIVATE_MAGIC) ||
	    memcmp(p, PRIVATE_MAGIC, sizeof(PRIVATE_MAGIC)) != 0)
		return private_key_damaged(e);
	wire_init(&w, p + sizeof(PRIVATE_MAGIC), len - sizeof(PRIVATE_MAGIC));
	cipher = wire_is(&w, "none");
	kdf = wire_is(&w, "none") && wire_is(&w, "");
	if (!w.bad && (!cipher || !kdf))
		return error_set(e, EX_DATAERR, "the private key has a "
		    "passphrase, and nobody is there to type it; remove it "
		    "with \"ssh-keygen -p -N ''\"");
	if (wire_u32(&w) != 1)
		return private_key_damaged(e);
	public = wire_string(&w, &publen);
	sealed = wire_string(&w, &sealedlen);
	if (w.bad || w.left > 0)
		return private_key_damaged(e);
	if (key_blob_read(public, publen, key) == -1)
		return error_set(e, EX_DATAERR, "the private key is of another "
		    "type; only " KEY_TYPE_NAME " is accepted");
	return read_private_secret(sealed, sealedlen, key, secret, e);
}

int
private_key_read(const char *pem, size_t len, uint8_t secret[64],
    struct error *e)
{
	const size_t head = sizeof(PEM_BEGIN) - 1, tail = sizeof(PEM_END) - 1;
	const char *end;
	uint8_t *raw;
	size_t n;
	int r;

	if (len < head || len > PEM_MAX || memcmp(pem, PEM_BEGIN, head) != 0)
		return error_set(e, EX_DATAERR, "not a private key in OpenSSH "
		    "format; \"ssh-keygen -t ed25519 -N ''\" makes one");
	pem += head;
	len -= head;
	raw = xcalloc(len, 1);
	if (!text_ascii(pem, len) || sodium_base642bin(raw, len, pem, len,
	    "\r\n", &n, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    (size_t)(pem + len - end) < tail || memcmp(end, PEM_END, tail) != 0)
		r = private_key_damaged(e);
	else
		r = read_private_file(raw, n, secret, e);
	sodium_memzero(raw, len);
	free(raw);
	if (r == -1)
		sodium_memzero(secret, 64);
	return r;
}
