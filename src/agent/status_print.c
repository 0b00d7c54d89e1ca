/* SPDX-License-Identifier: ISC */
/*
 * Shows a status document to people.  It comes from another process, so all of
 * it is escaped before it reaches the terminal.
 */
#include "status.h"

#include <stdio.h>
#include <string.h>

#include "orthrus/base/shown.h"
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

/* A moment in UTC as people read it; what is none is shown as it is. */
static const char *
doc_moment(const json_t *o, const char *key, int64_t now, char text[FIELD_MAX])
{
	const char *s = json_string_value(json_object_get(o, key));
	int64_t when;

	if (s == NULL || !time_read(s, &when))
		return doc_text(o, key, text);
	return shown_moment(when, now, text);
}

/* A number of bytes. */
static const char *
doc_size(const json_t *o, const char *key, char text[FIELD_MAX])
{
	json_int_t bytes = json_integer_value(json_object_get(o, key));

	return shown_size(bytes > 0 ? (uint64_t)bytes : 0, text);
}

static bool
is_there(const json_t *o, const char *key)
{
	char text[FIELD_MAX];

	return strcmp(doc_text(o, key, text), "-") != 0;
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
	printf("%*s%s", c->number ? (int)width : last ? 0 : -(int)width, text,
	    last ? "\n" : "  ");
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

/* Leaves out the columns of which no row has anything: how many are left. */
static size_t
used_columns(const json_t *rows, const struct column *columns, size_t n,
    struct column used[COLUMNS_MAX])
{
	size_t i, c, left = 0;

	for (c = 0; c < n; c++)
		for (i = 0; i < json_array_size(rows); i++)
			if (is_there(json_array_get(rows, i),
			    columns[c].key)) {
				used[left++] = columns[c];
				break;
			}
	return left;
}

static void
print_table(const json_t *rows, const struct column *columns, size_t n)
{
	struct column used[COLUMNS_MAX];
	size_t width[COLUMNS_MAX], i, c;
	char text[FIELD_MAX];

	n = used_columns(rows, columns, n, used);
	printf("\n");
	for (c = 0; c < n; c++) {
		width[c] = column_width(rows, &used[c]);
		print_cell(&used[c], used[c].title, width[c], c == n - 1);
	}
	for (i = 0; i < json_array_size(rows); i++)
		for (c = 0; c < n; c++)
			print_cell(&used[c], doc_text(json_array_get(rows, i),
			    used[c].key, text), width[c], c == n - 1);
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
print_link(const json_t *link, int64_t now)
{
	char a[FIELD_MAX], b[FIELD_MAX], c[FIELD_MAX];

	if (!json_is_string(json_object_get(link, "since")))
		return;
	printf("link to %s", doc_text(link, "address", a));
	if (json_is_string(json_object_get(link, "proxy")))
		printf(" by way of %s", doc_text(link, "proxy", a));
	printf(", since %s, resumed %s times (%.1f s without one), %s "
	    "sent again\n", doc_moment(link, "since", now, a),
	    doc_text(link, "resumed", b),
	    json_number_value(json_object_get(link, "parked")) / 1000,
	    doc_size(link, "resent_bytes", c));
}

/* Why there is no session, and when the next attempt comes. */
static void
print_outage(const json_t *s)
{
	const json_t *retry = json_object_get(s, "retry_ms");
	json_int_t ms = json_integer_value(retry);
	char text[FIELD_MAX];

	if (is_text(s, "state", "connected"))
		return;
	if (json_is_string(json_object_get(s, "error")))
		printf("last error: %s\n", doc_text(s, "error", text));
	if (json_is_integer(retry))
		printf("next try in %lld s\n",
		    (long long)(ms / 1000 + (ms % 1000 > 0)));
}

/* What was agreed on with the server: nothing before there is a session. */
static void
print_agreed(const json_t *s)
{
	char a[FIELD_MAX], b[FIELD_MAX];

	if (is_there(s, "kex"))
		printf("key exchange %s, cipher %s\n", doc_text(s, "kex", a),
		    doc_text(s, "cipher", b));
	if (is_there(s, "host_key"))
		printf("host key %s\n", doc_text(s, "host_key", a));
	if (json_is_true(json_object_get(s, "gateway")))
		printf("the server is a gateway, %s\n",
		    json_is_true(json_object_get(s, "leash")) ?
		    "which shows this agent as online" :
		    "but does not hear from this agent now");
}

static void
print_status_session(const json_t *s, int64_t now)
{
	const json_t *cert = json_object_get(s, "certificate");
	char a[FIELD_MAX], b[FIELD_MAX];

	printf("%s: ", doc_text(s, "name", a));
	printf("%s, server %s", doc_text(s, "state", a), doc_text(s, "server",
	    b));
	printf(", since %s\n", doc_moment(s, "since", now, a));
	print_outage(s);
	printf("reconnects %s", doc_text(s, "reconnects", a));
	if (is_there(s, "rtt_ms"))
		printf(", round trip %s ms", doc_text(s, "rtt_ms", a));
	printf(", transport %s\n", doc_text(s, "transport", a));
	print_link(json_object_get(s, "link"), now);
	print_agreed(s);
	if (json_is_object(cert))
		printf("certificate %s, until %s\n", doc_text(cert, "serial",
		    a), doc_moment(cert, "expires", now, b));
}

static void
print_status_traffic(const json_t *s)
{
	const json_t *channels = json_object_get(s, "channels");
	const json_t *bytes = json_object_get(s, "bytes");
	char a[FIELD_MAX], b[FIELD_MAX], c[FIELD_MAX];

	printf("channels %s open, %s in total\n", doc_text(channels, "open", a),
	    doc_text(channels, "total", b));
	printf("traffic %s in, %s out, %s waiting\n", doc_size(bytes, "in", a),
	    doc_size(bytes, "out", b), doc_size(s, "backlog_bytes", c));
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
status_print(const json_t *status, int64_t now)
{
	print_status_session(status, now);
	print_status_traffic(status);
	print_socks5(json_object_get(status, "socks5"));
	print_docker_tunnel(json_object_get(status, "docker"));
	print_gateways(json_object_get(status, "gateways"));
	print_forwards(json_object_get(status, "forwards"));
}
