/* SPDX-License-Identifier: ISC */
/* Which ciphers the libssh in use may be trusted with. */
#ifndef ORTHRUS_SSH_SELFTEST_H
#define ORTHRUS_SSH_SELFTEST_H

#include <stdbool.h>

/*
 * True when the CPU has AES and carry-less multiplication instructions, so
 * that AES-GCM is fast.
 */
bool cpu_has_aes(void);

/*
 * Runs a client and a server of the libssh in use against each other in
 * memory (a socket pair, no network, no other file), over cipher, and forges
 * the authentication tag of one packet.  True when an untouched packet was
 * accepted and the forged one ended the session; false when the forgery
 * passed (CVE-2026-59847) or the test could not run.  Takes a few
 * milliseconds, and never more than two seconds.
 */
bool selftest_rejects_forgery(const char *cipher);

/*
 * The ciphers to offer, most wanted first, as an OpenSSH list: AES-GCM first
 * when cpu_has_aes() and the self-test passes, else chacha20-poly1305 first;
 * AES-GCM is not offered at all when the self-test fails.  Tested once per
 * process.  Static storage.
 */
const char *cipher_preference(void);

#endif
