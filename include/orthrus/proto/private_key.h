/* SPDX-License-Identifier: ISC */
/* Private Ed25519 keys as text, and what else a file may hold in their place. */
#ifndef ORTHRUS_PROTO_PRIVATE_KEY_H
#define ORTHRUS_PROTO_PRIVATE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/proto/certificate.h"

#define PRIVATE_KEY_SEALED 1
#define PRIVATE_KEY_PKCS8_SEALED "-----BEGIN ENCRYPTED PRIVATE KEY-----"
#define PRIVATE_KEY_TEXT_MAX 512

struct evp_pkey_st;

/*
 * Reads an Ed25519 private key, in OpenSSH's format (PROTOCOL.key) or as PKCS#8
 * in PEM, into libsodium's 64 byte secret key.  0; PRIVATE_KEY_SEALED when it
 * has a passphrase; or -1.  Both with *e (EX_DATAERR), whose text says what the
 * file is ("it is an RSA key ...") and ends with what to do.
 */
int private_key_read(const char *text, size_t len, uint8_t secret[64],
    struct error *e);

/* The same of what OpenSSL has read. */
int private_key_seed(const struct evp_pkey_st *pkey, uint8_t secret[64],
    struct error *e);

/*
 * The public half of an Ed25519 key in OpenSSH's format, which a passphrase
 * does not hide.  False when the file is none.
 */
bool private_key_public(const char *text, size_t len,
    uint8_t key[ED25519_KEY_LEN]);

/*
 * True with *e (EX_DATAERR) when a text that is given for a private key is one
 * that need not be secret: a public key, or a certificate.
 */
bool private_key_is_public(const char *text, struct error *e);

/* Writes a key in OpenSSH's format, for the caller to wipe. */
void private_key_write(const uint8_t secret[64],
    char text[PRIVATE_KEY_TEXT_MAX]);

#endif
