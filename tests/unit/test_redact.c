/* SPDX-License-Identifier: ISC */
/* Redaction: what is masked, what is left alone, what is no document. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/muzzle/redact.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *reveal;
static bool many;		/* documents, one after the other */

/*
 * Handed in in pieces of step bytes, the first of which has first bytes.  NULL
 * when it is refused; else freed by the caller.
 */
static char *
redact_split(const char *text, size_t n, size_t first, size_t step)
{
	struct redactor *r = redactor_new(reveal, many);
	struct buffer out;
	size_t at = 0, piece = first;
	char *copy, *s = NULL;
	int rc = 0;

	buffer_init(&out, SIZE_MAX / 2);
	for (; at < n && rc == 0; at += piece, piece = step) {
		if (piece > n - at)
			piece = n - at;
		copy = calloc(piece > 0 ? piece : 1, 1);
		assert_non_null(copy);
		memcpy(copy, text + at, piece);
		rc = redactor_feed(r, (const uint8_t *)copy, piece, &out);
		free(copy);
	}
	if (rc == 0 && redactor_end(r) == 0) {
		assert_true(many || out.len > 0);
		s = strndup(out.len > 0 ? (const char *)buffer_head(&out) :
		    "", out.len);
		assert_non_null(s);
		assert_int_equal(strlen(s), out.len);
	}
	redactor_free(r);
	buffer_clear(&out);
	return s;
}

static char *
redact(const char *text, size_t n)
{
	return redact_split(text, n, n, n);
}

static void
expect_split(const char *in, size_t n, const char *want, size_t first,
    size_t step)
{
	char *out = redact_split(in, n, first, step);

	if (out == NULL)
		fail_msg("%s, after %zu", in, first);
	assert_string_equal(out, want);
	free(out);
}

struct pair {
	const char *in, *out;	/* out NULL: the same */
};

/* However it arrives; and what comes out does not change any more. */
static void
each(const struct pair *cases, size_t n)
{
	const char *in, *want;
	size_t i, len, at;

	for (i = 0; i < n; i++) {
		in = cases[i].in;
		want = cases[i].out == NULL ? in : cases[i].out;
		len = strlen(in);
		for (at = 0; at <= len; at++)
			expect_split(in, len, want, at, len);
		expect_split(in, len, want, 1, 1);
		expect_split(want, strlen(want), want, strlen(want), 1);
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
		    "{\"Config\": {\"Env\": [\"A=***\", \"B=***\", \"C\"]}}" },
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
		    "{\"Env\":{\"A\":\"***\",\"B\":0,\"C\":0,\"D\":null}}" },
		{ "{\"Env\":[[\"s\"],{\"A\":[\"s\",true]},4711,\"A=s\"]}",
		    "{\"Env\":[[\"***\"],{\"A\":[\"***\",true]},0,"
		    "\"A=***\"]}" },
		{ "{\"\\u0045nv\":[\"A=s\"]}", "{\"\\u0045nv\":[\"A=***\"]}" },
		{ "{\"Env\":[\"\\u0041\\n\\\"=s\",\"\\ud83d\\ude00\\ud800=s\"]}",
		    "{\"Env\":[\"A\\n\\\"=***\","
		    "\"\xf0\x9f\x98\x80\xef\xbf\xbd=***\"]}" },
		/* The engine's own order and the rest stay. */
		{ "{\"b\":1,\"a\":[true,false,null,-0.5,\"\\u003cx\\n\\\"\"],"
		    "\"env\":\"x\",\"ENV\":\"A=b\",\"Labels\":{\"x\":\"A=b\"}}",
		    NULL },
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
		/* Of a network. */
		{ "{\"Options\":{\"com.docker.network.bridge.name\":\"br\","
		    "\"com.docker.network.x.password\":\"s\",\"mtu\":\"9\","
		    "\"parent\":\"u://n:s@h\",\"isolated\":\"s\"}}",
		    "{\"Options\":{\"com.docker.network.bridge.name\":\"br\","
		    "\"com.docker.network.x.password\":\"***\",\"mtu\":\"9\","
		    "\"parent\":\"u://***@h\",\"isolated\":\"***\"}}" },
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
		/* In a list, or an object between. */
		{ "{\"LogConfig\":[{\"Config\":[{\"a\":{\"key\":\"s\","
		    "\"b\":\"c\"}}]}]}",
		    "{\"LogConfig\":[{\"Config\":[{\"a\":{\"key\":\"***\","
		    "\"b\":\"c\"}}]}]}" },
		{ "{\"HttpProxy\":[\"u:s@p\",{\"a\":\"u:s@p\"}],"
		    "\"b\":\"u:p@h\"}",
		    "{\"HttpProxy\":[\"***@p\",{\"a\":\"***@p\"}],"
		    "\"b\":\"u:p@h\"}" },
		{ "{\"HttpProxy\":[\"|2\",\"u:s@p\",\"A=s\",\"p\"]}",
		    "{\"HttpProxy\":[\"|2\",\"***\",\"***\",\"p\"]}" },
	};

	(void)state;
	each(cases, COUNT(cases));
}

/* An exec, as its inspection and as events tell of it. */
static void
test_exec(void **state)
{
	static const struct pair cases[] = {
		{ "{\"ProcessConfig\":{\"entrypoint\":\"sh\",\"arguments\":["
		    "\"-c\",\"A=s x\",\"--p=s\"],\"env\":[\"B=s\"],"
		    "\"ENV\":{\"C\":\"s\"},\"Env\":[\"D=s\"]},\"env\":\"E=f\"}",
		    "{\"ProcessConfig\":{\"entrypoint\":\"sh\",\"arguments\":["
		    "\"-c\",\"A=***\",\"--p=***\"],\"env\":[\"B=***\"],"
		    "\"ENV\":{\"C\":\"***\"},\"Env\":[\"D=***\"]},"
		    "\"env\":\"E=f\"}" },
		{ "[\"exec_create: env A=s B=t sh\",\"exec_start: sh -c A=s\","
		    "\"exec_create: curl http://u:s@h/?a=b\","
		    "\"exec_create: id -u\",\"exec_die\",\"exec_create:\","
		    "\"exec_creates: A=b\",\"x exec_create: A=b\"]",
		    "[\"exec_create: env A=***\",\"exec_start: sh -c A=***\","
		    "\"exec_create: curl http://***@h/?a=***\","
		    "\"exec_create: id -u\",\"exec_die\",\"exec_create:\","
		    "\"exec_creates: A=b\",\"x exec_create: A=b\"]" },
	};

	(void)state;
	each(cases, COUNT(cases));
}

/* Documents one after the other; each has come out when it has gone in. */
static void
test_many(void **state)
{
	static const struct pair cases[] = {
		{ "", NULL }, { " \n", NULL }, { "{}\n{}\n", NULL },
		{ "{}[]\"a\"1 2\ntrue null", NULL },
		{ "\x1e{}\n\x1e{\"Env\":[\"A=s\"]}\n",
		    "\x1e{}\n\x1e{\"Env\":[\"A=***\"]}\n" },
		{ "{\"status\":\"exec_create: sh -c A=s\",\"Actor\":{"
		    "\"Attributes\":{\"l\":\"x://u:s@h\"}}}\n[\"|1\",\"A=s\"]"
		    "\"A=s\"[\"A=s\"]\n",
		    "{\"status\":\"exec_create: sh -c A=***\",\"Actor\":{"
		    "\"Attributes\":{\"l\":\"x://***@h\"}}}\n[\"|1\",\"A=***\"]"
		    "\"A=s\"[\"A=s\"]\n" },
	};
	static const char *const bad[] = { "{", "{}{", "{}]", "{},{}", "{}\"a",
	    "{}tru", "{}-", "{\x1e}", "[1\x1e]", "{}\x1f{}" };
	size_t i;

	(void)state;
	many = true;
	each(cases, COUNT(cases));
	for (i = 0; i < COUNT(bad); i++)
		if (redact(bad[i], strlen(bad[i])) != NULL)
			fail_msg("%s", bad[i]);
	assert_null(redact("{}\0{}", 5));
	many = false;
	assert_null(redact("\x1e{}", 3));
}

static void
expect_at_once(struct redactor *r, struct buffer *out, const char *text,
    const char *want)
{
	assert_int_equal(redactor_feed(r, (const uint8_t *)text, strlen(text),
	    out), 0);
	assert_int_equal(out->len, strlen(want));
	assert_memory_equal(buffer_head(out), want, out->len);
	buffer_clear(out);
}

/* Nothing of a document is held back that has ended. */
static void
test_at_once(void **state)
{
	static const char *const whole[] = { "{\"a\":\"b\"}", "\"c\"", "17",
	    "[]", "\n" };
	struct redactor *r = redactor_new(NULL, true);
	struct buffer out;
	size_t i;

	(void)state;
	buffer_init(&out, 1024);
	for (i = 0; i < COUNT(whole); i++)
		expect_at_once(r, &out, whole[i], whole[i]);
	expect_at_once(r, &out, "{\"a\":[1,{\"Env\":[\"A", "{\"a\":[1,{"
	    "\"Env\":[\"");
	expect_at_once(r, &out, "=s\"]}]}", "A=***\"]}]}");
	assert_int_equal(redactor_end(r), 0);
	redactor_free(r);
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
		/* One that a build argument stands before. */
		{ "\"|1 A=s /bin/sh -c #(nop) ENV B=t\"",
		    "\"|1 A=*** /bin/sh -c #(nop) ENV B=***\"" },
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

/* User and password of a URL, in any string. */
static void
test_urls(void **state)
{
	static const struct pair cases[] = {
		{ "[\"git clone https://u:s@h/p.git x://a:b@c\"]",
		    "[\"git clone https://***@h/p.git x://***@c\"]" },
		{ "\"postgres://u:p/w#?@h:1/db\"", "\"postgres://***@h:1/db\"" },
		{ "\"x://a://u:s@h\"", "\"x://a://***@h\"" },
		{ "\"https:\\/\\/u:s@h\"", "\"https://***@h\"" },
		{ "\"HTTPS://token@h\"", "\"HTTPS://***@h\"" },
		{ "{\"Source\":\"//u:s@h/p\",\"x\":\"cifs://u:s@h/p\"}",
		    "{\"Source\":\"//u:s@h/p\",\"x\":\"cifs://***@h/p\"}" },
		{ "\"a://b:c@\"", "\"a://***@\"" },
		/* A password that holds what ends the name of a variable. */
		{ "{\"CreateCommand\":[\"a://b:s=t@h\",\"--x=a://b:c=d@e\"],"
		    "\"Env\":[\"a://b:s=t@h\"],\"Options\":[\"a://b:s=t@h\"]}",
		    "{\"CreateCommand\":[\"a://***@h\",\"--x=***\"],"
		    "\"Env\":[\"a://***@h\"],\"Options\":[\"a://***@h\"]}" },
		/* And what is none. */
		{ "[\"ssh://git@h/p\",\"https://h:8080/@scope/p\","
		    "\"https://h/a:b@c\",\"http://[::1]:1/a@b\",\"://\","
		    "\"u:p@h\",\"A <a@b.c> https://d:1\",\"://@\"]", NULL },
	};

	(void)state;
	each(cases, COUNT(cases));
}

/* What jansson did not take, and what it wrote anew. */
static void
test_taken(void **state)
{
	static const struct pair cases[] = {
		{ "{\"a\":1,\"a\":2}", NULL },
		{ "{\"Env\":[\"A=s\"],\"Env\":[\"B=t\"]}",
		    "{\"Env\":[\"A=***\"],\"Env\":[\"B=***\"]}" },
		{ "{\"l\":\"\\u0000\",\"Env\":[\"A\\u0000=s\",\"B=\\u0000s\"]}",
		    "{\"l\":\"\\u0000\",\"Env\":[\"A\\u0000=***\",\"B=***\"]}" },
		{ "[\"\\u0000ENV A=s\",\"#(nop)\\tENV A=\\u0000s\"]",
		    "[\"\\u0000ENV A=s\",\"#(nop)\\tENV A=***\"]" },
		{ "[\"\xff\",\"\xc0\x80\",\"\\ud800\"]", NULL },
		{ "[99999999999999999999,-1e999,0.10e+5,-0,1E-0]", NULL },
		{ " [ 1 , { } , [ ] ,\n{ \"a\" : null } ]\r\n\t ", NULL },
		{ "{\"Options\":{\"x\":-1.5e+9,\"y\":[0,12,true]}}",
		    "{\"Options\":{\"x\":0,\"y\":[0,0,true]}}" },
		{ "0", NULL }, { "-12.5", NULL }, { "true", NULL },
		{ "\"\\b\\f\\n\\r\\t\\/\\\\\\\"\"", NULL },
	};

	(void)state;
	each(cases, COUNT(cases));
}

static void
test_refused(void **state)
{
	static const char *const bad[] = { "", " ", "{", "{}x", "{} {}", "nul",
	    "nulll", "truE", "[1,]", "[,1]", "{,}", "{\"a\"}", "{\"a\":}",
	    "{\"a\":1,}", "{\"a\" 1}", "{'a':1}", "{1:2}", "[1 2]", "[}",
	    "{]", "[{]}", "\"a\nb\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u12\"",
	    "\"a", "[01]", "[-]", "[1.]", "[.5]", "[1e]", "[1e+]", "[+1]",
	    "[1.5.5]", "[1e5e5]", "[1-2]", "NaN", "-", "1.",
	    "\xef\xbb\xbf{}", "[1] // x", "{\"a\":1}}", "]" };
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		n = strlen(bad[i]);
		if (redact(bad[i], n) != NULL ||
		    redact_split(bad[i], n, 1, 1) != NULL)
			fail_msg("%s", bad[i]);
	}
	assert_null(redact("{}\0", 3));
	assert_null(redact("{\0}", 3));
	assert_null(redact("\"\0\"", 3));
}

#define LARGE (3 * 1024 * 1024)

/* A document of n bytes that begins and ends so, filled in between. */
static char *
filled(const char *begin, char fill, const char *end, size_t n)
{
	char *text = malloc(n + 1);

	assert_non_null(text);
	memset(text, fill, n);
	memcpy(text, begin, strlen(begin));
	memcpy(text + n - strlen(end), end, strlen(end) + 1);
	return text;
}

static void
expect_large(char *text, const char *want)
{
	static const size_t step[] = { LARGE, 1, 1000, 32768, 65536 };
	size_t i;

	for (i = 0; i < COUNT(step); i++)
		expect_split(text, strlen(text), want == NULL ? text : want,
		    step[i], step[i]);
	free(text);
}

/* Strings longer than what is held of one. */
static void
test_long(void **state)
{
	(void)state;
	/* What is no secret stays, to the byte. */
	expect_large(filled("{\"Labels\":{\"a\":\"", 'x', "\"}}", LARGE), NULL);
	expect_large(filled("[\"", '\\', "\"]", LARGE), NULL);
	expect_large(filled("{\"", 'n', "\":1}", LARGE), NULL);
	/* What is, goes. */
	expect_large(filled("{\"Env\":[\"A=", 's', "\"]}", LARGE),
	    "{\"Env\":[\"A=***\"]}");
	expect_large(filled("{\"Env\":[\"", 's', "=s\"]}", LARGE),
	    "{\"Env\":[\"***\"]}");
	expect_large(filled("{\"Options\":{\"o\":\"", 's', "\",\"n\":1}}",
	    LARGE), "{\"Options\":{\"o\":\"***\",\"n\":0}}");
	expect_large(filled("[\"ENV A=", 's', "\"]", LARGE),
	    "[\"ENV A=***\"]");
	expect_large(filled("[\"x https://", 's', "@h\"]", LARGE),
	    "[\"***\"]");
}

/* Instructions whose value is further away than what is held. */
static void
test_long_instruction(void **state)
{
	static const struct { const char *begin; char fill; } cases[] = {
		{ "[\"", ' ' }, { "[\"ENV ", ' ' }, { "[\"ENV ", 'n' },
		{ "[\"RUN |1 ", 'n' }, { "[\"x #(nop)", ' ' },
		{ "[\"x #(nop) ONBUILD ARG ", 'n' }, { "[\"RUN ", ' ' }
	};
	static const size_t size[] = { 33000, 34000, 70000 };
	static const char *const end[] = { " ENV A=s3cret\"]",
	    "=s3cret\"]" };
	char *text, *out;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases) * COUNT(size); i++) {
		const size_t c = i / COUNT(size), n = size[i % COUNT(size)];

		text = filled(cases[c].begin, cases[c].fill,
		    end[cases[c].fill == 'n'], n);
		out = redact(text, n);
		assert_non_null(out);
		assert_null(strstr(out, "s3cret"));
		assert_non_null(strstr(out, "***\"]"));
		free(out);
		free(text);
	}
}

/* What is passed on in parts is cut between characters, not in one. */
static void
test_long_utf8(void **state)
{
	static const char smile[] = "\xf0\x9f\x98\x80";
	static const char end[] = "http://u:";
	char *text = malloc(2 + 4 * 9000 + sizeof(end) + 40000), *out, *p;
	size_t before, i, n;

	(void)state;
	assert_non_null(text);
	for (before = 0; before < 8; before++) {
		n = (size_t)sprintf(text, "[\"%.*s", (int)before, "xxxxxxx");
		for (i = 0; i < 8180; i++, n += 4)
			memcpy(text + n, smile, 4);
		n += (size_t)sprintf(text + n, "%s", end);
		memset(text + n, 's', 40000);
		memcpy(text + n + 40000, "@h\"]", 5);
		out = redact(text, n + 40004);
		assert_non_null(out);
		p = strstr(out, "***\"]");
		assert_non_null(p);
		assert_int_equal((p - out - 2 - (long)before) % 4, 0);
		assert_null(strstr(out, "ssss"));
		free(out);
	}
	free(text);
}

/* A URL at every place near the end of what is held. */
static void
test_long_url(void **state)
{
	static const char url[] = " u://n:s@h/";
	char *text = filled("[\"", 'x', "\"]", 40000), *found, *out;
	size_t at;

	(void)state;
	for (at = 32700; at < 32800; at++) {
		memcpy(text + at, url, strlen(url));
		out = redact(text, 40000);
		assert_non_null(out);
		assert_null(strstr(out, "n:s"));
		assert_memory_equal(out, text, at + 5);
		found = out + at + 5;
		assert_memory_equal(found, "***", 3);
		/* Behind it there is the end, or what followed. */
		assert_true(strcmp(found, "***\"]") == 0 ||
		    strcmp(found + 3, text + at + 8) == 0);
		free(out);
		text[at] = 'x';
	}
	free(text);
}

static void
test_depth(void **state)
{
	char *text = malloc(LARGE), *out;

	(void)state;
	assert_non_null(text);
	/* Nested without end: refused. */
	memset(text, '[', LARGE);
	assert_null(redact(text, LARGE));
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
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_long_instruction),
		cmocka_unit_test(test_long_utf8),
		cmocka_unit_test(test_long_url),
		cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
