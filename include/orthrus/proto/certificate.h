/* SPDX-License-Identifier: ISC */
/*
 * OpenSSH certificates, ssh-ed25519-cert-v01@openssh.com (OpenSSH's
 * PROTOCOL.certkeys): of Ed25519 keys: taken apart; those of users signed by Ed25519
 * keys, read, judged and written.  Pure functions of bytes.
 */
#ifndef ORTHRUS_PROTO_CERTIFICATE_H
#define ORTHRUS_PROTO_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

#define CERT_TYPE_NAME "ssh-ed25519-cert-v01@openssh.com"
#define KEY_TYPE_NAME "ssh-ed25519"
#define ED25519_KEY_LEN 32
#define ED25519_SEED_LEN 32
#define ED25519_SIGNATURE_LEN 64
#define CERT_MAX 4096		/* bytes of a blob that is looked at */
#define CERT_KEY_ID_MAX 256	/* with NUL */
#define CERT_PRINCIPALS_MAX 16
#define KEY_BLOB_LEN 51		/* of an ssh-ed25519 public key, RFC 8709 */

enum cert_type { CERT_USER = 1, CERT_HOST = 2 };

struct certificate {
	uint64_t serial;
	uint32_t type;			/* enum cert_type, or anything */
	char key_id[CERT_KEY_ID_MAX];
	char principals[CERT_PRINCIPALS_MAX][NAME_MAX_LEN];
	size_t nprincipals;
	uint64_t valid_after, valid_before;	/* UNIX seconds: [after, before) */
	bool critical;			/* has a critical option: none is known */
	uint8_t key[ED25519_KEY_LEN];	/* that it is for */
	uint8_t ca[ED25519_KEY_LEN];	/* that signed it */
	uint8_t signature[ED25519_SIGNATURE_LEN];
	size_t signed_len;		/* leading bytes that the signature is over */
};

/* Bytes of a string within a blob. */
struct certificate_part {
	const uint8_t *p;
	size_t n;
};

/* Any certificate of an Ed25519 key, whoever signed it; points into its blob. */
struct certificate_parts {
	uint8_t key[ED25519_KEY_LEN];
	uint64_t serial;
	uint32_t type;			/* enum cert_type, or anything */
	struct certificate_part key_id;
	struct certificate_part principals;	/* SSH strings in a row */
	uint64_t valid_after, valid_before;
	bool critical;
	struct certificate_part ca;		/* the blob of a key of any type */
	struct certificate_part signature;
	size_t signed_len;
};

/*
 * Takes a blob of len bytes apart.  0, or -1 with *e (EX_DATAERR): cut short,
 * trailing bytes, options out of order or twice.  What is in the parts is for
 * the caller to judge.
 */
int certificate_split(const uint8_t *blob, size_t len,
    struct certificate_parts *c, struct error *e);

/*
 * Reads a blob of len bytes (what stands in base64 in a file).  Returns 0, or
 * -1 with *e (EX_DATAERR) when it is malformed in any way: trailing bytes,
 * options out of order or twice, a principal that is no name, texts with NUL
 * or too long.  A right signature is not asked for here.
 */
int certificate_read(const uint8_t *blob, size_t len, struct certificate *c,
    struct error *e);

/*
 * Judges what certificate_read() made of the same blob: a user certificate,
 * signed by one of ncas keys, valid at now (UNIX seconds), for the principal,
 * without critical options.  0, or -1 with *e (EX_NOPERM) saying which of
 * these it is not.  The list of revoked serials is the caller's business.
 */
int certificate_judge(const struct certificate *c, const uint8_t *blob,
    size_t len, const uint8_t (*cas)[ED25519_KEY_LEN], size_t ncas,
    const char *principal, uint64_t now, struct error *e);

/*
 * Makes a user certificate from serial, key_id, principals, times and key of
 * *c, with the one extension permit-port-forwarding, signed with the CA's key
 * (seed and public half as libsodium's 64 byte secret key).  Writes the blob
 * to out and returns its length (never over CERT_MAX).
 */
size_t certificate_write(const struct certificate *c,
    const uint8_t ca_secret[64], uint8_t out[CERT_MAX]);

/* An ssh-ed25519 public key: its blob of KEY_BLOB_LEN bytes, and back. */
void key_blob_write(const uint8_t key[ED25519_KEY_LEN],
    uint8_t out[KEY_BLOB_LEN]);
int key_blob_read(const uint8_t *blob, size_t len,
    uint8_t key[ED25519_KEY_LEN]);

/*
 * Reads a public key line "ssh-ed25519 AAAA... [comment]" (one line, with or
 * without a newline; no options in front), or a PEM "PUBLIC KEY".  0, or -1 with *e (EX_DATAERR).
 */
int key_line_read(const char *line, uint8_t key[ED25519_KEY_LEN],
    struct error *e);

/* "TYPE BASE64" of any blob, for the caller to free. */
char *key_line_write(const char *type, const uint8_t *blob, size_t len);

/* "SHA256:" and unpadded base64 of the hash of a blob. */
#define KEY_FINGERPRINT_MAX 64
void key_fingerprint(const uint8_t *blob, size_t len,
    char text[KEY_FINGERPRINT_MAX]);
/* The same of a hash that is at hand. */
void key_digest_text(const uint8_t digest[32], char text[KEY_FINGERPRINT_MAX]);

#endif
