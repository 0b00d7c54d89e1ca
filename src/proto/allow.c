/* SPDX-License-Identifier: ISC */
/* The lists of --allow: read once, then asked for each channel. */
#include "orthrus/proto/allow.h"

#include <stdio.h>
#include <string.h>

#include "orthrus/base/address.h"

#define FORMS "expected AGENT:PORT, AGENT:docker, AGENT:* or egress"
#define ITEM_MAX (NAME_MAX_LEN + sizeof(":docker"))

/* True when the item of len bytes is in the list. */
static bool
list_holds(const char *list, const char *item, size_t len)
{
	const char *p = list;
	size_t n;

	for (;;) {
		n = strcspn(p, ",");
		if (n == len && memcmp(p, item, len) == 0)
			return true;
		if (p[n] == '\0')
			return false;
		p += n + 1;
	}
}

static int
fail_item(const char *item, size_t len, const char *what, struct error *e)
{
	return error_set(e, EX_USAGE, "\"%.*s\": %s", (int)len, item, what);
}

/* Writes the item of len bytes at p in its canonical form. */
static int
parse_item(const char *p, size_t len, char out[ITEM_MAX], struct error *e)
{
	const char *colon = memchr(p, ':', len), *what;
	char name[NAME_MAX_LEN] = "";
	size_t what_len;
	uint16_t port;

	if (len == strlen("egress") && memcmp(p, "egress", len) == 0) {
		strcpy(out, "egress");
		return 0;
	}
	if (len == 0)
		return error_set(e, EX_USAGE, "an empty item; " FORMS);
	if (colon == NULL)
		return fail_item(p, len, FORMS, e);
	if ((size_t)(colon - p) < sizeof(name))
		memcpy(name, p, (size_t)(colon - p));
	if (!name_valid(name))
		return fail_item(p, len, "an agent's name has 1 to 63 of a-z, "
		    "0-9 and -, and no - at either end", e);
	what = colon + 1;
	what_len = len - (size_t)(what - p);
	if ((what_len == 1 && *what == '*') ||
	    (what_len == strlen("docker") &&
	    memcmp(what, "docker", what_len) == 0))
		snprintf(out, ITEM_MAX, "%s:%.*s", name, (int)what_len, what);
	else if (port_parse(what, what_len, false, &port) == 0)
		snprintf(out, ITEM_MAX, "%s:%u", name, port);
	else
		return fail_item(p, len, "behind the name stands a port from 1 "
		    "to 65535, \"docker\" or \"*\"", e);
	return 0;
}

int
allow_parse(const char *text, char list[ALLOW_MAX], struct error *e)
{
	char done[ALLOW_MAX] = "", item[ITEM_MAX];
	const char *p = text, *end;
	size_t len = 0, n;

	for (;;) {
		p += strspn(p, " ");
		n = strcspn(p, ",");
		end = p + n;
		while (n > 0 && p[n - 1] == ' ')
			n--;
		if (parse_item(p, n, item, e) == -1)
			return -1;
		n = strlen(item);
		if (len == 0 || !list_holds(done, item, n)) {
			if (len + n + 2 > sizeof(done))
				return error_set(e, EX_USAGE, "more than %d "
				    "bytes; make it shorter, as with AGENT:*",
				    ALLOW_MAX - 1);
			if (len > 0)
				done[len++] = ',';
			memcpy(done + len, item, n + 1);
			len += n;
		}
		if (*end == '\0')
			break;
		p = end + 1;
	}
	memcpy(list, done, len + 1);
	return 0;
}

static bool
list_holds_of(const char *list, const char *agent, const char *what)
{
	char item[ITEM_MAX];

	if (!name_valid(agent))
		return false;
	snprintf(item, sizeof(item), "%s:%s", agent, what);
	return list_holds(list, item, strlen(item));
}

bool
allow_port(const char *list, const char *agent, uint16_t port)
{
	char text[8];

	snprintf(text, sizeof(text), "%u", port);
	return port != 0 && (list_holds_of(list, agent, text) ||
	    list_holds_of(list, agent, "*"));
}

bool
allow_docker(const char *list, const char *agent)
{
	return list_holds_of(list, agent, "docker") || list_holds_of(list,
	    agent, "*");
}

bool
allow_egress(const char *list)
{
	return list_holds(list, "egress", strlen("egress"));
}

/*
 * The length of the agent's name in an item of n bytes that allows its Docker;
 * 0 for any other item.
 */
static size_t
docker_name_len(const char *item, size_t n)
{
	const char *colon = memchr(item, ':', n);
	size_t len;

	if (colon == NULL)
		return 0;
	len = (size_t)(colon - item);
	n -= len + 1;
	return (n == 1 && colon[1] == '*') || (n == strlen("docker") &&
	    memcmp(colon + 1, "docker", n) == 0) ? len : 0;
}

unsigned
allow_docker_agents(const char *list, char agent[NAME_MAX_LEN])
{
	unsigned found = 0;
	size_t n, len;

	for (;; list += n + 1) {
		n = strcspn(list, ",");
		len = docker_name_len(list, n);
		if (len > 0 && len < NAME_MAX_LEN && (found == 0 ||
		    strncmp(agent, list, len) != 0 || agent[len] != '\0')) {
			if (found++ == 1)
				return found;
			memcpy(agent, list, len);
			agent[len] = '\0';
		}
		if (list[n] == '\0')
			return found;
	}
}
