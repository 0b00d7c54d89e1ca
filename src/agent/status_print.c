/* SPDX-License-Identifier: ISC */
/*
 * Shows a status document to people.  It comes from another process, so all of
 * it is escaped before it reaches the terminal.
 */
#include "status.h"

#include <stdio.h>
#include <string.h>

#include "orthrus/base/text.h"

#define FIELD_MAX 600
#define COLUMNS_MAX 8

/* The member as text that can be shown; "-" when there is none. */
static const char *
doc_text(const json_t *o, const char *key, char text[FIELD_MAX])
{
	const json_t *v = json_object_get(o, key);

	if (json_is_string(v) && json_string_length(v) > 0)
		text_escape(text, FIELD_MAX, json_string_value(v),
		    TEXT_PLAIN);
	else if (json_is_integer(v))
		snprintf(text, FIELD_MAX, "%lld",
		    (long long)json_integer_value(v));
	else
		strcpy(text, "-");
	return text;
}

static bool
is_text(const json_t *o, const char *key, const char *wanted)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL && strcmp(s, wanted) == 0;
}

bool
status_ready(const json_t *status)
{
	const json_t *forwards = json_object_get(status, "forwards");
	const json_t *docker = json_object_get(status, "docker");
	size_t i;

	if (!is_text(status, "state", "connected") ||
	    (json_is_object(docker) && !is_text(docker, "state", "up")))
		return false;
	for (i = 0; i < json_array_size(forwards); i++)
		if (!is_text(json_array_get(forwards, i), "state", "up"))
			return false;
	return true;
}

/* --- tables ----------------------------------------------------------- */

struct column {
	const char *title, *key;
	bool number;
};

static void
print_cell(const struct column *c, const char *text, size_t width, bool last)
{
	if (last)
		printf("%s\n", text);
	else if (c->number)
		printf("%*s  ", (int)width, text);
	else
		printf("%-*s  ", (int)width, text);
}

/* What the column takes for its title and for every row. */
static size_t
column_width(const json_t *rows, const struct column *c)
{
	size_t width = strlen(c->title), i, len;
	char text[FIELD_MAX];

	for (i = 0; i < json_array_size(rows); i++) {
		len = strlen(doc_text(json_array_get(rows, i), c->key, text));
		if (len > width)
			width = len;
	}
	return width;
}

static void
print_table(const json_t *rows, const struct column *columns, size_t n)
{
	size_t width[COLUMNS_MAX], i, c;
	char text[FIELD_MAX];

	printf("\n");
	for (c = 0; c < n; c++) {
		width[c] = column_width(rows, &columns[c]);
		print_cell(&columns[c], columns[c].title, width[c],
		    c == n - 1);
	}
	for (i = 0; i < json_array_size(rows); i++)
		for (c = 0; c < n; c++)
			print_cell(&columns[c],
			    doc_text(json_array_get(rows, i), columns[c].key,
			    text), width[c], c == n - 1);
}

static void
print_forwards(const json_t *forwards)
{
	static const struct column columns[COLUMNS_MAX] = {
		{ "KIND", "kind", false }, { "NAME", "name", false },
		{ "LISTEN", "listen", false }, { "TO", "to", false },
		{ "STATE", "state", false }, { "OPEN", "open", true },
		{ "TOTAL", "total", true }, { "ERROR", "error", false }
	};

	if (json_array_size(forwards) > 0)
		print_table(forwards, columns, COLUMNS_MAX);
}

/* Where there is only one, the first line names it. */
static void
print_gateways(const json_t *gateways)
{
	static const struct column columns[] = {
		{ "SERVER", "server", false }, { "MS", "rtt_ms", true },
		{ "STATE", "state", false }
	};

	if (json_array_size(gateways) > 1)
		print_table(gateways, columns, 3);
}

/* --- the lines above it ----------------------------------------------- */

/* The connection under the session, where there is one. */
static void
print_link(const json_t *link)
{
	char a[FIELD_MAX], b[FIELD_MAX], c[FIELD_MAX];

	if (!json_is_string(json_object_get(link, "since")))
		return;
	printf("link to %s", doc_text(link, "address", a));
	if (json_is_string(json_object_get(link, "proxy")))
		printf(" by way of %s", doc_text(link, "proxy", a));
	printf(", since %s, resumed %s times (%.1f s without one), %s bytes "
	    "sent again\n", doc_text(link, "since", a),
	    doc_text(link, "resumed", b),
	    json_number_value(json_object_get(link, "parked")) / 1000,
	    doc_text(link, "resent_bytes", c));
}

static void
print_status_session(const json_t *s)
{
	const json_t *cert = json_object_get(s, "certificate");
	char a[FIELD_MAX], b[FIELD_MAX], c[FIELD_MAX];

	printf("%s: ", doc_text(s, "name", a));
	printf("%s, server %s", doc_text(s, "state", a), doc_text(s, "server",
	    b));
	printf(", since %s\n", doc_text(s, "since", a));
	if (!is_text(s, "state", "connected") &&
	    json_is_string(json_object_get(s, "error")))
		printf("last error: %s\n", doc_text(s, "error", a));
	printf("reconnects %s, round trip %s ms, transport %s\n",
	    doc_text(s, "reconnects", a), doc_text(s, "rtt_ms", b),
	    doc_text(s, "transport", c));
	print_link(json_object_get(s, "link"));
	printf("key exchange %s, cipher %s\n", doc_text(s, "kex", a),
	    doc_text(s, "cipher", b));
	printf("host key %s\n", doc_text(s, "host_key", a));
	if (json_is_true(json_object_get(s, "gateway")))
		printf("the server is a gateway, %s\n",
		    json_is_true(json_object_get(s, "leash")) ?
		    "we are on its leash" : "but does not hold our leash");
	if (json_is_object(cert))
		printf("certificate %s, until %s\n", doc_text(cert, "serial",
		    a), doc_text(cert, "expires", b));
}

static void
print_status_traffic(const json_t *s)
{
	const json_t *channels = json_object_get(s, "channels");
	const json_t *bytes = json_object_get(s, "bytes");
	char a[FIELD_MAX], b[FIELD_MAX], c[FIELD_MAX];

	printf("channels %s open, %s in total\n", doc_text(channels, "open", a),
	    doc_text(channels, "total", b));
	printf("bytes %s in, %s out, %s waiting\n", doc_text(bytes, "in", a),
	    doc_text(bytes, "out", b), doc_text(s, "backlog_bytes", c));
}

static void
print_socks5(const json_t *socks5)
{
	char a[FIELD_MAX], b[FIELD_MAX];

	if (!json_is_string(json_object_get(socks5, "listen"))) {
		printf("SOCKS5 off\n");
		return;
	}
	printf("SOCKS5 on %s: %s", doc_text(socks5, "listen", a),
	    doc_text(socks5, "state", b));
	printf(", %s open, %s in total", doc_text(socks5, "open", a),
	    doc_text(socks5, "total", b));
	if (json_is_string(json_object_get(socks5, "error")))
		printf(" (%s)", doc_text(socks5, "error", a));
	printf("\n");
}

static void
print_docker_tunnel(const json_t *docker)
{
	char a[FIELD_MAX], b[FIELD_MAX], c[FIELD_MAX];

	if (!json_is_object(docker))
		return;
	printf("Docker %s on %s: %s", doc_text(docker, "socket", a),
	    doc_text(docker, "remote", b), !is_text(docker, "state", "up") ||
	    json_is_true(json_object_get(docker, "ping")) ?
	    doc_text(docker, "state", c) : "the engine does not answer");
	printf(", %s allowed, %s denied\n", doc_text(docker, "allowed", a),
	    doc_text(docker, "denied", b));
	if (json_is_string(json_object_get(docker, "error")))
		printf("Docker: %s\n", doc_text(docker, "error", a));
	if (!json_is_true(json_object_get(docker, "ping")))
		printf("Docker: %s\n",
		    doc_text(docker, "ping_error", a));
	else if (!json_is_string(json_object_get(docker, "docker_host")))
		printf("Docker: the engine answers\n");
	else
		printf("Docker: the engine answers; there with "
		    "DOCKER_HOST=%s\n", doc_text(docker, "docker_host", a));
}

void
status_print(const json_t *status)
{
	print_status_session(status);
	print_status_traffic(status);
	print_socks5(json_object_get(status, "socks5"));
	print_docker_tunnel(json_object_get(status, "docker"));
	print_gateways(json_object_get(status, "gateways"));
	print_forwards(json_object_get(status, "forwards"));
}
