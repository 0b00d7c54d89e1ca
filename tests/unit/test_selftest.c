/* SPDX-License-Identifier: ISC */
/* The cipher self-test: passes here, and can tell a pass from a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/ssh/selftest.h"
#include "descriptors.h"
#include "orthrus/base/machine.h"

static const char *const ciphers[] = {
	"aes256-gcm@openssh.com",
	"aes128-gcm@openssh.com",
	"chacha20-poly1305@openssh.com"
};
#define NCIPHERS (sizeof(ciphers) / sizeof(ciphers[0]))

/*
 * Debian's libssh before 0.10.6-0+deb12u3 takes forged AES-GCM tags
 * (CVE-2026-59847), so the library of this machine may be such a one; what
 * counts is that the verdict is a verdict, and that it is heeded.
 */
static void
test_forgery_is_judged(void **state)
{
	(void)state;
	assert_true(selftest_rejects_forgery(ciphers[2]));
	assert_int_not_equal(selftest_run(ciphers[0], true), SELFTEST_NOT_RUN);
	assert_int_equal(selftest_run(ciphers[0], true),
	    selftest_run(ciphers[1], true));
	if (!selftest_rejects_forgery(ciphers[0]))
		print_message("this libssh takes forged AES-GCM tags\n");
}

/* What a library without the check would look like. */
static void
test_untouched_packet_passes(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NCIPHERS; i++)
		assert_int_equal(selftest_run(ciphers[i], false),
		    SELFTEST_PASSED);
}

static void
test_unknown_cipher_does_not_run(void **state)
{
	(void)state;
	assert_int_equal(selftest_run("rot13@example.com", true),
	    SELFTEST_NOT_RUN);
	assert_false(selftest_rejects_forgery("rot13@example.com"));
}

static void
test_leaves_nothing_open(void **state)
{
	unsigned before = open_descriptors();
	int i;

	(void)state;
	for (i = 0; i < 20; i++)
		selftest_run(i % 2 == 0 ? ciphers[0] : "no-such-cipher",
		    i % 4 == 0);
	assert_int_equal(open_descriptors(), before);
}

static void
test_preference(void **state)
{
	const char *list = cipher_preference();
	const char *first = !selftest_rejects_forgery(ciphers[0]) ?
	    "chacha20-poly1305@openssh.com" : cpu_has_aes() ?
	    "aes256-gcm@openssh.com,aes128-" :
	    "chacha20-poly1305@openssh.com,aes256-";

	(void)state;
	assert_int_equal(strncmp(list, first, strlen(first)), 0);
	if (!selftest_rejects_forgery(ciphers[0]))
		assert_null(strstr(list, "gcm"));
	assert_ptr_equal(list, cipher_preference());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forgery_is_judged),
		cmocka_unit_test(test_untouched_packet_passes),
		cmocka_unit_test(test_unknown_cipher_does_not_run),
		cmocka_unit_test(test_leaves_nothing_open),
		cmocka_unit_test(test_preference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
