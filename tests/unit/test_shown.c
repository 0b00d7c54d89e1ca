/* SPDX-License-Identifier: ISC */
/* Times, ages and sizes for people, in a time zone of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "orthrus/base/shown.h"
#include "orthrus/base/text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW 1795276291		/* 2026-11-21T15:51:31Z */

static void
set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void
test_times(void **state)
{
	char text[SHOWN_TEXT_MAX];

	(void)state;
	set_zone("UTC0");
	assert_string_equal(shown_time(NOW, text), "2026-11-21 15:51");
	set_zone("XXX-5:30");
	assert_string_equal(shown_time(NOW, text), "2026-11-21 21:21");
	set_zone("PST8");
	assert_string_equal(shown_time(NOW, text), "2026-11-21 07:51");
	assert_string_equal(shown_time(INT64_MAX, text), "?");
	assert_string_equal(shown_moment(NOW, NOW + 720, text),
	    "2026-11-21 07:51 (12 min ago)");
	assert_string_equal(shown_moment(INT64_MIN, INT64_MAX, text),
	    "? (213503982334601 days ago)");
}

static void
test_ages(void **state)
{
	static const struct {
		int64_t age;
		const char *text;
	} ages[] = {
		{ 0, "0 s ago" }, { 119, "119 s ago" }, { 120, "2 min ago" },
		{ 7199, "119 min ago" }, { 7200, "2 h ago" },
		{ 172799, "47 h ago" }, { 172800, "2 days ago" },
		{ 1000000, "11 days ago" }, { -5, "in 5 s" },
		{ -600, "in 10 min" }, { -604800, "in 7 days" },
	};
	char text[SHOWN_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ages); i++)
		assert_string_equal(shown_age(NOW - ages[i].age, NOW, text),
		    ages[i].text);
}

static void
test_sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 KiB" },
		{ 1024, "1.0 KiB" }, { 10 * 1024 - 1, "10 KiB" },
		{ 10 * 1024, "10 KiB" }, { 512 << 20, "512 MiB" },
		{ UINT64_C(1288490189), "1.2 GiB" },
		{ UINT64_MAX, "16 EiB" },
	};
	char text[SHOWN_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(sizes); i++)
		assert_string_equal(shown_size(sizes[i].bytes, text),
		    sizes[i].text);
}

/* There and back, and what is no time. */
static void
test_read(void **state)
{
	static const char *const bad[] = { "", "-", "2026-11-21",
	    "2026-11-21T15:51:31", "2026-11-21T15:51:31Zx",
	    "2026-13-21T15:51:31Z", "x2026-11-21T15:51:31Z" };
	int64_t when = 0;
	char text[TIME_TEXT_MAX];
	size_t i;

	(void)state;
	set_zone("PST8PDT");
	assert_true(time_read(time_text(NOW, text), &when));
	assert_int_equal(when, NOW);
	for (i = 0; i < COUNT(bad); i++)
		assert_false(time_read(bad[i], &when));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
