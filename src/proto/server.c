/* SPDX-License-Identifier: ISC */
/* Where to dial: the text of a server address and back. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "orthrus/proto/server.h"

#define FORM "expected [ssh://][user@]HOST[:PORT]"

static const struct {
	const char *prefix;
	uint16_t port;
} schemes[] = {
	[TRANSPORT_TCP] = { "ssh://", 22 },
	[TRANSPORT_TLS] = { "tls://", 443 },
};

#define NSCHEMES (sizeof(schemes) / sizeof(schemes[0]))

/* Takes the scheme off *s and sets transport and default port. */
static int
parse_scheme(const char **s, struct server *server, struct error *e)
{
	const char *end = strstr(*s, "://");
	size_t i, len;

	server->transport = TRANSPORT_TCP;
	server->port = schemes[TRANSPORT_TCP].port;
	/* "user:secret://..." is not a scheme and must not be quoted. */
	if (end == NULL || strcspn(*s, "@:/") != (size_t)(end - *s))
		return 0;
	len = (size_t)(end - *s) + strlen("://");
	for (i = 0; i < NSCHEMES; i++) {
		if (len == strlen(schemes[i].prefix) &&
		    strncasecmp(*s, schemes[i].prefix, len) == 0) {
			server->transport = (enum transport_kind)i;
			server->port = schemes[i].port;
			*s += len;
			return 0;
		}
	}
	return error_set(e, EX_USAGE, "unknown scheme \"%.*s\" of a server; "
	    FORM, (int)len, *s);
}

static bool
user_valid(const char *s, size_t len)
{
	size_t i;

	if (len == 0 || len >= USER_MAX || s[0] == '-')
		return false;
	for (i = 0; i < len; i++) {
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f ||
		    strchr("/,[]", s[i]) != NULL)
			return false;
	}
	return true;
}

/* Takes "user@" off *s.  Like ssh(1), the last '@' counts. */
static int
parse_user(const char **s, struct server *server, struct error *e)
{
	const char *at = strrchr(*s, '@');
	size_t len;

	if (at == NULL)
		return 0;
	len = (size_t)(at - *s);
	/*
	 * This comes first, and quotes nothing, since the text holds a
	 * password.
	 */
	if (memchr(*s, ':', len) != NULL)
		return error_set(e, EX_USAGE, "a server address holds no "
		    "password (there is a ':' before the '@' in front of "
		    "\"%s\"); use a key, or a password file", at + 1);
	if (!user_valid(*s, len))
		return error_set(e, EX_USAGE, "\"%s\": \"%.*s\" is not a user "
		    "name: expected 1 to %d bytes without spaces, '/', ',' "
		    "and brackets", *s, (int)len, *s, USER_MAX - 1);
	memcpy(server->user, *s, len);
	*s = at + 1;
	return 0;
}

/* Finds the host in s; *rest is what follows it. */
static int
split_server_host(const char *s, const char **host, size_t *len,
    const char **rest, struct error *e)
{
	*host = s;
	*len = strcspn(s, ":");
	*rest = s + *len;
	if (s[0] == '[') {
		*rest = strchr(s, ']');
		if (*rest == NULL || *rest < s + *len)
			return error_set(e, EX_USAGE, "\"%s\": brackets are "
			    "for an IPv6 address, as in [2001:db8::1]:22", s);
		*host = s + 1;
		*len = (size_t)((*rest)++ - *host);
	} else if (**rest == ':' && strchr(*rest + 1, ':') != NULL)
		return error_set(e, EX_USAGE, "\"%s\": more than one ':'; an "
		    "IPv6 address goes in brackets, as in [2001:db8::1]:22", s);
	return 0;
}

static int
parse_server_host(const char *s, struct server *server, struct error *e)
{
	const char *host, *rest;
	size_t len;

	if (strchr(s, '/') != NULL)
		return error_set(e, EX_USAGE,
		    "\"%s\": a server address has no path and no '/'; " FORM,
		    s);
	if (split_server_host(s, &host, &len, &rest, e) == -1)
		return -1;
	if (len == 0)
		return error_set(e, EX_USAGE, "\"%s\": no host; " FORM, s);
	if (!host_valid(host, len))
		return error_set(e, EX_USAGE, "\"%s\": \"%.*s\" is not a host; "
		    FORM, s, (int)len, host);
	if (rest[0] == ':' && port_parse(rest + 1, strlen(rest + 1), false,
	    &server->port) == -1)
		return error_set(e, EX_USAGE, "\"%s\": \"%s\" is not a port: "
		    "expected a number from 1 to 65535", s, rest + 1);
	if (rest[0] != ':' && rest[0] != '\0')
		return error_set(e, EX_USAGE, "\"%s\": \"%s\" after the host; "
		    FORM, s, rest);
	memcpy(server->host, host, len);
	return 0;
}

int
server_parse(const char *s, struct server *server, struct error *e)
{
	struct server parsed = { .host = "" };

	if (parse_scheme(&s, &parsed, e) == -1 ||
	    parse_user(&s, &parsed, e) == -1 ||
	    parse_server_host(s, &parsed, e) == -1)
		return -1;
	*server = parsed;
	return 0;
}

const char *
server_format(const struct server *server, char text[SERVER_TEXT_MAX])
{
	bool v6 = strchr(server->host, ':') != NULL;

	snprintf(text, SERVER_TEXT_MAX, "%s%s%s%s%s%s:%u",
	    schemes[server->transport].prefix, server->user,
	    server->user[0] == '\0' ? "" : "@", v6 ? "[" : "", server->host,
	    v6 ? "]" : "", server->port);
	return text;
}
