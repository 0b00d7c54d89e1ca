/* SPDX-License-Identifier: ISC */
/*
 * "charon status": does the gateway run, and does it answer?  For people, and
 * for what looks after containers.
 */
#include "config.h"

#include <time.h>

#include "orthrus/api/ask.h"
#include "orthrus/registry/describe.h"
#include "orthrus/registry/registry.h"

#include "cli.h"
#include "commands.h"

struct count {
	int64_t now;
	uint64_t timeout;		/* milliseconds */
	size_t agents, online;
};

static void
count_agent(void *arg, const struct peer *p)
{
	struct count *n = arg;

	if (p->kind != PEER_AGENT)
		return;
	n->agents++;
	if (agent_status(p, true, n->timeout, n->now) == AGENT_ONLINE)
		n->online++;
}

static int
print_well(const struct call *c, struct state *s)
{
	struct count n = { .now = time(NULL), .timeout = c->config->timeout };
	struct error e;

	if (registry_each(s->registry, count_agent, &n, &e) == -1)
		return call_fail(c, &e);
	printf("the gateway on %s runs; %zu of %zu agent%s online\n",
	    s->directory, n.online, n.agents, n.agents == 1 ? "" : "s");
	return call_end(c);
}

/* Whoever answers on TCP while no gateway runs would be shown its token. */
static int
status_tell(const struct call *c, struct state *s)
{
	const struct gateway_config *config = c->config;
	struct error e;
	int health;

	if (!state_is_served(s)) {
		call_tell_stopped(c, s);
		return EX_UNAVAILABLE;
	}
	if (config->http_listen.kind == ADDRESS_NONE)
		return print_well(c, s);
	health = api_health(&config->http_listen, config->state);
	if (health == 200)
		return print_well(c, s);
	error_set(&e, EX_UNAVAILABLE, health == 503 ? "the gateway on %s "
	    "cannot use its registry, or stops; its log says which" :
	    "a gateway runs on %s and does not answer; is [http] listen "
	    "what it was started with, and may you ask it?", s->directory);
	return call_fail(c, &e);
}

static int
status_show(const struct call *c)
{
	struct error e;
	struct state *s = call_state(c, false, &e);
	int code;

	if (s == NULL)
		return call_fail(c, &e);
	code = status_tell(c, s);
	state_close(s);
	return code;
}

int
cmd_gateway_status(int argc, char **argv)
{
	static const struct command command = {
		"status", "",
		"tell whether the gateway runs and answers",
		"Tells whether the gateway runs and answers, for people and "
		"for what looks after\ncontainers.  Exits 0 when it is well "
		"and 69 when it does not run, does not\nanswer or cannot use "
		"its registry.",
		0, status_show
	};

	return command_run(&command, argc, argv);
}
