/* SPDX-License-Identifier: ISC */
/* "charon agent show": all that is known of one agent. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "orthrus/base/shown.h"
#include "orthrus/base/text.h"
#include "orthrus/registry/describe.h"

#include "cli.h"

/*
 * Prints a line, escaped, since what an agent tells of itself may hold
 * anything.
 */
static void
print_agent_text(const char *label, const char *text)
{
	char shown[512];

	text_escape(shown, sizeof(shown), text, TEXT_PLAIN);
	printf("%-12s%s\n", label, *shown == '\0' ? "-" : shown);
}

static void
print_agent_docker(const struct peer *p)
{
	char shown[LEASH_TEXT_MAX * 4];
	size_t i;

	if (!p->hello.hello.docker) {
		print_agent_text("docker:", "not shared");
		return;
	}
	if (*p->hello.hello.docker_trouble != '\0') {
		text_escape(shown, sizeof(shown),
		    p->hello.hello.docker_trouble, TEXT_PLAIN);
		printf("docker:     the engine does not answer (%s): \"orthrus "
		    "status\" there says what to do\n", shown);
		return;
	}
	print_agent_text("docker:", *p->hello.hello.docker_version == '\0' ?
	    "shared, version unknown" : p->hello.hello.docker_version);
	for (i = 0; i < p->hello.hello.nnetworks; i++) {
		text_escape(shown, sizeof(shown), p->hello.hello.networks[i],
		    TEXT_PLAIN);
		printf("%s%s", i == 0 ? "networks:   " : ", ", shown);
	}
	if (i > 0)
		putchar('\n');
}

static void
print_agent_hello(const struct peer *p)
{
	char used[SHOWN_TEXT_MAX], all[SHOWN_TEXT_MAX];

	print_agent_text("version:", p->hello.hello.version);
	print_agent_text("host:", p->hello.hello.hostname);
	print_agent_text("system:", p->hello.hello.os);
	print_agent_text("arch:", p->hello.hello.arch);
	if (p->memory_total > 0) {
		printf("load:       %.2f\n", p->load);
		printf("memory:     %s of %s\n",
		    shown_size(p->memory_used, used),
		    shown_size(p->memory_total, all));
	}
	print_agent_docker(p);
}

static void
print_agent_endpoints(const struct peer *p, const char *runtime,
    const json_t *live)
{
	const char *tcp = live_docker_tcp(live);
	const struct leash_port *port;
	char *path = agent_socket(runtime, p->name, 0);
	char shown[LEASH_TEXT_MAX * 4];
	size_t i;

	text_escape(shown, sizeof(shown), path, TEXT_PLAIN);
	printf("endpoints:  %s\n", shown);
	free(path);
	if (tcp != NULL)
		printf("            tcp://%.64s\n", tcp);
	else if (live == NULL && p->docker_port != 0)
		printf("            tcp://127.0.0.1:%u\n",
		    (unsigned)p->docker_port);
	for (i = 0; p->hello.kind == LEASH_HELLO &&
	    i < p->hello.hello.nports; i++) {
		port = &p->hello.hello.ports[i];
		path = agent_socket(runtime, p->name, port->port);
		text_escape(shown, sizeof(shown), path, TEXT_PLAIN);
		printf("            %s, %s.orthrus:%u%s%s\n", shown, p->name,
		    port->port, *port->name == '\0' ? "" : ", ", port->name);
		free(path);
	}
}

static void
print_agent_fields(const struct peer *p, enum agent_status status,
    const struct gateway_config *config, const json_t *live, int64_t now)
{
	char text[SHOWN_TEXT_MAX];

	print_agent_text("name:", p->name);
	print_agent_text("status:", agent_status_text(status));
	print_agent_text("registered:", shown_moment(p->created, now, text));
	print_agent_text("enrolled:", p->enrolled ? "yes" : "no");
	print_agent_text("last seen:", p->last_seen == 0 ? "never" :
	    shown_moment(p->last_seen, now, text));
	if (status == AGENT_ONLINE && p->hello.kind == LEASH_HELLO)
		print_agent_text("kex:", p->hello.hello.key_exchange);
	live_print(live, now);
	if (p->hello.kind == LEASH_HELLO)
		print_agent_hello(p);
	print_agent_endpoints(p, config->runtime, live);
}

static int
find_agent(const struct call *c, struct state *s, struct peer *p,
    struct error *e)
{
	int found = registry_find(s->registry, c->name, p, e);

	if (found == 1 && p->kind != PEER_AGENT)
		return error_set(e, EX_NOUSER, "%s is the name of a client; "
		    "\"charon client list\" shows it", c->name);
	if (found == 0)
		return error_set(e, EX_NOUSER, "there is no agent called "
		    "\"%s\"; \"charon agent list\" shows those that there are",
		    c->name);
	return found == 1 ? 0 : -1;
}

static int
print_agent(const struct call *c, const struct state *s, const struct peer *p)
{
	int64_t now = time(NULL);
	enum agent_status status = agent_status(p, state_is_served(s),
	    c->config->timeout, now);
	json_t *json, *live = live_ask(c, s);
	int code;

	if (!c->json) {
		print_agent_fields(p, status, c->config, live, now);
		code = call_end(c);
		if (code == 0 && !state_is_served(s))
			call_tell_stopped(c, s);
	} else {
		json = agent_json(p, status, c->config->runtime);
		live_add(json, live);
		code = call_print_json(c, json);
		json_decref(json);
	}
	json_decref(live);
	return code;
}

int
agent_show(const struct call *c)
{
	struct error e;
	struct state *s = call_state(c, false, &e);
	struct peer p;
	int code;

	if (s == NULL)
		return call_fail(c, &e);
	code = find_agent(c, s, &p, &e) == -1 ? call_fail(c, &e) :
	    print_agent(c, s, &p);
	state_close(s);
	return code;
}
