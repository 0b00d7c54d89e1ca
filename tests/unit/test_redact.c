/* SPDX-License-Identifier: ISC */
/* Redaction: what is masked, what is left alone, what is no document. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "orthrus/muzzle/redact.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *reveal;

/* NULL when it is refused; else freed by the caller. */
static char *
redact(const char *text, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1), *out;
	size_t len = 0;

	assert_non_null(copy);
	memcpy(copy, text, n);
	out = redact_json((const uint8_t *)copy, n, reveal, &len);
	free(copy);
	if (out != NULL)
		assert_int_equal(strlen(out), len);
	return out;
}

struct pair {
	const char *in, *out;
};

static void
each(const struct pair *cases, size_t n)
{
	char *out, *again;
	size_t i;

	for (i = 0; i < n; i++) {
		out = redact(cases[i].in, strlen(cases[i].in));
		if (out == NULL)
			fail_msg("%s", cases[i].in);
		assert_string_equal(out, cases[i].out);
		again = redact(out, strlen(out));
		assert_non_null(again);
		assert_string_equal(again, out);
		free(again);
		free(out);
	}
}

/* Names that the owner lists, to the letter, and only of variables. */
static void
test_reveal(void **state)
{
	static const struct pair cases[] = {
		{ "{\"Env\":[\"VIRTUAL_HOST=a=b\",\"VIRTUAL_HOST2=s\","
		    "\"virtual_host=s\",\"XVIRTUAL_HOST=s\",\"PORT=1\","
		    "\"=s\",\"VIRTUAL_HOST,PORT=s\",\"POR=s\"]}",
		    "{\"Env\":[\"VIRTUAL_HOST=a=b\",\"VIRTUAL_HOST2=***\","
		    "\"virtual_host=***\",\"XVIRTUAL_HOST=***\",\"PORT=1\","
		    "\"=***\",\"VIRTUAL_HOST,PORT=***\",\"POR=***\"]}" },
		{ "{\"Options\":[\"PORT=s\"],\"CreateCommand\":[\"PORT=s\"]}",
		    "{\"Options\":[\"PORT=***\"],\"CreateCommand\":"
		    "[\"PORT=***\"]}" },
		{ "{\"Env\":{\"PORT\":\"s\"}}", "{\"Env\":{\"PORT\":\"***\"}}" },
		{ "{\"CreatedBy\":\"ENV PORT=s\"}",
		    "{\"CreatedBy\":\"ENV PORT=***\"}" },
	};
	static const struct pair none[] = {
		{ "{\"Env\":[\"=s\",\"A=s\"]}", "{\"Env\":[\"=***\",\"A=***\"]}" },
	};

	(void)state;
	reveal = "VIRTUAL_HOST,PORT";
	each(cases, COUNT(cases));
	reveal = "";
	each(none, COUNT(none));
	reveal = NULL;
	each(none, COUNT(none));
}

static void
test_env(void **state)
{
	static const struct pair cases[] = {
		{ "{\"Config\": {\"Env\": [\"A=s3cret\", \"B=\", \"C\"]}}",
		    "{\"Config\":{\"Env\":[\"A=***\",\"B=***\",\"C\"]}}" },
		{ "{\"ContainerConfig\":{\"Env\":[\"A=b=c\\nd=e\"]}}",
		    "{\"ContainerConfig\":{\"Env\":[\"A=***\"]}}" },
		{ "[[{\"x\":[{\"Env\":[\"A=s\"]}]}]]",
		    "[[{\"x\":[{\"Env\":[\"A=***\"]}]}]]" },
		{ "{\"Env\":null}", "{\"Env\":null}" },
		{ "{\"Env\":[]}", "{\"Env\":[]}" },
		{ "{\"Env\":[\"\",\"=\",\"=a\",\"\xc3\xa9=\xc3\xa9\"]}",
		    "{\"Env\":[\"\",\"=***\",\"=***\",\"\xc3\xa9=***\"]}" },
		/* What no engine says. */
		{ "{\"Env\":\"A=s\"}", "{\"Env\":\"A=***\"}" },
		{ "{\"Env\":{\"A\":\"s\",\"B\":4711,\"C\":1.5,\"D\":null}}",
		    "{\"Env\":{\"A\":\"***\",\"B\":0,\"C\":0.0,\"D\":null}}" },
		{ "{\"Env\":[[\"s\"],{\"A\":[\"s\",true]},4711,\"A=s\"]}",
		    "{\"Env\":[[\"***\"],{\"A\":[\"***\",true]},0,"
		    "\"A=***\"]}" },
		{ "{\"\\u0045nv\":[\"A=s\"]}", "{\"Env\":[\"A=***\"]}" },
		/* The engine's own order and the rest stay. */
		{ "{\"b\":1,\"a\":[true,false,null,-0.5,\"\\u003cx\\n\\\"\"],"
		    "\"env\":\"x\",\"ENV\":\"A=b\",\"Labels\":{\"x\":\"A=b\"}}",
		    "{\"b\":1,\"a\":[true,false,null,-0.5,\"<x\\n\\\"\"],"
		    "\"env\":\"x\",\"ENV\":\"A=b\","
		    "\"Labels\":{\"x\":\"A=b\"}}" },
		{ "{\"CreateCommand\":[\"podman\",\"run\",\"-e\",\"A=s\","
		    "\"--env=B=s\",\"-eC=s\",\"--rm\"]}",
		    "{\"CreateCommand\":[\"podman\",\"run\",\"-e\",\"A=***\","
		    "\"--env=***\",\"-eC=***\",\"--rm\"]}" },
	};

	(void)state;
	each(cases, COUNT(cases));
}

static void
test_options(void **state)
{
	static const struct pair cases[] = {
		{ "{\"Options\":{\"device\":\":/x\",\"o\":\"password=s\","
		    "\"type\":\"nfs\"}}",
		    "{\"Options\":{\"device\":\":/x\",\"o\":\"***\","
		    "\"type\":\"nfs\"}}" },
		{ "{\"Options\":{\"password\":\"s\",\"sshcmd\":\"u@h:/p\","
		    "\"device\":\"u:p@h\",\"n\":1}}",
		    "{\"Options\":{\"password\":\"***\",\"sshcmd\":\"***\","
		    "\"device\":\"***\",\"n\":0}}" },
		{ "{\"Options\":{\"o\":[\"s\"],\"type\":{\"o\":\"s\"}}}",
		    "{\"Options\":{\"o\":[\"***\"],"
		    "\"type\":{\"o\":\"***\"}}}" },
		{ "{\"VolumeOptions\":{\"DriverConfig\":{\"Name\":\"local\","
		    "\"Options\":{\"o\":\"s\"}}}}",
		    "{\"VolumeOptions\":{\"DriverConfig\":{\"Name\":\"local\","
		    "\"Options\":{\"o\":\"***\"}}}}" },
		{ "{\"DriverOpts\":{\"o\":\"s\",\"x\":\"y\"}}",
		    "{\"DriverOpts\":{\"o\":\"***\",\"x\":\"***\"}}" },
		{ "{\"Options\":null,\"DriverOpts\":[\"o\"]}",
		    "{\"Options\":null,\"DriverOpts\":[\"o\"]}" },
		/* podman's mounts */
		{ "{\"Options\":[\"nosuid\",\"rbind\"]}",
		    "{\"Options\":[\"nosuid\",\"rbind\"]}" },
		{ "{\"LogConfig\":{\"Type\":\"splunk\",\"Config\":{"
		    "\"splunk-token\":\"s\",\"splunk-url\":\"u\"}}}",
		    "{\"LogConfig\":{\"Type\":\"splunk\",\"Config\":{"
		    "\"splunk-token\":\"***\",\"splunk-url\":\"***\"}}}" },
		{ "{\"HttpProxy\":\"http://u:s@p:1\"}",
		    "{\"HttpProxy\":\"http://***@p:1\"}" },
		{ "{\"HttpsProxy\":\"u:s@p\",\"HttpProxy\":\"http://p:1\"}",
		    "{\"HttpsProxy\":\"***@p\",\"HttpProxy\":\"http://p:1\"}" },
		{ "{\"LogConfig\":7}", "{\"LogConfig\":7}" },
	};

	(void)state;
	each(cases, COUNT(cases));
}

/* Texts as dockerd 20.10.24 has given them, and their like. */
static void
test_instructions(void **state)
{
	static const struct pair cases[] = {
		{ "[{\"CreatedBy\":\"/bin/sh -c #(nop)  ENV A=s B=t u C=v\"}]",
		    "[{\"CreatedBy\":\"/bin/sh -c #(nop)  ENV A=***\"}]" },
		{ "\"/bin/sh -c #(nop) ENV A=s\"",
		    "\"/bin/sh -c #(nop) ENV A=***\"" },
		{ "\"ENV A=s t\"", "\"ENV A=***\"" },
		{ "\"ENV A s t\"", "\"ENV A ***\"" },
		{ "\"env\\tA=s\"", "\"env\\tA=***\"" },
		{ "\"ARG A=s\"", "\"ARG A=***\"" },
		{ "\"ARG A\"", "\"ARG A\"" },
		{ "\"/bin/sh -c #(nop)  ARG A=s\"",
		    "\"/bin/sh -c #(nop)  ARG A=***\"" },
		{ "[\"/bin/sh\",\"-c\",\"#(nop) \",\"ENV A=s t B=u\"]",
		    "[\"/bin/sh\",\"-c\",\"#(nop) \",\"ENV A=***\"]" },
		{ "[\"/bin/sh\",\"-c\",\"#(nop) \",\"ONBUILD ENV Z s t\"]",
		    "[\"/bin/sh\",\"-c\",\"#(nop) \",\"ONBUILD ENV Z ***\"]" },
		{ "{\"OnBuild\":[\"env  X=s Y=\\\"t u\\\"\",\"RUN x\"]}",
		    "{\"OnBuild\":[\"env  X=***\",\"RUN x\"]}" },
		{ "{\"Command\":\"/bin/sh -c '#(nop) ' 'ENV A=s'\"}",
		    "{\"Command\":\"/bin/sh -c '#(nop) ' 'ENV A=***\"}" },
		{ "\"|1 A=s 'q' \\\"dq\\\" /bin/sh -c echo $A >/tmp/x\"",
		    "\"|1 A=*** /bin/sh -c echo $A >/tmp/x\"" },
		{ "\"RUN |2 A=s B=t u /bin/sh -c echo # buildkit\"",
		    "\"RUN |2 A=*** /bin/sh -c echo # buildkit\"" },
		/* A value that looks like the command, another shell. */
		{ "\"|1 A=s /bin/sh -c t /bin/sh -c echo\"",
		    "\"|1 A=*** /bin/sh -c echo\"" },
		{ "\"|1 A=s /bin/bash -o pipefail -c echo\"", "\"|1 A=***\"" },
		{ "[\"|2\",\"A=s t\",\"B=u\",\"/bin/sh\",\"-c\",\"C=d e\"]",
		    "[\"|2\",\"A=***\",\"B=***\",\"/bin/sh\",\"-c\","
		    "\"C=d e\"]" },
		{ "[\"|99999999999999999999\",\"A=s\"]",
		    "[\"|99999999999999999999\",\"A=***\"]" },
		/* The first that is one, not the last. */
		{ "\"ENV A=s #(nop) ENV B=t\"", "\"ENV A=***\"" },
		{ "\"x #(nop) LABEL a #(nop) ENV B=t\"",
		    "\"x #(nop) LABEL a #(nop) ENV B=***\"" },
		{ "{\"Error\":\"failed to mount local volume: mount //h/x:/v"
		    ", data: username=u,pass=s: t: no such device\"}",
		    "{\"Error\":\"failed to mount local volume: mount //h/x:/v"
		    ", data: ***: no such device\"}" },
		{ "\"mount a:b, flags: 0x1, data: s\"",
		    "\"mount a:b, flags: 0x1, data: ***\"" },
		/* And what is none. */
		{ "[\"ENVIRON A=b\",\"ENV\",\"ENV A\",\"x ENV A=b\","
		    "\"|x A=b\",\"| A=b\",\"|1\",\"LABEL a=b\","
		    "\"data: x\",\"|0 x\"]",
		    "[\"ENVIRON A=b\",\"ENV\",\"ENV A\",\"x ENV A=b\","
		    "\"|x A=b\",\"| A=b\",\"|1\",\"LABEL a=b\","
		    "\"data: x\",\"|0 x\"]" },
	};

	(void)state;
	each(cases, COUNT(cases));
}

static void
test_refused(void **state)
{
	static const char *const bad[] = { "", " ", "{", "{}x", "{} {}", "nul",
	    "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "[1,]", "{'a':1}",
	    "\"\\u0000\"", "{\"Env\":[\"A=\\u0000s\"]}", "\"\xff\"",
	    "\"\xc0\x80\"", "\"\\ud800\"", "\"a\nb\"", "[01]", "NaN", "1e999",
	    "99999999999999999999", "\xef\xbb\xbf{}", "[1] // x" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		if (redact(bad[i], strlen(bad[i])) != NULL)
			fail_msg("%s", bad[i]);
	assert_null(redact("{}\0", 3));
	assert_null(redact("{\0}", 3));
}

static void
test_sizes(void **state)
{
	char *text = malloc(REDACT_MAX + 1), *out;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', REDACT_MAX + 1);
	memcpy(text, "{\"Env\":[\"A=s\"]}", 15);
	assert_null(redact(text, REDACT_MAX + 1));
	out = redact(text, REDACT_MAX);
	assert_string_equal(out, "{\"Env\":[\"A=***\"]}");
	free(out);
	/* A value that is nearly all of it. */
	memset(text, 's', REDACT_MAX);
	memcpy(text, "{\"Env\":[\"A=", 11);
	memcpy(text + REDACT_MAX - 4, "\"]} ", 4);
	out = redact(text, REDACT_MAX);
	assert_string_equal(out, "{\"Env\":[\"A=***\"]}");
	free(out);
	/* Nested without end: refused, and the stack lives. */
	memset(text, '[', REDACT_MAX);
	assert_null(redact(text, REDACT_MAX));
	/* Nested as deep as is read. */
	memset(text, '[', 2000);
	memcpy(text + 2000, "\"ENV A=s\"", 9);
	memset(text + 2009, ']', 2000);
	out = redact(text, 4009);
	assert_non_null(out);
	assert_non_null(strstr(out, "[\"ENV A=***\"]"));
	free(out);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_reveal),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
