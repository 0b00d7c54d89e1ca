/* SPDX-License-Identifier: ISC */
/*
 * Plain words for what libssh says of a session's end, and for what answers
 * where an SSH server was looked for.  Pure.
 */
#ifndef ORTHRUS_SSH_WORDING_H
#define ORTHRUS_SSH_WORDING_H

#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"

/*
 * Writes what libssh's text means; one that is not known, or comes from
 * elsewhere, as it is.  Returns out.
 */
const char *wording_of(const char *text, char out[ERROR_TEXT_MAX]);

/*
 * What the other side gave as its reason to end the session (RFC 4253 section
 * 11.1, its description), or NULL when text does not tell of that.
 */
const char *wording_farewell(const char *text);

/*
 * What it means for an agent, and what to do, when a gateway has ended its
 * session for another of the same identity; *code is EX_TEMPFAIL where it had
 * better wait.  NULL: text tells of something else.
 */
const char *wording_displaced(const char *text, int *code);

#define WORDING_FIRST_MAX 16	/* bytes that are looked at */

/*
 * What has answered, by the n bytes that came first, and what to write
 * instead; 0 bytes are a connection that was closed.
 */
const char *wording_stranger(const uint8_t *p, size_t n);

#endif
