/* SPDX-License-Identifier: ISC */
/* Prometheus' text format: families, samples, and what must be escaped. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "orthrus/base/mem.h"

#include "../../src/api/prometheus.h"

static struct buffer written;

static int
setup(void **state)
{
	buffer_init(&written, 65536);
	*state = &written;
	return 0;
}

static int
teardown(void **state)
{
	buffer_clear(*state);
	return 0;
}

/* What was written so far, and no more. */
static void
assert_written(struct buffer *out, const char *text)
{
	assert_int_equal(out->len, strlen(text));
	if (out->len > 0)
		assert_memory_equal(buffer_head(out), text, out->len);
	buffer_clear(out);
}

static void
test_family(void **state)
{
	struct buffer *out = *state;

	prometheus_family(out, "a_total", PROMETHEUS_COUNTER, "How many.");
	assert_written(out, "# HELP a_total How many.\n"
	    "# TYPE a_total counter\n");
	prometheus_family(out, "b", PROMETHEUS_GAUGE, "Two\nlines, a \\ and "
	    "a \".");
	assert_written(out, "# HELP b Two\\nlines, a \\\\ and a \".\n"
	    "# TYPE b gauge\n");
}

static void
test_samples(void **state)
{
	static const char *const one[][2] = { { "x", "y" } };
	static const char *const two[][2] = { { "x", "y" }, { "z", "" } };
	struct buffer *out = *state;

	prometheus_sample(out, "a", NULL, 0, 0);
	assert_written(out, "a 0\n");
	prometheus_sample(out, "a", NULL, 0, UINT64_MAX);
	assert_written(out, "a 18446744073709551615\n");
	prometheus_sample(out, "a", one, 1, 5);
	assert_written(out, "a{x=\"y\"} 5\n");
	prometheus_sample(out, "a", two, 2, 5);
	assert_written(out, "a{x=\"y\",z=\"\"} 5\n");
}

static void
test_escapes(void **state)
{
	static const struct {
		const char *value, *written;
	} cases[] = {
		{ "\"", "\\\"" }, { "\\", "\\\\" }, { "\n", "\\n" },
		{ "\\n", "\\\\n" }, { "a\"} 1\nb 2", "a\\\"} 1\\nb 2" },
		{ "\"\"\\\\\n\n", "\\\"\\\"\\\\\\\\\\n\\n" },
		{ "\xc3\xa9{}=,", "\xc3\xa9{}=," }, { "%s%n", "%s%n" },
	};
	struct buffer *out = *state;
	const char *labels[1][2] = { { "x", NULL } };
	char wanted[64];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		labels[0][1] = cases[i].value;
		prometheus_sample(out, "a", labels, 1, 1);
		snprintf(wanted, sizeof(wanted), "a{x=\"%s\"} 1\n",
		    cases[i].written);
		assert_written(out, wanted);
	}
}

static void
test_seconds(void **state)
{
	static const struct {
		uint64_t ms;
		const char *written;
	} cases[] = { { 0, "a 0.000\n" }, { 7, "a 0.007\n" },
	    { 1000, "a 1.000\n" }, { 123456789, "a 123456.789\n" } };
	static const char *const label[1][2] = { { "by", "list" } };
	struct buffer *out = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		prometheus_seconds(out, "a", NULL, 0, cases[i].ms);
		assert_written(out, cases[i].written);
	}
	prometheus_seconds(out, "a", label, 1, 20);
	assert_written(out, "a{by=\"list\"} 0.020\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_family, setup, teardown),
		cmocka_unit_test_setup_teardown(test_samples, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_seconds, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
