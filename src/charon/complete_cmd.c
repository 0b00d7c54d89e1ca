/* SPDX-License-Identifier: ISC */
/* The names of agents, for a shell to complete; what fails fails in silence. */
#include "config.h"

#include "cli.h"

static void
ignore_report(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void
offer_peer(void *arg, const struct peer *p)
{
	void (*const *each)(const char *name) = arg;

	if (p->kind == PEER_AGENT)
		(*each)(p->name);
}

void
complete_agents(void (*each)(const char *name))
{
	char command[] = "charon", *argv[] = { command, NULL };
	struct gateway_config *c;
	struct state *s = NULL;
	struct error e;
	int code;

	c = gateway_config_load(1, argv, ignore_report, NULL, &code);
	if (c != NULL)
		s = state_open(c, false, &e);
	if (s != NULL)
		registry_each(s->registry, offer_peer, &each, &e);
	state_close(s);
	gateway_config_free(c);
}
