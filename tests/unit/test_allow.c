/* SPDX-License-Identifier: ISC */
/* What a client may reach: the lists of --allow, and the questions to them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "orthrus/proto/allow.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_good(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "egress", "egress" },
		{ "a:80", "a:80" },
		{ "a:00080", "a:80" },
		{ "a:docker", "a:docker" },
		{ "a:*", "a:*" },
		{ " a:1 ,  b-2:65535 ", "a:1,b-2:65535" },
		{ "b:2,a:1", "b:2,a:1" },
		{ "a:1,egress,a:1,a:01,egress", "a:1,egress" },
		{ "egress:9,egress", "egress:9,egress" },
		{ "docker:docker", "docker:docker" },
	};
	char list[ALLOW_MAX], again[ALLOW_MAX];
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (allow_parse(cases[i].in, list, &e) == -1)
			fail_msg("%s", e.text);
		assert_string_equal(list, cases[i].out);
		assert_int_equal(allow_parse(list, again, &e), 0);
		assert_string_equal(again, list);
	}
}

static void
test_bad(void **state)
{
	static const struct {
		const char *in, *says;
	} cases[] = {
		{ "", "an empty item; expected AGENT:PORT" },
		{ " ", "an empty item" },
		{ ",", "an empty item" },
		{ "a:1,", "an empty item" },
		{ "a:1,,b:1", "an empty item" },
		{ "a", "\"a\": expected AGENT:PORT, AGENT:docker, AGENT:* or "
		    "egress" },
		{ "Egress", "\"Egress\": expected" },
		{ "egresses", "expected" },
		{ ":80", "an agent's name" },
		{ "A:80", "an agent's name" },
		{ "-a:80", "an agent's name" },
		{ "*:80", "an agent's name" },
		{ "a b:80", "an agent's name" },
		{ "a.orthrus:80", "an agent's name" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaa:80", "an agent's name" },
		{ "a:", "behind the name" },
		{ "a:0", "behind the name" },
		{ "a:65536", "behind the name" },
		{ "a:80-90", "behind the name" },
		{ "a: 80", "behind the name" },
		{ "a:80:81", "behind the name" },
		{ "a:Docker", "behind the name" },
		{ "a:dockerx", "behind the name" },
		{ "a:**", "behind the name" },
		{ "a:1\nb:2", "behind the name" },
	};
	char list[ALLOW_MAX];
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		strcpy(list, "untouched");
		if (allow_parse(cases[i].in, list, &e) == 0)
			fail_msg("\"%s\" was taken", cases[i].in);
		assert_int_equal(e.code, EX_USAGE);
		if (strstr(e.text, cases[i].says) == NULL)
			fail_msg("\"%s\" gave \"%s\"", cases[i].in, e.text);
		assert_string_equal(list, "untouched");
	}
}

static void
test_limit(void **state)
{
	char text[2 * ALLOW_MAX], list[ALLOW_MAX];
	struct error e;
	size_t len = 0;
	unsigned i;

	(void)state;
	/* 585 items of 7 bytes with their commas: one less than the limit. */
	for (i = 0; i < 585; i++)
		len += (size_t)sprintf(text + len, "%sa:%04u", i > 0 ? "," : "",
		    1000 + i);
	assert_int_equal(len, 585 * 7 - 1);
	assert_int_equal(allow_parse(text, list, &e), 0);
	assert_string_equal(list, text);
	strcpy(text + len, ",a:1000");		/* there already */
	assert_int_equal(allow_parse(text, list, &e), 0);
	strcpy(text + len, ",a:1");
	assert_int_equal(allow_parse(text, list, &e), -1);
	assert_non_null(strstr(e.text, "4095 bytes"));
}

static void
test_questions(void **state)
{
	static const char list[] = "web:80,web:8080,db:docker,all:*";

	(void)state;
	assert_true(allow_port(list, "web", 80));
	assert_true(allow_port(list, "web", 8080));
	assert_false(allow_port(list, "web", 8));
	assert_false(allow_port(list, "web", 808));
	assert_false(allow_port(list, "web", 0));
	assert_false(allow_port(list, "eb", 80));
	assert_false(allow_port(list, "we", 80));
	assert_false(allow_port(list, "web:80,web", 80));
	assert_false(allow_port(list, "", 80));
	assert_false(allow_docker(list, "web"));
	assert_true(allow_docker(list, "db"));
	assert_false(allow_port(list, "db", 80));
	assert_true(allow_port(list, "all", 1));
	assert_true(allow_port(list, "all", 65535));
	assert_false(allow_port(list, "all", 0));
	assert_true(allow_docker(list, "all"));
	assert_false(allow_egress(list));

	assert_true(allow_egress("a:1,egress"));
	assert_false(allow_egress("egress:80"));
	assert_false(allow_egress(""));
	assert_false(allow_port("", "a", 80));
	assert_false(allow_docker("egress", "egress"));
}

/* Whose Docker is meant when nobody is named. */
static void
test_docker_agents(void **state)
{
	static const struct {
		const char *list, *agent;
		unsigned found;
	} cases[] = {
		{ "", "", 0 },
		{ "egress,a:80", "", 0 },
		{ "a:docker", "a", 1 },
		{ "a:*", "a", 1 },
		{ "a:docker,a:*,a:80", "a", 1 },
		{ "b:80,a:docker,egress", "a", 1 },
		{ "a:docker,b:docker", "a", 2 },
		{ "ab:*,a:*", "ab", 2 },
		{ "a:*,ab:*", "a", 2 },
		{ "docker:docker", "docker", 1 },
	};
	char agent[NAME_MAX_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		agent[0] = '\0';
		assert_int_equal(allow_docker_agents(cases[i].list, agent),
		    cases[i].found);
		assert_string_equal(agent, cases[i].agent);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_docker_agents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
