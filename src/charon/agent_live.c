/* SPDX-License-Identifier: ISC */
/*
 * What only the gateway that runs knows of agents, asked for by its API and put
 * into what the registry says: an ephemeral port for Docker, sessions, links.
 */
#include "config.h"

#include <string.h>
#include <time.h>

#include <jansson.h>

#include "orthrus/api/ask.h"
#include "orthrus/base/shown.h"
#include "orthrus/base/text.h"

#include "cli.h"

/*
 * All agents by name, or the one that was asked for.  While no gateway runs
 * anybody may listen on its port, and would be shown its token.
 */
struct json_t *
live_ask(const struct call *c, const struct state *s)
{
	json_t *answer = !state_is_served(s) ? NULL : api_ask(
	    &c->config->http_listen, c->config->state, c->name), *table, *one;
	const char *name;
	size_t i;

	if (!json_is_array(answer))
		return answer;
	table = json_object();
	json_array_foreach(answer, i, one) {
		name = json_string_value(json_object_get(one, "name"));
		if (name != NULL)
			json_object_set(table, name, one);
	}
	json_decref(answer);
	return table;
}

void
live_add(struct json_t *agent, const struct json_t *live)
{
	json_t *docker = json_object_get(agent, "docker");
	json_t *tcp = json_object_get(json_object_get(live, "docker"), "tcp");
	json_t *session = json_object_get(live, "session");

	if (tcp != NULL)
		json_object_set(docker, "tcp", tcp);
	if (session != NULL)
		json_object_set(agent, "session", session);
}

const char *
live_docker_tcp(const struct json_t *live)
{
	return json_string_value(json_object_get(json_object_get(live,
	    "docker"), "tcp"));
}

/* Reads a time as time_text() writes it: UNIX seconds, 0 for none. */
static int64_t
read_time(const json_t *json)
{
	const char *text = json_string_value(json), *end;
	struct tm tm = { 0 };

	end = text == NULL ? NULL : strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return end == NULL || *end != '\0' ? 0 : (int64_t)timegm(&tm);
}

static void
print_link(const json_t *link, int64_t now)
{
	const char *transport = json_string_value(json_object_get(link,
	    "transport"));
	json_int_t resumed = json_integer_value(json_object_get(link,
	    "resumed"));
	char text[SHOWN_TEXT_MAX];

	if (transport != NULL)
		printf("link:       %.16s, since %s", transport, shown_moment(
		    read_time(json_object_get(link, "since")), now, text));
	else
		printf("link:       none, its session waits for another one");
	if (resumed > 0)
		printf("; resumed %lld time%s, %.1f s without one, %s sent "
		    "again", (long long)resumed, resumed == 1 ? "" : "s",
		    (double)json_integer_value(json_object_get(link,
		    "parked")) / 1000, shown_size((uint64_t)json_integer_value(
		    json_object_get(link, "resent_bytes")), text));
	putchar('\n');
}

void
live_print(const struct json_t *live, int64_t now)
{
	const json_t *session = json_object_get(live, "session");
	const char *peer = json_string_value(json_object_get(session, "peer"));
	char text[SHOWN_TEXT_MAX], shown[256];

	if (peer == NULL)
		return;
	text_escape(shown, sizeof(shown), peer, TEXT_PLAIN);
	printf("session:    from %s, since %s\n", shown, shown_moment(
	    read_time(json_object_get(session, "since")), now, text));
	print_link(json_object_get(session, "link"), now);
}
