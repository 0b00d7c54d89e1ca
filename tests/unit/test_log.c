/* SPDX-License-Identifier: ISC */
/* Logging, read back from what standard error received. */
#include <sys/stat.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/log.h"

#include "captured.h"

/* Replaces each digit by 0, so that times can be compared. */
static const char *
without_digits(const char *s)
{
	static char out[65536];
	size_t i;

	for (i = 0; s[i] != '\0'; i++)
		out[i] = s[i] >= '0' && s[i] <= '9' ? '0' : s[i];
	out[i] = '\0';
	return out;
}

static void
log_all(void)
{
	log_error("e");
	log_warn("w");
	log_info("i");
	log_debug("d");
}

#define TIME "0000-00-00T00:00:00.000Z "

static void
test_levels(void **state)
{
	static const struct {
		enum log_level level;
		const char *lines;
	} cases[] = {
		{ LEVEL_ERROR, TIME "error e\n" },
		{ LEVEL_WARN, TIME "error e\n" TIME "warn w\n" },
		{ LEVEL_INFO, TIME "error e\n" TIME "warn w\n"
		    TIME "info i\n" },
		{ LEVEL_DEBUG, TIME "error e\n" TIME "warn w\n" TIME "info i\n"
		    TIME "debug d\n" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_setup(cases[i].level, LOG_TEXT);
		capture_start();
		log_all();
		assert_string_equal(without_digits(capture_end()),
		    cases[i].lines);
	}
}

/* Runs first, before any log_setup(). */
static void
test_default(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	capture_start();
	log_all();
	assert_string_equal(without_digits(capture_end()),
	    TIME "error e\n" TIME "warn w\n" TIME "info i\n");
}

static void
test_text(void **state)
{
	(void)state;
	log_setup(LEVEL_INFO, LOG_TEXT);
	capture_start();
	errno = EXDEV;
	log_info("%s=%d \"q\" \\ \xe2\x82\xac", "a\nb\x1b\xff", 7);
	assert_int_equal(errno, EXDEV);
	log_debug("%s", "hidden");
	assert_int_equal(errno, EXDEV);
	assert_string_equal(strchr(capture_end(), ' '),
	    " info a\\nb\\x1b\\xff=7 \"q\" \\ \xe2\x82\xac\n");
}

static void
test_json(void **state)
{
	static const char in[] = "q\" b\\ n\n t\t e\x1b d\x7f \xe2\x82\xac";
	json_t *root;
	const char *text;

	(void)state;
	log_setup(LEVEL_INFO, LOG_JSON);
	capture_start();
	log_warn("%s", in);
	text = capture_end();
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	assert_int_equal(strchr(text, '\n') - text, strlen(text) - 1);
	assert_string_equal(json_string_value(json_object_get(root, "message")),
	    in);
	assert_string_equal(json_string_value(json_object_get(root, "level")),
	    "warn");
	assert_string_equal(without_digits(json_string_value(
	    json_object_get(root, "time"))), "0000-00-00T00:00:00.000Z");
	json_decref(root);

	capture_start();
	log_info("a\xff\xe2\x82" "b");
	root = json_loads(capture_end(), 0, NULL);
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(root, "message")),
	    "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" "b");
	json_decref(root);
}

static const char *
field(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* Fields are JSON's alone, and stay whole whatever the message is. */
static void
test_fields(void **state)
{
	static char in[8192];
	json_t *o;

	(void)state;
	log_setup(LEVEL_INFO, LOG_TEXT);
	capture_start();
	log_event(LEVEL_WARN, LOG_FIELDS(.event = "lost", .agent = "a",
	    .reason = "b"), "it %s", "ended");
	log_event(LEVEL_DEBUG, LOG_FIELDS(.event = "hidden"), "hidden");
	assert_string_equal(strchr(capture_end(), ' '), " warn it ended\n");

	log_setup(LEVEL_INFO, LOG_JSON);
	memset(in, '"', sizeof(in) - 1);
	capture_start();
	log_event(LEVEL_WARN, LOG_FIELDS(.event = "lost", .agent = "a",
	    .client = "", .peer = "h:1", .reason = "a \"b\"\xff", .code = 77),
	    "%s", in);
	o = json_loads(capture_end(), 0, NULL);
	assert_non_null(o);
	assert_int_equal(json_object_size(o), 8);
	assert_string_equal(field(o, "event"), "lost");
	assert_string_equal(field(o, "agent"), "a");
	assert_string_equal(field(o, "peer"), "h:1");
	assert_string_equal(field(o, "reason"), "a \"b\"\xef\xbf\xbd");
	assert_int_equal(json_integer_value(json_object_get(o, "code")), 77);
	json_decref(o);

	capture_start();	/* all of them too long, and still a line */
	log_event(LEVEL_WARN, LOG_FIELDS(in, in, in, in, in, 1), "%s", in);
	o = json_loads(capture_end(), 0, NULL);
	assert_non_null(o);
	assert_int_equal(json_object_size(o), 9);
	json_decref(o);

	log_own_name("me");
	capture_start();
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "ready"), "ready");
	o = json_loads(capture_end(), 0, NULL);
	assert_string_equal(field(o, "agent"), "me");
	json_decref(o);
	capture_start();
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "x", .client = "c"), "x");
	log_info("no event");
	assert_null(strstr(capture_end(), "\"me\""));
	log_own_name("");
}

/* However long the message, one whole line of at most PIPE_BUF bytes. */
static void
test_long(void **state)
{
	static const char *const units[] = { "a", "\"", "\x01", "\xff",
	    "\xe2\x82\xac" };
	static char in[3 * 8192 + 1];
	const char *text;
	size_t i, n, len;
	json_t *root;

	(void)state;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		for (n = 0; n < 8192; n++)
			memcpy(in + n * strlen(units[i]), units[i],
			    strlen(units[i]) + 1);
		log_setup(LEVEL_INFO, LOG_TEXT);
		capture_start();
		log_info("%s", in);
		text = capture_end();
		len = strlen(text);
		assert_in_range(len, 4080, 4096);
		assert_string_equal(text + len - 4, "...\n");

		log_setup(LEVEL_INFO, LOG_JSON);
		capture_start();
		log_info("%s", in);
		text = capture_end();
		len = strlen(text);
		assert_in_range(len, 4080, 4096);
		root = json_loads(text, 0, NULL);
		assert_non_null(root);
		json_decref(root);
		assert_string_equal(text + len - 6, "...\"}\n");
	}
}

static void
test_journal(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	capture_start();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_setup(LEVEL_DEBUG, LOG_TEXT);
	log_all();
	assert_string_equal(capture_end(), "<3>error: e\n<4>warn: w\n"
	    "<6>info: i\n<7>debug: d\n");

	/* Set, but for the stream of somebody else. */
	setenv("JOURNAL_STREAM", "1:1", 1);
	capture_start();
	log_setup(LEVEL_ERROR, LOG_TEXT);
	log_all();
	assert_string_equal(without_digits(capture_end()), TIME "error e\n");
	unsetenv("JOURNAL_STREAM");
}

/* A closed standard error disturbs nobody. */
static void
test_closed(void **state)
{
	(void)state;
	log_setup(LEVEL_INFO, LOG_TEXT);
	capture_start();
	close(STDERR_FILENO);
	errno = 0;
	log_error("nobody reads this");
	assert_int_equal(errno, 0);
	assert_string_equal(capture_end(), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
