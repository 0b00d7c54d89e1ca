/* Prometheus' text format: families, samples, and what must be escaped. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>

#include "../../src/gateway/prometheus.h"

static int
setup(void **state)
{
	*state = evbuffer_new();
	return *state == NULL;
}

static int
teardown(void **state)
{
	evbuffer_free(*state);
	return 0;
}

/* What was written so far, and no more. */
static void
assert_written(struct evbuffer *out, const char *text)
{
	size_t n = evbuffer_get_length(out);

	assert_int_equal(n, strlen(text));
	assert_memory_equal(evbuffer_pullup(out, -1), text, n);
	evbuffer_drain(out, n);
}

static void
test_family(void **state)
{
	struct evbuffer *out = *state;

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
	struct evbuffer *out = *state;

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
	struct evbuffer *out = *state;
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
	struct evbuffer *out = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		prometheus_seconds(out, "a", cases[i].ms);
		assert_written(out, cases[i].written);
	}
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
