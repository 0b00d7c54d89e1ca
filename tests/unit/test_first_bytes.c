/* SPDX-License-Identifier: ISC */
/* Who comes, by what is sent first, and from which byte on that is known. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "orthrus/proto/first_bytes.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_who_comes(void **state)
{
	static const struct {
		const char *bytes;
		enum first_bytes is;
		size_t from;	/* so many are needed */
	} cases[] = {
		{ "SSH-2.0-OpenSSH_10.0\r\n", FIRST_SSH, 4 },
		{ "SSH-1.99-x\n", FIRST_SSH, 4 },
		{ "SSH_2.0", FIRST_OTHER, 4 },
		{ "SSL", FIRST_OTHER, 3 },
		{ "\1resume\1", FIRST_SSH, 7 },
		{ "\1resubmit", FIRST_OTHER, 6 },
		{ "\2resume", FIRST_OTHER, 1 },
		{ "SEARCH / HTTP/1.1\r\n", FIRST_OTHER, 2 },
		{ "ssh-2.0-x\r\n", FIRST_OTHER, 1 },
		{ "\x16\x03\x01\x02", FIRST_TLS, 1 },
		{ "\x16nonsense", FIRST_TLS, 1 },
		{ "\x15\x03\x01", FIRST_OTHER, 1 },
		{ "\x80\x2e\x01\x03", FIRST_OTHER, 1 },	/* SSL 2.0 */
		{ "GET / HTTP/1.1\r\n", FIRST_OTHER, 1 },
		{ "\r\n\r\n", FIRST_OTHER, 1 },
	};
	size_t i, n, len;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		len = strlen(cases[i].bytes);
		for (n = 0; n <= len; n++)
			assert_int_equal(first_bytes_read((const uint8_t *)
			    cases[i].bytes, n), n < cases[i].from ?
			    FIRST_OPEN : cases[i].is);
	}
	/* A zero is a byte like another. */
	assert_int_equal(first_bytes_read((const uint8_t *)"", 1),
	    FIRST_OTHER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_comes),
	};

	return cmocka_run_group_tests_name("first_bytes", tests, NULL, NULL);
}
