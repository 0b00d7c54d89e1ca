/* SPDX-License-Identifier: ISC */
/* Which ciphers the libssh in use may be trusted with. */
#ifndef ORTHRUS_SSH_SELFTEST_H
#define ORTHRUS_SSH_SELFTEST_H

#include <stdbool.h>

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

/* --- the test that shows that it can fail ---------------------------- */

enum selftest_result {
	SELFTEST_REJECTED,	/* the second packet ended the session */
	SELFTEST_PASSED,	/* the second packet was taken for good */
	SELFTEST_NOT_RUN	/* no cipher, no descriptors, out of time ... */
};

/*
 * Sends two packets over cipher, the second one with a forged tag when forge
 * says so, and tells what became of it.
 */
enum selftest_result selftest_run(const char *cipher, bool forge);

#endif
