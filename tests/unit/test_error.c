/* SPDX-License-Identifier: ISC */
/* Errors: one line whatever goes in, escaped, cut where it must be. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "orthrus/base/error.h"

static void
test_set(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(error_set(&e, EX_USAGE, "%s: %d", "port", 7), -1);
	assert_int_equal(e.code, EX_USAGE);
	assert_string_equal(e.text, "port: 7");
	assert_int_equal(error_set(NULL, EX_USAGE, "%s", "nobody asks"), -1);
	assert_int_equal(error_set(&e, EX_CONFIG, "%s", ""), -1);
	assert_string_equal(e.text, "");
	assert_int_equal(e.code, EX_CONFIG);
}

static void
test_prefix(void **state)
{
	struct error e;

	(void)state;
	error_set(&e, EX_CONFIG, "wrong");
	error_prefix(&e, "%s:%d", "file", 3);
	assert_string_equal(e.text, "file:3: wrong");
	assert_int_equal(e.code, EX_CONFIG);
	/* The arguments may be the error itself. */
	error_set(&e, EX_USAGE, "<%s>", e.text);
	assert_string_equal(e.text, "<file:3: wrong>");
	error_prefix(NULL, "nobody");
	/* Escaped once, however many prefixes come. */
	error_set(&e, EX_USAGE, "a\nb");
	error_prefix(&e, "x");
	error_prefix(&e, "\ty");
	assert_string_equal(e.text, "\\ty: x: a\\nb");
}

static void
test_escape(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain \"text\" \\ here", "plain \"text\" \\ here" },
		{ "\r\n\t", "\\r\\n\\t" },
		{ "\x01\x1b[31m\x7f", "\\x01\\x1b[31m\\x7f" },
		/* Good UTF-8 of each length, first and last of its range. */
		{ "\xc2\xa0\xdf\xbf", "\xc2\xa0\xdf\xbf" },
		{ "\xe0\xa0\x80\xed\x9f\xbf", "\xe0\xa0\x80\xed\x9f\xbf" },
		{ "\xee\x80\x80\xef\xbf\xbf", "\xee\x80\x80\xef\xbf\xbf" },
		{ "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
		    "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
		/* C1 controls, which some terminals obey. */
		{ "\xc2\x9b" "31m", "\\x9b31m" },
		/* Overlong, surrogate, too large, cut short, stray. */
		{ "\xc0\xaf", "\\xc0\\xaf" },
		{ "\xe0\x9f\xbf", "\\xe0\\x9f\\xbf" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		{ "\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
		{ "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80" },
		{ "\xe2\x82", "\\xe2\\x82" },
		{ "\xe2\x82x", "\\xe2\\x82x" },
		{ "\x80\xff", "\\x80\\xff" },
	};
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		error_set(&e, EX_USAGE, "%s", cases[i].in);
		assert_string_equal(e.text, cases[i].out);
	}
}

/* Around the limit, with units of each length, the text stays well-formed. */
static void
test_cut(void **state)
{
	static const struct {
		const char *unit, *escaped;
	} cases[] = {
		{ "a", "a" }, { "\n", "\\n" }, { "\x01", "\\x01" },
		{ "\xe2\x82\xac", "\xe2\x82\xac" },
	};
	char in[4 * ERROR_TEXT_MAX];
	struct error e;
	size_t i, n, len, used;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (n = 1; n < ERROR_TEXT_MAX + 10; n++) {
			in[0] = '\0';
			for (used = 0; used < n; used++)
				strcat(in, cases[i].unit);
			error_set(&e, EX_USAGE, "%s", in);
			len = strlen(e.text);
			assert_true(len < ERROR_TEXT_MAX);
			used = strlen(cases[i].escaped);
			if (n * used < ERROR_TEXT_MAX) {
				assert_int_equal(len, n * used);
				continue;
			}
			assert_string_equal(e.text + len - 3, "...");
			assert_int_equal((len - 3) % used, 0);
			assert_true(len + used >= ERROR_TEXT_MAX);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
