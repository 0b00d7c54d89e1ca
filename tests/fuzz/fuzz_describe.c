/* SPDX-License-Identifier: ISC */
/*
 * Any Hello that an agent may send, as the gateway shows it: every one of them
 * makes a whole JSON object of the same shape, whose texts are what was sent.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/base/shown.h"
#include "orthrus/registry/describe.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define NUMBERS 24		/* bytes in front of the Hello */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const json_t *o, const char *key, const char *text)
{
	const json_t *v = json_object_get(o, key);

	CHECK(text[0] == '\0' ? json_is_null(v) :
	    strcmp(json_string_value(v), text) == 0);
}

static void
check_ports(const json_t *list, const struct leash_message *m)
{
	size_t i;

	CHECK(json_array_size(list) == m->hello.nports);
	for (i = 0; i < m->hello.nports; i++)
		CHECK(json_integer_value(json_object_get(json_array_get(list,
		    i), "port")) == m->hello.ports[i].port);
}

static void
check_agent(const struct peer *p, enum agent_status status)
{
	json_t *o = agent_json(p, status, "/run/charon"), *docker;
	char *text;

	CHECK(o != NULL && json_object_size(o) == 14);
	check_text(o, "hostname", p->hello.hello.hostname);
	check_text(o, "version", p->hello.hello.version);
	check_text(o, "os", p->hello.hello.os);
	check_ports(json_object_get(o, "ports"), &p->hello);
	docker = json_object_get(o, "docker");
	check_text(docker, "version", p->hello.hello.docker_version);
	CHECK(json_array_size(json_object_get(docker, "networks")) ==
	    p->hello.hello.nnetworks);
	text = json_dumps(o, JSON_COMPACT);
	CHECK(text != NULL);
	free(text);
	json_decref(o);
}

/* A client of the same name, with a key or without. */
static void
check_client(struct peer *p, const uint8_t *data)
{
	struct error e;
	json_t *o;

	p->kind = PEER_CLIENT;
	p->has_key = (data[0] & 4) != 0;
	memcpy(p->key, data, NUMBERS);
	CHECK(allow_parse("egress,a:80,b:docker", p->allow, &e) == 0);
	o = client_json(p);
	CHECK(o != NULL && json_object_size(o) == 6);
	CHECK(json_array_size(json_object_get(o, "allow")) == 3);
	CHECK(json_is_null(json_object_get(o, "key")) == !p->has_key);
	json_decref(o);
}

static int64_t
number(const uint8_t *p)
{
	int64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void
check_numbers(int64_t a, int64_t b)
{
	char text[SHOWN_TEXT_MAX];

	CHECK(strlen(shown_age(a, b, text)) <
	    sizeof("213503982334601 days ago"));
	CHECK(strlen(shown_moment(a, b, text)) < SHOWN_TEXT_MAX - 1);
	CHECK(strlen(shown_size((uint64_t)a, text)) <= sizeof("999 KiB"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct peer p;
	enum agent_status status;
	const char *why;

	if (size < NUMBERS)
		return 0;
	memset(&p, 0, sizeof(p));
	check_numbers(number(data), number(data + 8));
	if (leash_decode(data + NUMBERS, size - NUMBERS, &p.hello, &why) == -1
	    || p.hello.kind != LEASH_HELLO)
		return 0;
	strcpy(p.name, p.hello.hello.name);
	p.last_seen = number(data) & INT32_MAX;
	p.memory_used = (uint64_t)number(data + 8);
	p.memory_total = (uint64_t)number(data + 16);
	p.online = (data[0] & 1) != 0;
	p.docker_port = (uint16_t)number(data + 16);
	status = agent_status(&p, (data[0] & 2) != 0, 10000,
	    number(data + 8) & INT32_MAX);
	CHECK(agent_status_text(status)[0] != '\0');
	CHECK(status != AGENT_ONLINE || p.online);
	check_agent(&p, status);
	check_client(&p, data);
	return 0;
}
