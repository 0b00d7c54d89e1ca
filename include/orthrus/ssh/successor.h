/* SPDX-License-Identifier: ISC */
/*
 * The next key of this host: made beside the one in use (PATH.new), certified
 * by a gateway, then put in its place with its certificate.  Whenever the
 * process is killed, either pair is in use after successor_settle().
 */
#ifndef ORTHRUS_SSH_SUCCESSOR_H
#define ORTHRUS_SSH_SUCCESSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/possession.h"

/*
 * What an identity was enrolled with, so that another AUTH_KEY is noticed:
 * hexadecimal digits of a hash, in PATH.enrolled.
 */
#define MARK_MAX 65		/* with NUL */
void successor_hash(const char *auth_key, char mark[MARK_MAX]);
/* Reads PATH.enrolled; false when there is none, or nothing like it. */
bool successor_mark(const char *path, char mark[MARK_MAX]);

/*
 * Puts the next pair in its place if it is complete.  To be called before
 * identity_load().  0, or -1 with *e (EX_CANTCREAT).
 */
int successor_settle(const char *path, struct error *e);

/*
 * Makes the next key and gives its public half.  With a mark (an enrolment)
 * the one that was made for the same mark before is taken again, as the
 * gateway may know it already; without (a renewal) it is always a new one.
 * 0, or -1 with *e (EX_CANTCREAT).
 */
int successor_make(const char *path, const char *mark, const char *comment,
    uint8_t key[ED25519_KEY_LEN], struct error *e);

/*
 * Proves that we have the next key, as which p->key must be known: 0, or -1
 * with *e (EX_NOINPUT) when there is no such key any more.
 */
int successor_prove(const char *path, const struct possession *p,
    uint8_t proof[ED25519_SIGNATURE_LEN], struct error *e);

/*
 * Takes a user certificate of len bytes for that key and puts both in their
 * place; does nothing when they are there.  0, or -1 with *e: EX_PROTOCOL when
 * it is not one for that key, EX_NOINPUT when there is no such key any more;
 * with any other code (EX_CANTCREAT, EX_IOERR) it may be called again later.
 */
int successor_install(const char *path, const uint8_t *certificate, size_t len,
    struct error *e);

#endif
