/* SPDX-License-Identifier: ISC */
/* Lists of checksums: what sha256sum writes is read, all else is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "orthrus/proto/sums.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TEN "0123456789"
#define HEX TEN TEN TEN TEN TEN TEN "abcd"

static int
read_line(const char *line, struct sum *sum, const char **why)
{
	size_t n = strlen(line);

	*why = NULL;
	return sum_next(&line, &n, sum, why);
}

static void
test_lines(void **state)
{
	const char *text = HEX "  a.deb\n\r\n" TEN TEN TEN TEN TEN TEN
	    "ABCD *b-1_2~x.tar.gz\r\n" HEX "  last", *p = text, *why = NULL;
	size_t n = strlen(text);
	struct sum sum;

	(void)state;
	assert_int_equal(sum_next(&p, &n, &sum, &why), 1);
	assert_string_equal(sum.hex, HEX);
	assert_string_equal(sum.name, "a.deb");
	assert_int_equal(sum_next(&p, &n, &sum, &why), 0);
	assert_int_equal(sum_next(&p, &n, &sum, &why), 1);
	assert_string_equal(sum.hex, HEX);
	assert_string_equal(sum.name, "b-1_2~x.tar.gz");
	assert_int_equal(sum_next(&p, &n, &sum, &why), 1);
	assert_string_equal(sum.name, "last");
	assert_int_equal(n, 0);
	assert_int_equal(sum_next(&p, &n, &sum, &why), 0);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{ "x", "64 hexadecimal" },
		{ "# a comment", "64 hexadecimal" },
		{ TEN TEN TEN TEN TEN TEN "abc  a", "64 hexadecimal" },
		{ TEN TEN TEN TEN TEN TEN "abcg  a", "64 hexadecimal" },
		{ HEX, "two spaces" },
		{ HEX " ", "two spaces" },
		{ HEX " a", "two spaces" },
		{ HEX "0  a", "two spaces" },
		{ HEX "\t a", "two spaces" },
		{ HEX "  ", "the name" },
		{ HEX "  a/b", "without a folder" },
		{ HEX "  a b", "without a folder" },
		{ HEX "  a\\nb", "without a folder" },
		{ HEX "  \xc3\xa4", "without a folder" },
		{ "\\" HEX "  a", "64 hexadecimal" },
		{ "SHA256 (a) = " HEX, "64 hexadecimal" },
	};
	const char *why;
	struct sum sum;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(read_line(cases[i].line, &sum, &why), -1);
		assert_non_null(strstr(why, cases[i].why));
	}
}

static void
test_longest_name(void **state)
{
	char line[SUM_HEX + 2 + SUM_NAME_MAX + 1];
	struct sum sum;
	const char *why;

	(void)state;
	memcpy(line, HEX "  ", SUM_HEX + 2);
	memset(line + SUM_HEX + 2, 'n', SUM_NAME_MAX);
	line[SUM_HEX + 2 + SUM_NAME_MAX] = '\0';
	assert_int_equal(read_line(line, &sum, &why), -1);
	line[SUM_HEX + 2 + SUM_NAME_MAX - 1] = '\0';
	assert_int_equal(read_line(line, &sum, &why), 1);
	assert_int_equal(strlen(sum.name), SUM_NAME_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_longest_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
