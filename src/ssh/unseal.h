/* SPDX-License-Identifier: ISC */
/* Private keys with a passphrase. */
#ifndef ORTHRUS_SSH_UNSEAL_H
#define ORTHRUS_SSH_UNSEAL_H

#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"

/*
 * Opens what private_key_read() calls PRIVATE_KEY_SEALED: 0 with libsodium's 64
 * bytes; PRIVATE_KEY_SEALED when the passphrase is another, or -1 with *e
 * (EX_DATAERR) when what comes out is no Ed25519 key.
 */
int private_key_unseal(const char *text, size_t len, const char *passphrase,
    uint8_t secret[64], struct error *e);

#endif
