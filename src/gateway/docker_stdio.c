/* SPDX-License-Identifier: ISC */
/*
 * Docker for clients that bring nothing but SSH: the docker CLI, docker-py and
 * others run "docker system dial-stdio" at the far end of DOCKER_HOST=ssh://,
 * which an agent's Muzzle answers here.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "orthrus/proto/allow.h"
#include "orthrus/proto/dial_stdio.h"

#include "gateway.h"

#define LINE_MAX 320
#define REFUSED_STATUS 1	/* exit status; nobody's else */

#define BAD_NAME "no agent has such a name: write ssh://USER@HOST/AGENT, or " \
    "ssh://USER+AGENT@HOST where the client takes no path"
#define WHICH "whose Docker? This client may reach several: write " \
    "ssh://USER@HOST/AGENT, or ssh://USER+AGENT@HOST where the client takes " \
    "no path"
#define NOBODYS "not allowed: no agent's Docker is among this client's " \
    "permissions (charon client allow)"

static const char *
refusal_line(char text[LINE_MAX], const char *name, const char *why)
{
	snprintf(text, LINE_MAX, "charon: %s%s%s%s\n",
	    name != NULL ? "Docker of agent " : "", name != NULL ? name : "",
	    name != NULL ? ": " : "", why);
	return text;
}

/* Puts the agent that is meant into *w: true, or w->text says why none is. */
static bool
choose_agent(const struct session *s, enum dial_stdio found, struct wish *w)
{
	w->why = REFUSED_UNKNOWN;
	w->text = BAD_NAME;
	if (found == DIAL_STDIO_OK && w->name[0] == '\0')
		memcpy(w->name, s->wanted, sizeof(w->name));
	if (w->name[0] != '\0' || found == DIAL_STDIO_BAD_NAME)
		return name_valid(w->name);
	if (s->kind == SESSION_AGENT) {
		memcpy(w->name, s->name, sizeof(w->name));
		return true;
	}
	switch (allow_docker_agents(s->allow, w->name)) {
	case 0:
		w->why = REFUSED_PERMISSION;
		w->text = NOBODYS;
		return false;
	case 1:
		return true;
	default:
		w->text = WHICH;
		return false;
	}
}

/*
 * People read standard error; programs that do not are answered by the Muzzle,
 * as at docker.sock.
 */
static void
serve_docker_offline(struct session *s, struct channel *ch,
    const struct wish *w)
{
	struct agent *a = agents_find(s->gateway->agents, w->name);
	char text[LINE_MAX];

	route_refused(s, w->why, w->text);
	channel_run(ch, REFUSED_STATUS);
	channel_say(ch, refusal_line(text, NULL, w->text));
	gateway_stream_docker_stdio(s, a, channel_endpoint(ch));
}

static void
serve_docker(struct session *s, struct channel *ch, struct wish *w)
{
	struct agent *a = route_find(s, w);
	char text[LINE_MAX];

	if (a != NULL) {
		channel_run(ch, 0);
		gateway_stream_docker_stdio(s, a, channel_endpoint(ch));
	} else if (w->why == REFUSED_OFFLINE)
		serve_docker_offline(s, ch, w);
	else {
		route_refused(s, w->why, w->text);
		channel_exit(ch, REFUSED_STATUS,
		    refusal_line(text, w->name, w->text));
	}
}

bool
docker_stdio_open(struct session *s, struct channel *ch, const uint8_t *p,
    size_t len)
{
	enum open_failure reason;
	enum dial_stdio found;
	const uint8_t *command;
	char text[LINE_MAX];
	struct wish w = { .port = 0 };
	struct wire r;

	wire_init(&r, p, len);
	command = wire_string(&r, &len);
	if (r.bad || r.left > 0 || (found = dial_stdio_read(command, len,
	    w.name)) == DIAL_STDIO_OTHER)
		return false;
	if (!route_open(s, &reason, &w.text))
		channel_exit(ch, REFUSED_STATUS,
		    refusal_line(text, NULL, w.text));
	else if (choose_agent(s, found, &w))
		serve_docker(s, ch, &w);
	else {
		route_refused(s, w.why, w.text);
		channel_exit(ch, REFUSED_STATUS,
		    refusal_line(text, NULL, w.text));
	}
	return true;
}
