/* SPDX-License-Identifier: ISC */
/* Agents and clients for people and programs to read. */
#include "config.h"

#include "orthrus/registry/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/base/mem.h"

/* The gateway writes what it heard once a second, when nothing delays it. */
#define WRITING_SECONDS 3

enum agent_status
agent_status(const struct peer *p, bool served, uint64_t timeout_ms,
    int64_t now)
{
	int64_t limit = (int64_t)((timeout_ms + 999) / 1000) + WRITING_SECONDS;

	if (p->last_seen == 0 && !p->online)
		return AGENT_PENDING;
	return p->online && served && now - p->last_seen <= limit ?
	    AGENT_ONLINE : AGENT_OFFLINE;
}

const char *
agent_status_text(enum agent_status status)
{
	static const char *const words[] = { [AGENT_PENDING] = "pending",
	    [AGENT_ONLINE] = "online", [AGENT_OFFLINE] = "offline" };

	return words[status];
}

char *
agent_socket(const char *runtime, const char *name, uint16_t port)
{
	return port == 0 ?
	    xasprintf("%s/agents/%s/docker.sock", runtime, name) :
	    xasprintf("%s/agents/%s/%u.sock", runtime, name, port);
}

/* --- JSON --------------------------------------------------------- */

static json_t *
text_or_null(const char *s)
{
	return *s == '\0' ? json_null() : json_string(s);
}

static json_t *
time_or_null(int64_t seconds)
{
	char text[TIME_TEXT_MAX];

	return seconds == 0 ? json_null() : json_string(time_text(seconds,
	    text));
}

/* Frees the path.  One that is not UTF-8 becomes null. */
static json_t *
path_json(char *path)
{
	json_t *j = json_string(path);

	free(path);
	return j != NULL ? j : json_null();
}

static json_t *
ports_json(const struct peer *p, const char *runtime)
{
	json_t *list = json_array(), *one;
	const struct leash_port *port;
	char *address;
	size_t i;

	for (i = 0; i < p->hello.hello.nports; i++) {
		port = &p->hello.hello.ports[i];
		address = xasprintf("%s.orthrus:%u", p->name, port->port);
		one = json_pack("{s:i, s:o, s:o, s:s}", "port",
		    (int)port->port, "name", text_or_null(port->name),
		    "socket", path_json(agent_socket(runtime, p->name,
		    port->port)), "address", address);
		json_array_append_new(list, one);
		free(address);
	}
	return list;
}

static json_t *
networks_json(const struct peer *p)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < p->hello.hello.nnetworks; i++)
		json_array_append_new(list,
		    json_string(p->hello.hello.networks[i]));
	return list;
}

static void
add_docker_port(json_t *agent, const struct peer *p)
{
	if (p->docker_port != 0)
		json_object_set_new(json_object_get(agent, "docker"), "tcp",
		    json_sprintf("127.0.0.1:%u", (unsigned)p->docker_port));
}

/* False while its agent says that it does not, null where nobody knows. */
static json_t *
docker_answers(const struct peer *p)
{
	if (*p->hello.hello.docker_trouble != '\0')
		return json_false();
	return *p->hello.hello.docker_version != '\0' ? json_true() :
	    json_null();
}

/* Until the first Hello all that it would tell is null or empty. */
struct json_t *
agent_json(const struct peer *p, enum agent_status status, const char *runtime)
{
	static const struct peer nothing;
	const struct peer *of = p->hello.kind == LEASH_HELLO ? p : &nothing;
	bool reported = p->memory_total > 0;
	json_t *agent;

	agent = json_pack("{s:s, s:s, s:o, s:b, s:o,"
	    " s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o},"
	    " s:{s:b, s:o, s:o, s:o, s:o, s:o}, s:o}",
	    "name", p->name,
	    "status", agent_status_text(status),
	    "created", time_or_null(p->created),
	    "enrolled", p->enrolled,
	    "last_seen", time_or_null(p->last_seen),
	    "version", text_or_null(of->hello.hello.version),
	    "hostname", text_or_null(of->hello.hello.hostname),
	    "os", text_or_null(of->hello.hello.os),
	    "arch", text_or_null(of->hello.hello.arch),
	    "kex", status == AGENT_ONLINE ?
		text_or_null(of->hello.hello.key_exchange) : json_null(),
	    "load", reported ? json_real(p->load) : json_null(),
	    "memory",
		"used", reported ? json_integer((json_int_t)p->memory_used) :
		    json_null(),
		"total", reported ? json_integer((json_int_t)p->memory_total) :
		    json_null(),
	    "docker",
		"shared", of->hello.hello.docker,
		"answers", docker_answers(of),
		"error", text_or_null(of->hello.hello.docker_trouble),
		"version", text_or_null(of->hello.hello.docker_version),
		"networks", networks_json(of),
		"socket", path_json(agent_socket(runtime, p->name, 0)),
	    "ports", of == p ? ports_json(p, runtime) : json_array());
	add_docker_port(agent, p);
	return agent;
}

static json_t *
allow_json(const char *allow)
{
	char *copy = xstrdup(allow), *rest = copy, *item;
	json_t *list = json_array();

	while (*allow != '\0' && (item = strsep(&rest, ",")) != NULL)
		json_array_append_new(list, json_string(item));
	free(copy);
	return list;
}

struct json_t *
client_json(const struct peer *p)
{
	char fingerprint[KEY_FINGERPRINT_MAX] = "";
	uint8_t blob[KEY_BLOB_LEN];

	if (p->has_key) {
		key_blob_write(p->key, blob);
		key_fingerprint(blob, sizeof(blob), fingerprint);
	}
	return json_pack("{s:s, s:s, s:o, s:b, s:o, s:o}",
	    "name", p->name,
	    "login", p->has_key ? "key" : "certificate",
	    "key", text_or_null(fingerprint),
	    "enrolled", p->enrolled,
	    "created", time_or_null(p->created),
	    "allow", allow_json(p->allow));
}
