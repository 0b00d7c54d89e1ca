/* SPDX-License-Identifier: ISC */
/* The gateway's private keys as files: its host key and its CA's. */
#ifndef ORTHRUS_MONITOR_KEY_FILE_H
#define ORTHRUS_MONITOR_KEY_FILE_H

#include <stdint.h>

#include "orthrus/base/error.h"

/*
 * Makes an Ed25519 key at path, which is not there, and its public half at
 * path.pub.  Whenever the process is killed, a later start finds either no
 * key or a whole one, perhaps without the public half.  The caller sees to it
 * that only one process does so at a time.  0, or -1 with *e (EX_CANTCREAT).
 */
int key_file_make(const char *path, const char *comment, struct error *e);

/*
 * Reads the private key at path, which only its owner may read, into
 * libsodium's 64 bytes; the caller wipes them.  The owner is us, root, or,
 * where root looks after a service, the owner of the key's directory.
 * 0, or -1 with *e (EX_CONFIG, EX_NOPERM).
 */
int key_file_read(const char *what, const char *path, uint8_t secret[64],
    struct error *e);

#endif
