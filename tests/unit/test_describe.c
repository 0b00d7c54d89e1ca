/* SPDX-License-Identifier: ISC */
/* What is shown of agents: status, ages, sizes, JSON. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/registry/describe.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW 1000000

static void
test_status(void **state)
{
	static const struct {
		int64_t last_seen;
		bool online, served;
		uint64_t timeout_ms;
		enum agent_status status;
	} cases[] = {
		{ 0, false, true, 10000, AGENT_PENDING },
		{ 0, false, false, 10000, AGENT_PENDING },
		{ NOW, true, true, 10000, AGENT_ONLINE },
		{ NOW + 60, true, true, 10000, AGENT_ONLINE },	/* a clock set back */
		{ NOW - 13, true, true, 10000, AGENT_ONLINE },
		{ NOW - 14, true, true, 10000, AGENT_OFFLINE },
		{ NOW - 4, true, true, 100, AGENT_ONLINE },
		{ NOW - 5, true, true, 100, AGENT_OFFLINE },
		{ NOW, true, false, 10000, AGENT_OFFLINE },
		{ NOW, false, true, 10000, AGENT_OFFLINE },
	};
	struct peer *p = calloc(1, sizeof(*p));
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p->last_seen = cases[i].last_seen;
		p->online = cases[i].online;
		if (agent_status(p, cases[i].served, cases[i].timeout_ms,
		    NOW) != cases[i].status)
			fail_msg("case %zu", i);
	}
	free(p);
	assert_string_equal(agent_status_text(AGENT_PENDING), "pending");
	assert_string_equal(agent_status_text(AGENT_ONLINE), "online");
	assert_string_equal(agent_status_text(AGENT_OFFLINE), "offline");
}

static void
test_texts(void **state)
{
	char text[TIME_TEXT_MAX];

	(void)state;
	assert_string_equal(time_text(0, text), "1970-01-01T00:00:00Z");
	assert_string_equal(time_text(1795276291, text),
	    "2026-11-21T15:51:31Z");
	assert_string_equal(time_text(INT64_MAX, text), "?");
}

static void
test_paths(void **state)
{
	char *path = agent_socket("/run/charon", "web-1", 0);

	(void)state;
	assert_string_equal(path, "/run/charon/agents/web-1/docker.sock");
	free(path);
	path = agent_socket("/r", "web-1", 65535);
	assert_string_equal(path, "/r/agents/web-1/65535.sock");
	free(path);
}

static const char *
get(json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void
test_json(void **state)
{
	struct peer *p = calloc(1, sizeof(*p));
	json_t *json, *docker, *port;

	(void)state;
	strcpy(p->name, "web-1");
	p->created = 1;
	json = agent_json(p, AGENT_PENDING, "/r");
	assert_non_null(json);
	assert_string_equal(get(json, "status"), "pending");
	assert_true(json_is_null(json_object_get(json, "version")));
	assert_true(json_is_null(json_object_get(json, "last_seen")));
	assert_int_equal(json_array_size(json_object_get(json, "ports")), 0);
	json_decref(json);

	p->hello.kind = LEASH_HELLO;
	strcpy(p->hello.hello.version, "0.1.0");
	strcpy(p->hello.hello.networks[0], "\"a\\b\"");
	p->hello.hello.nnetworks = 1;
	p->hello.hello.ports[0].port = 80;
	p->hello.hello.nports = 1;
	p->hello.hello.docker = true;
	p->memory_total = UINT64_C(1) << 40;
	strcpy(p->hello.hello.key_exchange, "curve25519-sha256");
	json = agent_json(p, AGENT_OFFLINE, "/r");
	assert_true(json_is_null(json_object_get(json, "kex")));
	json_decref(json);
	json = agent_json(p, AGENT_ONLINE, "/r");
	assert_string_equal(get(json, "kex"), "curve25519-sha256");
	assert_string_equal(get(json, "version"), "0.1.0");
	docker = json_object_get(json, "docker");
	assert_true(json_is_true(json_object_get(docker, "shared")));
	assert_string_equal(get(docker, "socket"),
	    "/r/agents/web-1/docker.sock");
	assert_string_equal(json_string_value(json_array_get(
	    json_object_get(docker, "networks"), 0)), "\"a\\b\"");
	port = json_array_get(json_object_get(json, "ports"), 0);
	assert_string_equal(get(port, "address"), "web-1.orthrus:80");
	assert_string_equal(get(port, "socket"), "/r/agents/web-1/80.sock");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(
	    json, "memory"), "total")), INT64_C(1) << 40);
	json_decref(json);

	json = agent_json(p, AGENT_ONLINE, "/r");
	docker = json_object_get(json, "docker");
	assert_true(json_is_true(json_object_get(docker, "answers")) ==
	    (*p->hello.hello.docker_version != '\0'));
	assert_true(json_is_null(json_object_get(docker, "error")));
	json_decref(json);
	strcpy(p->hello.hello.docker_trouble, "Permission denied");
	json = agent_json(p, AGENT_ONLINE, "/r");
	docker = json_object_get(json, "docker");
	assert_true(json_is_false(json_object_get(docker, "answers")));
	assert_string_equal(get(docker, "error"), "Permission denied");
	json_decref(json);

	p->kind = PEER_CLIENT;
	p->has_key = true;
	strcpy(p->allow, "a:1,egress");
	json = client_json(p);
	assert_string_equal(get(json, "login"), "key");
	assert_int_equal(strncmp(get(json, "key"), "SHA256:", 7), 0);
	assert_int_equal(json_array_size(json_object_get(json, "allow")), 2);
	json_decref(json);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
