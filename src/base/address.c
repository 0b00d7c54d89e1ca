/* SPDX-License-Identifier: ISC */
/* The words of the outside world: addresses, durations, names, ports. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orthrus/base/address.h"
#include "orthrus/base/text.h"
#include "orthrus/base/well_known.h"

#define FORMS "expected HOST:PORT, [IPv6]:PORT, PORT or /path/of/socket"
#define PORTS "expected a number from %d to 65535 or the name of a service"
#define MS_PER_DAY (24 * 60 * 60 * UINT64_C(1000))
#define DURATION_MAX (365 * MS_PER_DAY)

/* An IPv6 literal, with or without a zone ("fe80::1%eth0"). */
static bool
is_ipv6_literal(const char *s, size_t len)
{
	const char *zone = memchr(s, '%', len);
	char text[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	if (zone != NULL) {
		if (zone == s + len - 1)
			return false;
		len = (size_t)(zone - s);
	}
	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return inet_pton(AF_INET6, text, &in6) == 1;
}

bool
host_valid(const char *s, size_t len)
{
	size_t i;

	if (len == 0 || len >= HOST_MAX || s[0] == '-' || !text_clean(s, len))
		return false;
	if (len == 1 && s[0] == '*')
		return false;
	for (i = 0; i < len; i++) {
		if (strchr(" /@[],", s[i]) != NULL)
			return false;
	}
	return memchr(s, ':', len) == NULL || is_ipv6_literal(s, len);
}

int
port_parse(const char *s, size_t len, bool zero_ok, uint16_t *port)
{
	uint32_t value = 0;
	size_t i;

	if (len == 0)
		return -1;
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		value = value * 10 + (uint32_t)(s[i] - '0');
		if (value > UINT16_MAX)
			return -1;
	}
	if (value == 0 && !zero_ok)
		return -1;
	*port = (uint16_t)value;
	return 0;
}

static int
parse_path(const char *s, const char *path, struct address *a, struct error *e)
{
	size_t len = strlen(path);

	if (path[0] != '/')
		return error_set(e, EX_USAGE, "\"%s\": the path of a socket "
		    "must be absolute, as in unix:/run/x.sock or ~/x.sock", s);
	if (len >= sizeof(a->path))
		return error_set(e, EX_USAGE, "\"%s\": the path of a socket "
		    "may have at most %zu bytes, this one has %zu", s,
		    sizeof(a->path) - 1, len);
	if (path[len - 1] == '/')
		return error_set(e, EX_USAGE,
		    "\"%s\": the path of a socket must not end in '/'", s);
	if (!text_clean(path, len))
		return error_set(e, EX_USAGE, "\"%s\": the path of a socket "
		    "must be UTF-8 without control characters", s);
	*a = (struct address){ .kind = ADDRESS_UNIX };
	memcpy(a->path, path, len);
	return 0;
}

static int
parse_home_path(const char *s, const char *path, struct address *a,
    struct error *e)
{
	char *whole = home_expand(path);
	int rc = parse_path(s, whole, a, e);

	free(whole);
	return rc;
}

/* Finds host and port in s; *port is left NULL when there is none. */
static int
split_address(const char *s, const char **host, size_t *hostlen,
    const char **port, struct error *e)
{
	const char *end;

	*port = NULL;
	if (s[0] == '[') {
		end = strchr(s, ']');
		if (end == NULL || (end[1] != ':' && end[1] != '\0') ||
		    !is_ipv6_literal(s + 1, (size_t)(end - s - 1)))
			return error_set(e, EX_USAGE, "\"%s\": brackets are "
			    "for an IPv6 address, as in [::1]:1080", s);
		*host = s + 1;
		*hostlen = (size_t)(end - s - 1);
		if (end[1] == ':')
			*port = end + 2;
		return 0;
	}
	end = strrchr(s, ':');
	if (end != NULL && strchr(s, ':') != end)
		return error_set(e, EX_USAGE, "\"%s\": more than one ':'; an "
		    "IPv6 address goes in brackets, as in [::1]:1080", s);
	*host = s;
	*hostlen = end == NULL ? strlen(s) : (size_t)(end - s);
	if (end != NULL)
		*port = end + 1;
	return 0;
}

static int
parse_tcp(const char *s, bool zero_ok, struct address *a, struct error *e)
{
	const char *host, *port;
	uint16_t number;
	size_t len;

	if (split_address(s, &host, &len, &port, e) == -1)
		return -1;
	if (port == NULL && s[0] != '[' &&
	    (s[strspn(s, "0123456789")] == '\0' ||
	    port_word_parse(s, strlen(s), zero_ok, &number) == 0)) {
		port = s;
		host = "localhost";
		len = strlen(host);
	}
	if (port == NULL)
		return error_set(e, EX_USAGE, "\"%s\": no port; " FORMS, s);
	if (port_word_parse(port, strlen(port), zero_ok, &number) == -1)
		return error_set(e, EX_USAGE, "\"%s\": \"%s\" is not a port: "
		    PORTS, s, port, zero_ok ? 0 : 1);
	if (len == 0)
		return error_set(e, EX_USAGE, "\"%s\": no host; write \"%s\" "
		    "for loopback or \"*:%s\" for all interfaces", s, port,
		    port);
	if (!host_valid(host, len) && !(len == 1 && host[0] == '*'))
		return error_set(e, EX_USAGE, "\"%s\": \"%.*s\" is not a host; "
		    FORMS, s, (int)len, host);
	*a = (struct address){ .kind = ADDRESS_TCP, .port = number };
	memcpy(a->host, host, len);
	return 0;
}

int
address_parse(const char *s, bool zero_ok, struct address *a, struct error *e)
{
	if (s[0] == '\0')
		return error_set(e, EX_USAGE, "empty address; " FORMS);
	if (s[0] == '/' || strncmp(s, "~/", 2) == 0)
		return parse_home_path(s, s, a, e);
	if (strncmp(s, "unix:", 5) == 0)
		return parse_home_path(s, s + 5, a, e);
	return parse_tcp(s, zero_ok, a, e);
}

const char *
address_format(const struct address *a, char text[ADDRESS_TEXT_MAX])
{
	bool v6 = strchr(a->host, ':') != NULL;

	text[0] = '\0';
	if (a->kind == ADDRESS_UNIX)
		snprintf(text, ADDRESS_TEXT_MAX, "%s", a->path);
	else if (a->kind == ADDRESS_TCP)
		snprintf(text, ADDRESS_TEXT_MAX, "%s%s%s:%u", v6 ? "[" : "",
		    a->host, v6 ? "]" : "", a->port);
	return text;
}

bool
address_is_local(const struct address *a)
{
	struct in6_addr in6;
	struct in_addr in;

	if (a->kind != ADDRESS_TCP)
		return a->kind == ADDRESS_UNIX;
	if (strcasecmp(a->host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, a->host, &in) == 1)
		return ntohl(in.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, a->host, &in6) == 1 &&
	    IN6_IS_ADDR_LOOPBACK(&in6);
}

bool
address_equal(const struct address *a, const struct address *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == ADDRESS_UNIX)
		return strcmp(a->path, b->path) == 0;
	if (a->kind == ADDRESS_TCP)
		return a->port == b->port && strcasecmp(a->host, b->host) == 0;
	return true;
}

int
duration_parse(const char *s, uint64_t *ms, struct error *e)
{
	static const struct {
		const char *suffix;
		uint64_t ms;
	} units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 },
		{ "h", 60 * 60 * 1000 }, { "d", MS_PER_DAY },
	};
	const char *p;
	uint64_t value = 0;
	size_t i;

	for (p = s; *p >= '0' && *p <= '9' && value <= DURATION_MAX; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (p > s && strcmp(p, units[i].suffix) == 0)
			break;
	}
	if (i == sizeof(units) / sizeof(units[0]) && value <= DURATION_MAX)
		return error_set(e, EX_USAGE, "\"%s\": expected a duration: "
		    "seconds, or a number with ms, s, m, h or d, as in 30s", s);
	if (value == 0)
		return error_set(e, EX_USAGE,
		    "\"%s\": a duration must be more than 0", s);
	if (value > DURATION_MAX || value > DURATION_MAX / units[i].ms)
		return error_set(e, EX_USAGE,
		    "\"%s\": a duration may be at most 365d", s);
	*ms = value * units[i].ms;
	return 0;
}

bool
name_valid(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len < NAME_MAX_LEN && s[0] != '-' &&
	    s[len - 1] != '-' &&
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}
