/* SPDX-License-Identifier: ISC */
/* Where to dial: the text of a server address and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/base/well_known.h"
#include "orthrus/proto/server.h"

#define FORM "expected [ssh://|tls://|wss://][user@]HOST[:PORT]"

#define PATH_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789-._~!$&'()*+;=:/%"

static const struct {
	const char *prefix, *word;
	uint16_t port;
} schemes[] = {
	[TRANSPORT_TCP] = { "ssh://", "tcp", 22 },
	[TRANSPORT_TLS] = { "tls://", "tls", 443 },
	[TRANSPORT_WSS] = { "wss://", "wss", 443 },
};

#define NSCHEMES (sizeof(schemes) / sizeof(schemes[0]))

static void
set_transport(struct server *server, enum transport_kind kind)
{
	server->transport = kind;
	if (!server->port_given)
		server->port = schemes[kind].port;
	if (kind == TRANSPORT_WSS && server->path[0] == '\0')
		strcpy(server->path, SERVER_PATH);
}

/* Takes the scheme off *s and sets transport and default port. */
static int
parse_scheme(const char **s, struct server *server, struct error *e)
{
	const char *end = strstr(*s, "://");
	size_t i, len;

	set_transport(server, TRANSPORT_TCP);
	/* "user:secret://..." is not a scheme and must not be quoted. */
	if (end == NULL || strcspn(*s, "@:/") != (size_t)(end - *s))
		return 0;
	len = (size_t)(end - *s) + strlen("://");
	for (i = 0; i < NSCHEMES; i++) {
		if (len == strlen(schemes[i].prefix) &&
		    strncasecmp(*s, schemes[i].prefix, len) == 0) {
			set_transport(server, (enum transport_kind)i);
			server->scheme_given = true;
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

/*
 * True when path is one of RFC 3986 (section 3.3) without '@', behind which
 * the host would be looked for, and ',', which parts servers in a list.
 */
static bool
path_valid(const char *path)
{
	size_t i;

	for (i = 0; path[i] != '\0'; i++) {
		if (path[i] == '%' && (text_hex((unsigned char)path[i + 1]) ==
		    -1 || text_hex((unsigned char)path[i + 2]) == -1))
			return false;
		if (strchr(PATH_BYTES, path[i]) == NULL)
			return false;
	}
	return i < SERVER_PATH_MAX;
}

/* Cuts the path, which only a wss:// has, off s. */
static int
parse_server_path(char *s, struct server *server, struct error *e)
{
	char *path = strchr(s, '/');

	if (path == NULL)
		return 0;
	if (server->transport != TRANSPORT_WSS && server->scheme_given &&
	    path[1] == '\0') {	/* as ssh(1) takes it */
		*path = '\0';
		return 0;
	}
	if (server->transport != TRANSPORT_WSS)
		return error_set(e, EX_USAGE, "\"%s\": only the address of a "
		    "wss:// server has a path and a '/'; " FORM, s);
	if (!path_valid(path))
		return error_set(e, EX_USAGE, "\"%s\" is not a path: expected "
		    "up to %d letters, digits, - . _ ~ ! $ & ' ( ) * + ; = : / "
		    "and %%XX", path, SERVER_PATH_MAX - 1);
	strcpy(server->path, path);
	*path = '\0';
	return 0;
}

static int
parse_server_host(const char *s, struct server *server, struct error *e)
{
	const char *host, *rest;
	size_t len;

	if (split_server_host(s, &host, &len, &rest, e) == -1)
		return -1;
	if (len == 0)
		return error_set(e, EX_USAGE, "\"%s\": no host; " FORM, s);
	if (!host_valid(host, len))
		return error_set(e, EX_USAGE, "\"%s\": \"%.*s\" is not a host; "
		    FORM, s, (int)len, host);
	if (rest[0] == ':' && port_word_parse(rest + 1, strlen(rest + 1),
	    false, &server->port) == -1)
		return error_set(e, EX_USAGE, "\"%s\": \"%s\" is not a port: "
		    "expected a number from 1 to 65535 or the name of a "
		    "service", s, rest + 1);
	if (rest[0] != ':' && rest[0] != '\0')
		return error_set(e, EX_USAGE, "\"%s\": \"%s\" after the host; "
		    FORM, s, rest);
	server->port_given = rest[0] == ':';
	memcpy(server->host, host, len);
	return 0;
}

int
server_parse(const char *s, struct server *server, struct error *e)
{
	struct server parsed = { .host = "" };
	char *copy;
	int r;

	if (parse_scheme(&s, &parsed, e) == -1 ||
	    parse_user(&s, &parsed, e) == -1)
		return -1;
	copy = xstrdup(s);
	r = parse_server_path(copy, &parsed, e);
	if (r == 0)
		r = parse_server_host(copy, &parsed, e);
	free(copy);
	if (r == 0)
		*server = parsed;
	return r;
}

int
server_choose_transport(struct server *server, enum transport_kind kind,
    struct error *e)
{
	if (server->scheme_given && server->transport != kind)
		return error_set(e, EX_USAGE, "the server's address begins "
		    "with %s, which says something else: leave one of the two "
		    "out", schemes[server->transport].prefix);
	set_transport(server, kind);
	return 0;
}

int
transport_parse(const char *word, enum transport_kind *kind)
{
	size_t i;

	for (i = 0; i < NSCHEMES; i++) {
		if (strcmp(word, schemes[i].word) == 0) {
			*kind = (enum transport_kind)i;
			return 0;
		}
	}
	return -1;
}

const char *
transport_word(enum transport_kind kind)
{
	return schemes[kind].word;
}

const char *
server_format(const struct server *server, char text[SERVER_TEXT_MAX])
{
	bool v6 = strchr(server->host, ':') != NULL;
	bool usual = strcmp(server->path, SERVER_PATH) == 0;

	snprintf(text, SERVER_TEXT_MAX, "%s%s%s%s%s%s:%u%s",
	    schemes[server->transport].prefix, server->user,
	    server->user[0] == '\0' ? "" : "@", v6 ? "[" : "", server->host,
	    v6 ? "]" : "", server->port, usual ? "" : server->path);
	return text;
}
