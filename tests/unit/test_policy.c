/* SPDX-License-Identifier: ISC */
/* The policy: every row, what it refuses, canonical targets, narrowing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/muzzle/policy.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ALL_ACTIONS 0x3f
#define PARAMETERS 48		/* that are taken at most */
#define C "/containers/web"

#define REGISTRIES "docker.io,ghcr.io,localhost:5000"

static const struct policy closed = { .redact = true,
    .registries = REGISTRIES };
static const struct policy open_all = { .actions = ALL_ACTIONS,
    .redact = true, .registries = REGISTRIES };

static struct verdict v;	/* too big for a stack */

static int
judge(const struct policy *p, const char *method, const char *target)
{
	size_t n = strlen(target);
	char *copy = malloc(n + 1);	/* of just that size, not terminated */

	assert_non_null(copy);
	memcpy(copy, target, n);
	copy = realloc(copy, n > 0 ? n : 1);
	policy_judge(p, method, copy, n, &v);
	free(copy);
	if (v.status != 0) {
		assert_string_equal(v.target, "");
		assert_string_not_equal(v.reason, "");
	}
	assert_string_not_equal(v.rule, "");
	assert_string_not_equal(v.route_class, "");
	return v.status;
}

static void
assert_allowed(const struct policy *p, const char *method, const char *target,
    const char *canonical, enum answer_kind kind)
{
	if (judge(p, method, target) != 0)
		fail_msg("%s %s: %d %s", method, target, v.status, v.reason);
	assert_string_equal(v.target, canonical);
	assert_string_equal(v.method, method);
	if (v.kind != kind)
		fail_msg("%s %s: kind %d", method, target, v.kind);
	assert_int_equal(v.head, strcmp(method, "HEAD") == 0);
}

static void
assert_refused(const char *method, const char *target, int status)
{
	if (judge(&closed, method, target) != status)
		fail_msg("%s %s: %d %s", method, target, v.status, v.reason);
}

static int judge_text(const struct policy *p, const char *method,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int
judge_text(const struct policy *p, const char *method, const char *fmt, ...)
{
	char target[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(target, sizeof(target), fmt, ap);
	va_end(ap);
	return judge(p, method, target);
}

/* A target that the pattern means; image is put for "{image}". */
static void
example(const char *pattern, const char *image, char *out)
{
	const char *p = strchr(pattern, '{'), *end;

	if (p == NULL) {
		strcpy(out, pattern);
		return;
	}
	end = strchr(p, '}');
	sprintf(out, "%.*s%s%s", (int)(p - pattern), pattern,
	    strncmp(p, "{image}", 7) == 0 ? image : "web", end + 1);
}

/* --- the rows --------------------------------------------------------- */

static bool
row_has(const struct policy_row *row, const char *method)
{
	return strstr(row->methods, method) != NULL;
}

static void
each_method(const struct policy_row *row, const char *target)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT",
	    "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "GETS",
	    "GE", "*" };
	size_t i;

	for (i = 0; i < COUNT(methods); i++) {
		if (i >= 3 || !row_has(row, methods[i])) {
			assert_int_equal(judge(&open_all, methods[i], target),
			    405);
			continue;
		}
		assert_int_equal(judge_text(&open_all, methods[i], "/v1.41%s",
		    target), 0);
		assert_int_equal(strncmp(v.target, "/v1.41", 6), 0);
		assert_string_equal(v.target + 6, target);
		assert_int_equal(judge(&open_all, methods[i], target), 0);
		assert_string_equal(v.target, target);
		assert_string_equal(v.method, methods[i]);
	}
}

/* Each allowed parameter, what is like it, and all of them at once. */
static void
each_parameter(const struct policy_row *row, const char *method,
    const char *target)
{
	const struct policy *p = &open_all;
	char all[512], list[128], *word, *save = NULL;
	const char *value;
	size_t n;
	int len;

	n = (size_t)snprintf(all, sizeof(all), "%s", target);
	snprintf(list, sizeof(list), "%s", row->parameters);
	for (word = strtok_r(list, " ", &save); word != NULL;
	    word = strtok_r(NULL, " ", &save)) {
		len = (int)strlen(word);
		if (strcmp(word, "filter") == 0)	/* is moved, below */
			continue;
		value = strcmp(word, "type") == 0 ? "image" : "x%20y";
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%c%s=%s",
		    strchr(all, '?') != NULL ? '&' : '?', word, value);
		assert_int_equal(judge_text(p, method, "%s?%s=%s", target,
		    word, value), 0);
		assert_int_equal(judge_text(p, method, "%s?%s=1&%s=2", target,
		    word, word), strcmp(word, "type") == 0 ? 403 : 400);
		/* One letter less is nothing, but of "filters" a filter. */
		assert_int_equal(judge_text(p, method, "%s?%.*s=1", target,
		    len - 1, word), len == 1 ? 400 : strcmp(word, "filters") ==
		    0 && strstr(row->parameters, "filter ") != NULL ? 0 : 403);
		assert_int_equal(judge_text(p, method, "%s?%sx=1", target,
		    word), 403);
		assert_int_equal(judge_text(p, method, "%s?%%20%s=1", target,
		    word), 403);
		assert_int_equal(judge_text(p, method, "%s?%s+=1", target,
		    word), 403);
	}
	assert_int_equal(judge(p, method, all), 0);
	assert_string_equal(v.target, all);
}

static void
never_parameters(const char *method, const char *target)
{
	static const char *const never[] = { "ps_args=eww", "details=1",
	    "remote=h", "path=/", "stdin=1", "detachKeys=x", "ALL=1",
	    "fromImage=x", "%20=1", "a.b=c", "+", "t%20signal=1" };
	size_t i;

	for (i = 0; i < COUNT(never); i++)
		assert_int_equal(judge_text(&open_all, method, "%s?%s",
		    target, never[i]), 403);
}

static void
test_rows(void **state)
{
	static const char *const images[] = { "bb", "ghcr.io/org/repo",
	    "localhost:5000/a/b:1.0", "a@sha256:00ff", "json", "get/json" };
	struct policy_row row;
	char target[256];
	const char *method;
	size_t i, k;

	(void)state;
	for (i = 0; policy_row(i, &row); i++) {
		method = row.methods[0] == 'G' ? "GET" : "POST";
		for (k = 0; k < COUNT(images); k++) {
			example(row.pattern, images[k], target);
			assert_int_equal(judge(&open_all, method, target), 0);
			each_method(&row, target);
		}
		each_parameter(&row, method, target);
		never_parameters(method, target);
	}
	assert_true(i > 20);
}

static void
test_actions(void **state)
{
	struct policy_row row;
	struct policy one = { .redact = true, .registries = REGISTRIES };
	struct error e;
	char target[256];
	unsigned seen = 0;
	size_t i;

	(void)state;
	for (i = 0; policy_row(i, &row); i++) {
		example(row.pattern, "bb", target);
		if (row.action[0] == '\0') {
			assert_string_equal(strncmp(row.methods, "GET", 3) ==
			    0 ? "" : row.methods, "");
			assert_int_equal(judge(&closed, "GET", target), 0);
			continue;
		}
		assert_string_equal(row.methods, "POST");
		assert_int_equal(row.kind, ANSWER_ACTION);
		assert_int_equal(judge(&closed, "POST", target), 403);
		assert_non_null(strstr(v.reason, row.action));
		one.actions = 0;
		assert_int_equal(policy_action(row.action, &one.actions, &e),
		    0);
		assert_int_equal(judge(&one, "POST", target), 0);
		one.actions = ALL_ACTIONS & ~one.actions;
		assert_int_equal(judge(&one, "POST", target), 403);
		seen |= ALL_ACTIONS & ~one.actions;
	}
	assert_int_equal(seen, ALL_ACTIONS);
}

static void
test_action_words(void **state)
{
	static const char *const bad[] = { "", "exec", "create", "attach",
	    "archive", "export", "build", "pull", "delete", "rm", "Start",
	    "start ", "stop,start", "*", "all", "update", "rename" };
	struct error e;
	unsigned actions = ACTION_KILL;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		assert_int_equal(policy_action(bad[i], &actions, &e), -1);
		assert_int_equal(e.code, EX_CONFIG);
		assert_int_equal(actions, ACTION_KILL);
	}
	assert_int_equal(policy_action("pause", &actions, &e), 0);
	assert_int_equal(actions, ACTION_KILL | ACTION_PAUSE);
}

/* --- what asks for nothing -------------------------------------------- */

static void
test_dropped(void **state)
{
	static const struct {
		const char *target, *canonical, *dropped;
	} cases[] = {
		/* docker-py writes out all that it knows. */
		{ "/containers/json?limit=-1&all=0&size=0&trunc_cmd=0",
		    "/containers/json?all=0&size=0", "limit,trunc_cmd" },
		{ "/containers/json?trunc_cmd=1", "/containers/json",
		    "trunc_cmd" },
		{ "/containers/json?trunc%5fcmd&limit=0",
		    "/containers/json?limit=0", "trunc_cmd" },
		{ "/containers/json?limit=", "/containers/json", "limit" },
		{ "/containers/json?limit=5", "/containers/json?limit=5", "" },
		{ "/containers/json?limit=-2", "/containers/json?limit=-2",
		    "" },
		{ "/images/json?only_ids=0&all=0", "/images/json?all=0",
		    "only_ids" },
		{ "/images/json?only_ids=1&filter=", "/images/json",
		    "only_ids,filter" },
		/* A flag as the engine reads it, in every spelling. */
		{ C "/logs?details=0&stdout=1", C "/logs?stdout=1",
		    "details" },
		{ C "/logs?details=", C "/logs", "details" },
		{ C "/logs?details", C "/logs", "details" },
		{ C "/logs?details=false", C "/logs", "details" },
		{ C "/logs?details=FALSE", C "/logs", "details" },
		{ C "/logs?details=No", C "/logs", "details" },
		{ C "/logs?details=none", C "/logs", "details" },
		{ C "/logs?details=+0%20", C "/logs", "details" },
		{ C "/logs?details=%20", C "/logs", "details" },
		/* The default, written out. */
		{ C "/top?ps_args=", C "/top", "ps_args" },
		{ C "/top?ps_args=-ef", C "/top", "ps_args" },
		{ C "/top?ps_args=%2Def", C "/top", "ps_args" },
		/* A list of words, each once. */
		{ "/system/df?type=container&type=image&type=volume"
		    "&type=build-cache", "/system/df?type=container&type=image"
		    "&type=volume&type=build-cache", "" },
		{ "/system/df?type=image&verbose=1&type=image&type=",
		    "/system/df?type=image&verbose=1", "type" },
		{ "/system/df?type=", "/system/df", "type" },
		{ "/system/df?", "/system/df", "" },
		/* What separates nothing. */
		{ "/containers/json?&all=1", "/containers/json?all=1", "" },
		{ "/containers/json?all=1&", "/containers/json?all=1", "" },
		{ "/containers/json?&&all=1&&&size=1&&",
		    "/containers/json?all=1&size=1", "" },
		{ "/info?&", "/info", "" },
		/* aiodocker of events, dockerode of services. */
		{ "/events?stream=1&since=2", "/events?since=2", "stream" },
		{ "/events?stream=true", "/events", "stream" },
		{ "/events?stream=True", "/events", "stream" },
		{ "/services?all=true", "/services", "all" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (judge(&closed, "GET", cases[i].target) != 0)
			fail_msg("%s: %s", cases[i].target, v.reason);
		assert_string_equal(v.target, cases[i].canonical);
		assert_string_equal(v.dropped, cases[i].dropped);
	}
	assert_int_equal(judge(&open_all, "POST", C "/start?detachKeys="
	    "ctrl-p%2Cctrl-q&checkpoint=&checkpoint-dir="), 0);
	assert_string_equal(v.target, C "/start");
	assert_string_equal(v.dropped,
	    "detachKeys,checkpoint,checkpoint-dir");
}

/* Where one is dropped, nothing else is let through in its name. */
static void
test_not_dropped(void **state)
{
	static const struct {
		const char *target, *about;
		int status;
	} cases[] = {
		{ C "/logs?details=1", "details", 403 },
		{ C "/logs?details=true", "details", 403 },
		{ C "/logs?details=00", "details", 403 },
		{ C "/logs?details=n", "details", 403 },
		{ C "/logs?details=0.", "details", 403 },
		{ C "/logs?details=%c2%a00", "details", 403 },
		{ C "/logs?details=false/", "details", 403 },
		{ C "/logs?Details=0", "Details", 403 },
		{ C "/logs?details=0&details=1", "", 400 },
		{ C "/logs?details=1&details=0", "", 400 },
		{ C "/logs?details=0&DETAILS=1", "", 400 },
		{ "/events?stream=0", "stream", 403 },
		{ "/events?stream=false", "stream", 403 },
		{ "/events?stream=tru", "stream", 403 },
		{ C "/top?ps_args=eww", "ps_args", 403 },
		{ C "/top?ps_args=-efww", "ps_args", 403 },
		{ C "/top?ps_args=-ef+", "ps_args", 403 },
		{ C "/top?ps_args=+", "ps_args", 403 },
		{ C "/top?ps_args=0", "ps_args", 403 },
		{ C "/top?ps_args%3D-ef=eww", "ps_args=-ef", 403 },
		{ C "/top?ps_args=&ps_args=eww", "", 400 },
		{ "/containers/json?only_ids=0", "only_ids", 403 },
		{ "/containers/json?filter=x", "filter", 403 },
		{ "/images/json?trunc_cmd=0", "trunc_cmd", 403 },
		{ "/info?trunc_cmd=0", "trunc_cmd", 403 },
		{ "/info?x", "x", 403 },
		{ "/info?a%22b%5c%0", "", 400 },
		{ "/info?a%22b%5c%20%c3%a9", "a?b????", 403 },
		{ "/system/df?type=x", "type", 403 },
		{ "/system/df?type=container,image", "type", 403 },
		{ "/system/df?type=Image", "type", 403 },
		{ "/system/df?type=container/image", "type", 403 },
		{ "/system/df?type=image&type=x", "type", 403 },
		{ "/system/df?type=image&TYPE=volume", "", 400 },
		{ "/system/df?TYPE=image&TYPE=volume", "", 400 },
		{ "/system/df?verbose=0&verbose=1", "", 400 },
		{ "/events?type=a&type=b", "", 400 },
		{ "/nothing?type=a&type=b", "", 400 },
		{ "/images/json?filter=a&filter=b", "", 400 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_refused("GET", cases[i].target, cases[i].status);
		assert_string_equal(v.about, cases[i].about);
	}
	assert_int_equal(judge(&open_all, "POST", C "/start?checkpoint=x"),
	    403);
	assert_int_equal(judge(&open_all, "POST", C "/start?detachKeys=0"),
	    403);
	/* The client hears of what it is, and a log does not. */
	assert_refused("GET", C "/logs?s3cret=1", 403);
	assert_null(strstr(v.reason, "s3cret"));
}

/* Which registry an engine would dial for an image. */
static void
test_registry(void **state)
{
	static const struct {
		const char *image, *registry;
	} cases[] = {
		{ "bb", "docker.io" }, { "bb:1", "docker.io" },
		{ "org/bb", "docker.io" }, { "docker.io/org/bb", "docker.io" },
		{ "index.docker.io/org/bb", "docker.io" },
		{ "evil.example", "docker.io" },
		{ "evil.example:5000", "docker.io" },
		{ "ghcr.io/a/b:1", "ghcr.io" },
		{ "ghcr.io%2Fa%2Fb%3A1", "ghcr.io" },
		{ "localhost/a", "localhost" },
		{ "localhost:5000/a", "localhost:5000" },
		{ "evil.example/a", "evil.example" },
		{ "evil:5000/a", "evil:5000" }, { "EVIL/a", "EVIL" },
		{ "127.0.0.1/a", "127.0.0.1" },
		{ "docker.io:443/a", "docker.io:443" },
		{ "docker.io.evil.example/a", "docker.io.evil.example" },
		{ "evil.example/docker.io/a", "evil.example" },
		{ "evil.example%2Fdocker.io/a", "evil.example" },
	};
	struct policy one = { .redact = true };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		one.registries = NULL;
		assert_int_equal(judge_text(&one, "GET",
		    "/distribution/%s/json", cases[i].image), 403);
		assert_string_equal(v.about, cases[i].registry);
		assert_non_null(strstr(v.reason, "--docker-registry"));
		one.registries = "x";
		assert_int_equal(judge_text(&one, "GET",
		    "/distribution/%s/json", cases[i].image), 403);
		one.registries = cases[i].registry;
		assert_int_equal(judge_text(&one, "GET",
		    "/v1.41/distribution/%s/json", cases[i].image), 0);
		assert_int_equal(v.kind, ANSWER_REDACTED);
	}
	assert_refused("GET", "/distribution/ghcr.io/a/json?x=1", 403);
	assert_refused("GET", "/distribution/ghcr.io%2F..%2Fa/json", 400);
	assert_refused("POST", "/distribution/ghcr.io/a/json", 405);
	assert_refused("GET", "/distribution/json", 403);
}

/* A policy of one's own outlives the one it was made from. */
static void
test_copy(void **state)
{
	char hosts[] = "a", reveal[] = "B";
	struct policy p = { .actions = ACTION_KILL, .hosts = hosts,
	    .reveal = reveal }, copy = policy_copy(&p), narrow;
	struct policy_limits by = { 0, true };

	(void)state;
	hosts[0] = reveal[0] = 'x';
	assert_string_equal(copy.hosts, "a");
	assert_string_equal(copy.reveal, "B");
	assert_null(copy.registries);
	assert_int_equal(copy.actions, ACTION_KILL);
	narrow = policy_narrow(copy, &by);
	assert_null(narrow.reveal);
	assert_true(narrow.redact);
	policy_clear(&copy);
	assert_null(copy.hosts);
}

/* Of an action: what the query says, again, or nothing. */
static void
test_body(void **state)
{
	static const struct {
		const char *target, *body;
		bool good;
	} cases[] = {
		{ C "/restart?t=1", "", true },
		{ C "/restart?t=1", "null", true },
		{ C "/restart?t=1", " {\r\n} ", true },
		{ C "/restart?t=1", "{\"t\":1}", true },
		{ C "/restart?t=1", "{\"t\":\"1\"}", true },
		{ C "/restart?t=-1", "{\"t\":-1}", true },
		{ C "/restart", "{\"t\":null,\"signal\":\"\"}", true },
		{ C "/restart?t=", "{\"t\":\"\"}", true },
		{ C "/kill?signal=SIGKILL", "{\"signal\":\"SIGKILL\"}", true },
		{ C "/start", "{\"detachKeys\":\"ctrl-p,ctrl-q\"}", true },
		{ C "/restart?t=1", "{\"t\":2}", false },
		{ C "/restart?t=1", "{\"t\":\"01\"}", false },
		{ C "/restart?t=1", "{\"t\":null}", false },
		{ C "/restart?t=1", "{\"t\":true}", false },
		{ C "/restart?t=1", "{\"t\":[1]}", false },
		{ C "/restart", "{\"t\":1}", false },
		{ C "/restart?t=1", "{\"T\":1}", false },
		{ C "/restart?t=1", "{\"t\":1,\"t\":1}", false },
		{ C "/restart?t=1", "{\"t\":1,\"x\":\"\"}", false },
		{ C "/restart?t=1", "{\"t\":1}x", false },
		{ C "/restart?t=1", "[]", false },
		{ C "/restart?t=1", "1", false },
		{ C "/restart?t=1", " ", false },
		{ C "/kill?signal=KILL", "{\"signal\":\"KILL\\u0000\"}",
		    false },
		{ C "/pause", "{\"t\":\"\"}", false },
		{ C "/start", "{\"checkpoint\":\"x\"}", false },
	};
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(judge(&open_all, "POST", cases[i].target),
		    0);
		rc = policy_judge_body(&v, (const uint8_t *)cases[i].body,
		    strlen(cases[i].body));
		if ((rc == 0) != cases[i].good)
			fail_msg("%s %s", cases[i].target, cases[i].body);
		assert_int_equal(v.status, rc == 0 ? 0 : 400);
	}
}

/* As two engines' APIs had it: filter= for filters={"reference": ...}. */
static void
test_filter(void **state)
{
	static const struct {
		const char *target, *canonical;
	} good[] = {
		{ "/v1.24/images/json?filter=bb",
		    "/v1.24/images/json?filters={\"reference\":[\"bb\"]}" },
		{ "/images/json?all=1&filter=a%2Fb:1*&digests=0",
		    "/images/json?all=1&filters={\"reference\":[\"a/b:1*\"]}"
		    "&digests=0" },
		{ "/images/json?filter=%22%5c%c3%a9",
		    "/images/json?filters={\"reference\":[\"\\\"\\\\"
		    "\xc3\xa9\"]}" },
		/* Beside others, in the form that they have. */
		{ "/images/json?filters={}&filter=bb",
		    "/images/json?filters={\"reference\":[\"bb\"]}" },
		{ "/images/json?filter=bb&filters=",
		    "/images/json?filters={\"reference\":[\"bb\"]}" },
		{ "/images/json?filter=bb&filters={\"label\":[\"x\"],"
		    "\"reference\":[\"y\"]}&all=1",
		    "/images/json?filters={\"label\":[\"x\"],"
		    "\"reference\":[\"y\",\"bb\"]}&all=1" },
		{ "/images/json?filters={\"label\":{\"x\":true}}&filter=bb",
		    "/images/json?filters={\"label\":{\"x\":true},"
		    "\"reference\":{\"bb\":true}}" },
	};
	static const char *const bad[] = {
		"/images/json?filter=bb&filters=x",
		"/images/json?filter=bb&filters=[]",
		"/images/json?filter=bb&filters={\"a\":[],\"a\":[]}",
		"/images/json?filter=bb&filters={\"reference\":\"y\"}",
		"/images/json?filter=bb&filters={}{}",
		"/images/json?filter=%ff",
	};
	static char text[MUZZLE_FILTERS_MAX + 64];
	static char seen[sizeof(v.target)];
	const char *p;
	char *o;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		if (judge(&closed, "GET", good[i].target) != 0)
			fail_msg("%s: %s", good[i].target, v.reason);
		for (p = v.target, o = seen; *p != '\0'; p++) {
			if (*p == '%') {
				*o++ = (char)strtol((char[]){ p[1], p[2],
				    '\0' }, NULL, 16);
				p += 2;
			} else
				*o++ = *p;
		}
		*o = '\0';
		assert_string_equal(seen, good[i].canonical);
	}
	for (i = 0; i < COUNT(bad); i++)
		assert_refused("GET", bad[i], 400);
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "/images/json?filter=", 20);
	text[20 + MUZZLE_FILTERS_MAX - 18] = '\0';
	assert_int_equal(judge(&closed, "GET", text), 0);
	text[20 + MUZZLE_FILTERS_MAX - 18] = 'x';
	text[20 + MUZZLE_FILTERS_MAX - 17] = '\0';
	assert_refused("GET", text, 414);
}

/* In an image's name, and nowhere else, once. */
static void
test_coded(void **state)
{
	static const struct {
		const char *target, *canonical;
	} good[] = {
		{ "/images/bb%3A1/json", "/images/bb:1/json" },
		{ "/images/localhost:5000%2Forg%2fbb:1/json",
		    "/images/localhost:5000/org/bb:1/json" },
		{ "/v1.41/images/a%2Fb%3a1%40sha256%3A00/history",
		    "/v1.41/images/a/b:1@sha256:00/history" },
		{ "/images/a/b%2Fc/json", "/images/a/b/c/json" },
		{ "/images/json%2Fget/json", "/images/json/get/json" },
	};
	static const char *const bad[] = {
		"/%2Fimages/a/json", "/images%2Fa/json", "/images/a%2Fjson",
		"/images%2Fjson", "/images/a%2F/json", "/images/%2Fa/json",
		"/images/a%2F%2Fb/json", "/images/a%2F..%2Fb/json",
		"/images/a%2F.%2Fb/json", "/images/..%2Fa/json",
		"/images/%2e%2e%2Fa/json", "/images/a%2F%2e%2e/json",
		"/images/a%252Fb/json", "/images/a%25%32%46b/json",
		"/images/a%253A1/json", "/images/a%5Cb/json",
		"/images/a%3Fb/json", "/images/a%23b/json", "/images/a%00/json",
		"/images/a%2F", "/images/a%2Fb", "/images/a%2Fb/get",
		"/images/a%2Fb/json%2Fx", "/v1.41%2Fimages/a/json",
		"/v1%3A41/images/a/json", "/v1.41%2Fv1.41/images/a/json",
		"/containers/a%2Fb/json", "/containers/a%3Ab/json",
		"/containers%2Fjson", "/networks/a%3Ab", "/networks/a%2Fb",
		"/volumes/a%40b", "/inf%3Ao", "/events%2F",
		"/containers/web%2Farchive/json", "/nothing/a%2Fb",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		if (judge(&closed, "GET", good[i].target) != 0)
			fail_msg("%s: %s", good[i].target, v.reason);
		assert_string_equal(v.target, good[i].canonical);
	}
	for (i = 0; i < COUNT(bad); i++)
		assert_refused("GET", bad[i], 400);
	assert_int_equal(judge(&open_all, "POST", "/containers/a%2Fb/stop"),
	    400);
	/* The same rules for each segment. */
	assert_refused("GET", "/images/a%2F-b/json", 400);
	assert_refused("GET", "/images/a%2F%3Ab/json", 400);
}

/* --- targets ---------------------------------------------------------- */

static void
test_canonical(void **state)
{
	static const struct {
		const char *in, *out;
		enum answer_kind kind;
	} cases[] = {
		{ "/_ping", "/_ping", ANSWER_WHOLE },
		{ "/%5fping", "/_ping", ANSWER_WHOLE },
		{ "/%5Fp%69ng", "/_ping", ANSWER_WHOLE },
		{ "/info?", "/info", ANSWER_REDACTED },
		{ "/v1.9/info", "/v1.9/info", ANSWER_REDACTED },
		{ "/v1%2e41/info", "/v1.41/info", ANSWER_REDACTED },
		{ "/containers/json?all=1&limit=5",
		    "/containers/json?all=1&limit=5", ANSWER_REDACTED },
		{ "/containers/json?limit=5&all",
		    "/containers/json?limit=5&all=", ANSWER_REDACTED },
		{ "/containers/json?%61ll=%31", "/containers/json?all=1",
		    ANSWER_REDACTED },
		{ "/containers/json?filters={\"label\":[\"a=b\"]}",
		    "/containers/json?filters=%7B%22label%22%3A%5B%22a%3Db"
		    "%22%5D%7D", ANSWER_REDACTED },
		{ "/containers/json?since=a+b%2Bc%26d%23e%3bf",
		    "/containers/json?since=a%20b%2Bc%26d%23e%3Bf",
		    ANSWER_REDACTED },
		{ "/containers/json?since=%c3%a9/..//",
		    "/containers/json?since=%C3%A9%2F..%2F%2F",
		    ANSWER_REDACTED },
		{ C "/json?size=1", C "/json?size=1", ANSWER_REDACTED },
		{ "/containers/w%65b/json", C "/json", ANSWER_REDACTED },
		{ C "/logs?stdout=1", C "/logs?stdout=1", ANSWER_WHOLE },
		{ C "/logs?follow=1", C "/logs?follow=1", ANSWER_STREAM },
		{ C "/logs?follow=true", C "/logs?follow=true",
		    ANSWER_STREAM },
		{ C "/logs?follow=x", C "/logs?follow=x", ANSWER_STREAM },
		{ C "/logs?follow=0", C "/logs?follow=0", ANSWER_WHOLE },
		{ C "/logs?follow=False", C "/logs?follow=False",
		    ANSWER_WHOLE },
		{ C "/logs?follow=", C "/logs?follow=", ANSWER_WHOLE },
		{ C "/logs?follow=00", C "/logs?follow=00", ANSWER_STREAM },
		{ C "/stats", C "/stats", ANSWER_EVENTS },
		{ C "/stats?stream=0&one-shot=1",
		    C "/stats?stream=0&one-shot=1", ANSWER_READINGS },
		{ C "/stats?stream=no", C "/stats?stream=no",
		    ANSWER_READINGS },
		{ C "/stats?stream=1", C "/stats?stream=1", ANSWER_EVENTS },
		{ "/events", "/events", ANSWER_EVENTS },
		{ C "/top", C "/top", ANSWER_READINGS },
		{ "/networks/a", "/networks/a", ANSWER_REDACTED },
		{ "/volumes", "/volumes", ANSWER_REDACTED },
		{ "/images/a/b/c:1/history", "/images/a/b/c:1/history",
		    ANSWER_REDACTED },
	};
	struct policy open_eyes = { .registries = REGISTRIES };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_allowed(&closed, "GET", cases[i].in, cases[i].out,
		    cases[i].kind);
		assert_allowed(&open_eyes, "GET", cases[i].in, cases[i].out,
		    cases[i].kind == ANSWER_REDACTED ||
		    cases[i].kind == ANSWER_READINGS ? ANSWER_WHOLE :
		    cases[i].kind == ANSWER_EVENTS ? ANSWER_STREAM :
		    cases[i].kind);
	}
	assert_allowed(&closed, "HEAD", "/v1.41/_ping", "/v1.41/_ping",
	    ANSWER_WHOLE);
}

static void
test_malformed(void **state)
{
	static const char *const cases[] = {
		"", "*", "info", "?all=1", "http://docker/info", "docker:2375",
		"//info", "//", "/./info", "/../info", "/containers/../info",
		"/containers//json", "/info/..", "/info/.", "/%2e%2e/info",
		"/%2E/info", "/containers/.%2e/info", "/containers%2fjson",
		"/%69nfo%00", "/in%0dfo", "/in%zzfo", "/info%", "/info%2",
		"/%252e%252e/info", "/in%25fo", "/in\\fo", "/info#x",
		"/info?#x", "/in fo", "/in\tfo", "/in\r\nfo", "/in\x7f" "fo",
		"/in\xc3\xa9" "fo", "/in%c3%a9fo", "/%2finfo", "/v1.41//info",
		"/containers/json?all=1&all=1", "/containers/json?all=1&ALL=0",
		"/containers/json?all=1&%61ll=0", "/containers/json?=1",
		"/containers/json?&=1", "/containers/json?all=1&&all=0",
		"/containers/json?all=1&=&size=1", "/containers/json?all=%",
		"/containers/json?all=%1", "/containers/json?all=%00",
		"/containers/json?all=%0a", "/containers/json?all=%7f",
		"/containers/json?all=1;size=1", "/containers/json?all=\"\n\"",
		"/containers/json?all=\xff",
		"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23"
		"/24/25/26/27/28/29/30/31/32/33",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_refused("GET", cases[i], 400);
	policy_judge(&closed, "GET", "/info\0", 6, &v);
	assert_int_equal(v.status, 400);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *method, *target;
		int status;
	} cases[] = {
		{ "GET", "/", 403 }, { "GET", "/v1.41", 403 },
		{ "GET", "/v1.41/", 403 }, { "GET", "/v1.41/v1.41/info", 403 },
		{ "GET", "/v1.411/info", 403 }, { "GET", "/v2.41/info", 403 },
		{ "GET", "/V1.41/info", 403 }, { "GET", "/v1.4x/info", 403 },
		{ "GET", "/v1./info", 403 }, { "GET", "/v1.4.1/info", 403 },
		{ "GET", "/info/", 403 }, { "GET", "/Info", 403 },
		{ "GET", "/libpod/info", 403 },
		{ "GET", "/v4.0.0/libpod/containers/json", 403 },
		{ "GET", C "/attach/ws?stdin=1", 403 },
		{ "GET", C "/archive?path=/", 403 },
		{ "HEAD", C "/archive?path=/", 403 },
		{ "GET", C "/export", 403 }, { "GET", C, 403 },
		{ "GET", "/images/x/get", 403 }, { "GET", "/images/get", 403 },
		{ "GET", "/images/search?term=x", 403 },
		{ "GET", "/distribution/evil.example/x/json", 403 },
		{ "GET", "/plugins/privileges?remote=x", 403 },
		{ "GET", "/plugins/x", 403 }, { "GET", "/debug/vars", 403 },
		{ "GET", "/debug/pprof/heap", 403 },
		{ "GET", "/swarm/unlockkey", 403 },
		{ "GET", "/configs", 403 }, { "GET", "/secrets", 403 },
		{ "GET", "/services/x/logs", 403 },
		{ "POST", "/nodes/x/update", 403 },
		{ "GET", "/tasks/x/logs", 403 },
		{ "POST", "/swarm", 405 }, { "POST", "/swarm/init", 403 },
		{ "GET", "/exec/1/json", 403 },
		{ "POST", "/containers/create", 403 },
		{ "POST", C "/exec", 403 }, { "POST", C "/attach", 403 },
		{ "POST", C "/update", 403 }, { "POST", C "/rename", 403 },
		{ "POST", C "/wait", 403 }, { "POST", C "/resize", 403 },
		{ "POST", "/exec/1/start", 403 }, { "POST", "/build", 403 },
		{ "POST", "/images/create?fromImage=x", 403 },
		{ "POST", "/containers/prune", 403 },
		{ "POST", "/networks/create", 403 },
		{ "POST", "/volumes/create", 403 },
		{ "POST", "/networks/n/connect", 403 },
		{ "POST", "/session", 403 }, { "POST", "/grpc", 403 },
		{ "POST", "/auth", 403 }, { "DELETE", C, 403 },
		{ "PUT", C "/archive?path=/", 403 },
		{ "POST", C "/stop", 403 }, { "POST", C "/kill", 403 },
		{ "GET", C "/top?ps_args=eww", 403 },
		{ "GET", C "/logs?details=1", 403 },
		{ "GET", "/info?x", 403 },
		/* What is there, but not for this method. */
		{ "HEAD", "/info", 405 }, { "DELETE", "/images/json", 405 },
		{ "POST", "/containers/json", 405 },
		{ "POST", "/networks/web", 405 },
		{ "DELETE", "/volumes/v", 405 }, { "POST", C "/json", 405 },
		{ "GET", C "/stop", 405 }, { "OPTIONS", "/version", 405 },
		/* What is no name: the CLI asks next for an image. */
		{ "GET", "/containers/repo/image/json", 404 },
		{ "GET", "/containers/repo:tag/json", 404 },
		{ "GET", "/containers/a/b:1@sha256:00/json", 404 },
		{ "GET", "/containers/a:b/logs", 404 },
		{ "GET", "/networks/repo/image", 404 },
		{ "GET", "/volumes/repo/image", 404 },
		{ "GET", "/volumes/repo:tag", 404 },
		/* And what cannot be one of an image either. */
		{ "GET", "/containers/-web/json", 403 },
		{ "GET", "/containers/a$b/json", 403 },
		{ "GET", "/images/a/-b/json", 403 },
		{ "GET", "/images/a/_b/history", 403 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_refused(cases[i].method, cases[i].target,
		    cases[i].status);
}

/*
 * Parameters without '=' take more room decoded than as they stand: as many
 * as are taken, in a target that is as long as it may be.
 */
static void
test_lengths(void **state)
{
	static char text[MUZZLE_TARGET_MAX + 2];
	size_t n, i;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	n = (size_t)sprintf(text, "/containers/json?");
	for (i = 0; i < PARAMETERS - 1; i++)
		n += (size_t)sprintf(text + n, "a%zu&", i);
	text[n] = 'x';
	assert_refused("GET", text, 414);
	text[MUZZLE_TARGET_MAX] = '\0';
	assert_refused("GET", text, 403);
	assert_non_null(strstr(v.reason, "GET /containers/json"));
	text[n + 1] = '&';
	assert_refused("GET", text, 400);
	assert_non_null(strstr(v.reason, "too many"));
	memset(text, '~', MUZZLE_TARGET_MAX);
	memcpy(text, "/networks?filters=", 18);
	assert_allowed(&closed, "GET", text, text, ANSWER_REDACTED);
	memset(text + 18, '+', MUZZLE_TARGET_MAX - 18);
	assert_int_equal(judge(&closed, "GET", text), 0);
	assert_int_equal(strlen(v.target), 18 + 3 * (MUZZLE_TARGET_MAX - 18));
	memset(text, 'x', MUZZLE_TARGET_MAX);
	memcpy(text, "/images/", 8);
	memcpy(text + MUZZLE_TARGET_MAX - 5, "/json", 5);
	assert_allowed(&closed, "GET", text, text, ANSWER_REDACTED);
}

/* What is logged is never the client's own text. */
static void
test_class(void **state)
{
	static const struct {
		const char *method, *target, *class;
	} cases[] = {
		{ "GET", "/s3cret", "GET other" },
		{ "S3CRET", "/s3cret/x", "OTHER other" },
		{ "GET", "/containers/s3cret/archive?path=s3cret",
		    "GET containers/.../archive" },
		{ "POST", "/v1.41/containers/create?name=s3cret",
		    "POST containers/.../create" },
		{ "GET", "/containers/s3cret/s3cret", "GET containers" },
		{ "GET", "/%00", "malformed" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_not_equal(judge(&closed, cases[i].method,
		    cases[i].target), 0);
		assert_string_equal(v.route_class, cases[i].class);
		assert_null(strcasestr(v.rule, "s3cret"));
		assert_null(strcasestr(v.reason, "s3cret"));
	}
}

/* --- narrowing, and the manual ---------------------------------------- */

static void
test_narrow(void **state)
{
	struct policy_limits by;
	struct policy p, q;
	unsigned own, taken;

	(void)state;
	for (own = 0; own <= ALL_ACTIONS; own++)
		for (taken = 0; taken < 4 * (ALL_ACTIONS + 1); taken++) {
			p = (struct policy){ .actions = own,
			    .redact = taken & 0x80 };
			by = (struct policy_limits){ taken & ALL_ACTIONS,
			    taken & 0x40 };
			q = policy_narrow(p, &by);
			assert_int_equal(q.actions & ~p.actions, 0);
			assert_int_equal(q.actions & by.actions_closed, 0);
			assert_int_equal(q.actions | by.actions_closed,
			    p.actions | by.actions_closed);
			assert_int_equal(q.redact, p.redact ||
			    by.redact_always);
		}
}

static const char *
kind_word(const struct policy_row *row, char *buf, size_t size)
{
	switch (row->kind) {
	case ANSWER_WHOLE:
		return "whole";
	case ANSWER_REDACTED:
	case ANSWER_READINGS:
		return "redacted";
	case ANSWER_STREAM:
		return "stream";
	case ANSWER_EVENTS:
		return "stream, redacted";
	case ANSWER_SWARM:
		return "made here";
	case ANSWER_ACTION:
		snprintf(buf, size, "action `%s`", row->action);
		return buf;
	}
	return NULL;
}

static char *
read_manual(void)
{
	const char *top = getenv("top_srcdir");
	static char text[128 * 1024];
	char path[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/docs/muzzle.md",
	    top != NULL ? top : ".");
	if ((f = fopen(path, "r")) == NULL && top == NULL)
		return NULL;		/* not by "make check" */
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

/* docs/muzzle.md has a line for each row, and no line for more. */
static void
test_manual(void **state)
{
	struct policy_row row;
	char line[512], kind[64], *manual = read_manual(), *p;
	size_t i, lines = 0;

	(void)state;
	if (manual == NULL)
		skip();
	for (i = 0; policy_row(i, &row); i++) {
		snprintf(line, sizeof(line), "\n| `%s %s` | %s | %s | %s |\n",
		    row.methods, row.pattern, row.parameters[0] != '\0' ?
		    row.parameters : "none", row.dropped,
		    kind_word(&row, kind, sizeof(kind)));
		if (strstr(manual, line) == NULL)
			fail_msg("docs/muzzle.md lacks:%s", line);
	}
	for (p = manual; (p = strstr(p, "\n| `")) != NULL; p++)
		lines += strncmp(p + 4, "GET", 3) == 0 ||
		    strncmp(p + 4, "POST", 4) == 0;
	assert_int_equal(lines, i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_action_words),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_not_dropped),
		cmocka_unit_test(test_registry),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_coded),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
