/* SPDX-License-Identifier: ISC */
/* The self-test's inside, for the test that shows that it can fail. */
#ifndef SSH_SELFTEST_RUN_H
#define SSH_SELFTEST_RUN_H

#include <stdbool.h>

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
