/* SPDX-License-Identifier: ISC */
/* The bearer token of the HTTP API: made once, read again, compared whole. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "../../src/api/api_private.h"

static char dir[] = "/tmp/orthrus-u-XXXXXX";
static char path[sizeof(dir) + 16];

static int
setup(void **state)
{
	(void)state;
	if (sodium_init() == -1 || mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/http.token", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void
write_file(const char *text, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
test_make(void **state)
{
	char one[TOKEN_LEN + 1], two[TOKEN_LEN + 1];
	struct error e;
	struct stat st;

	(void)state;
	unlink(path);
	assert_int_equal(token_load(dir, one, &e), 0);
	assert_int_equal(strlen(one), TOKEN_LEN);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(token_load(dir, two, &e), 0);
	assert_string_equal(one, two);
	/* Another one each time that it is made. */
	unlink(path);
	assert_int_equal(token_load(dir, two, &e), 0);
	assert_string_not_equal(one, two);
}

#define GOOD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM-_09"

static void
test_read(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		int code;
	} cases[] = {
		{ GOOD "\n", 0600, 0 }, { GOOD, 0600, 0 },
		{ GOOD "\r\n", 0400, 0 }, { GOOD "\n", 0640, EX_CONFIG },
		{ GOOD "\n", 0604, EX_CONFIG }, { GOOD "x\n", 0600, EX_CONFIG },
		{ "", 0600, EX_CONFIG }, { "\n", 0600, EX_CONFIG },
		{ " " GOOD "\n", 0600, EX_CONFIG },
		{ "+bcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM-_09", 0600,
		    EX_CONFIG },
	};
	char token[TOKEN_LEN + 1];
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file(cases[i].text, cases[i].mode);
		e.code = 0;
		assert_int_equal(token_load(dir, token, &e),
		    cases[i].code == 0 ? 0 : -1);
		assert_int_equal(e.code, cases[i].code);
		if (e.code == 0)
			assert_string_equal(token, GOOD);
		else {
			assert_non_null(strstr(e.text, path));
			assert_null(strstr(e.text, "abcdef"));
		}
	}
}

static void
test_match(void **state)
{
	static const struct {
		const char *value;
		bool match;
	} cases[] = {
		{ "Bearer " GOOD, true }, { "bearer " GOOD, true },
		{ "BEARER " GOOD, true }, { GOOD, false },
		{ "Bearer" GOOD, false }, { "Bearer  " GOOD, false },
		{ "Basic " GOOD, false }, { "Bearer " GOOD "x", false },
		{ "Bearer " GOOD " ", false }, { "", false },
		{ "Bearer ", false },
		{ "Bearer abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM-_0", false },
		{ "Bearer abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM-_08",
		    false },
		{ "Bearer Abcdefghijklmnopqrstuvwxyzabcdefghijklm-_09",
		    false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(token_matches(GOOD, cases[i].value,
		    strlen(cases[i].value)),
		    cases[i].match);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
