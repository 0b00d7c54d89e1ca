/* SPDX-License-Identifier: ISC */
/* Forward specifications as in ssh(1): up to four fields between colons. */
#include <stdio.h>
#include <string.h>

#include "orthrus/base/well_known.h"
#include "orthrus/proto/spec.h"

#define FORMS "expected [bind_address:]port:host:hostport, " \
    "[bind_address:]port:/socket, /socket:host:hostport or /socket:/socket"
#define SOCKS ", or [bind_address:]port alone for SOCKS"

#define FIELDS_MAX 4

/* A part between colons; brackets around it are taken off. */
struct field {
	const char *p;
	size_t len;
};

static bool
is_socket_part(const struct field *f)
{
	return memchr(f->p, '/', f->len) != NULL;
}

/* Splits s into fields; their number, or -1. */
static int
split_spec(const char *s, struct field fields[FIELDS_MAX], struct error *e)
{
	const char *p = s, *end;
	int n;

	for (n = 0; n < FIELDS_MAX; n++) {
		if (p[0] == '[') {
			end = strchr(p, ']');
			if (end == NULL)
				return error_set(e, EX_USAGE,
				    "\"%s\": \"%s\" has no closing ']'", s, p);
			fields[n] = (struct field){ p + 1,
			    (size_t)(end++ - p) - 1 };
			if (*end != ':' && *end != '\0')
				return error_set(e, EX_USAGE, "\"%s\": \"%s\" "
				    "after a ']', where a ':' or the end must "
				    "be", s, end);
		} else {
			end = p + strcspn(p, ":");
			fields[n] = (struct field){ p, (size_t)(end - p) };
		}
		if (*end == '\0')
			return n + 1;
		p = end + 1;
	}
	return error_set(e, EX_USAGE, "\"%s\": too many parts; an IPv6 address "
	    "goes in brackets, as in [::1]; " FORMS, s);
}

/*
 * side is "listening" or "destination", for the error text; far is that of the
 * server.
 */
static int
set_socket_part(const char *s, const char *side, bool far,
    const struct field *f, struct address *a, struct error *e)
{
	char path[UNIX_PATH_MAX_LEN];

	if (f->len >= sizeof(path))
		return error_set(e, EX_USAGE, "\"%s\": the %s socket has a "
		    "path of %zu bytes, more than %zu", s, side, f->len,
		    sizeof(path) - 1);
	memcpy(path, f->p, f->len);
	path[f->len] = '\0';
	if (path[0] == '~' && far)
		return error_set(e, EX_USAGE, "\"%s\": the %s socket is at the "
		    "server, whose home directory is not known here; write its "
		    "whole path", s, side);
	if (path[0] != '/' && strncmp(path, "~/", 2) != 0)
		return error_set(e, EX_USAGE, "\"%s\": the %s socket \"%s\" "
		    "must be an absolute path", s, side, path);
	if (address_parse(path, false, a, e) == -1) {
		error_prefix(e, "\"%s\": the %s socket", s, side);
		return -1;
	}
	return 0;
}

static int
set_port_part(const char *s, const char *side, const struct field *f,
    bool zero_ok, struct address *a, struct error *e)
{
	if (port_word_parse(f->p, f->len, zero_ok, &a->port) == -1)
		return error_set(e, EX_USAGE, "\"%s\": the %s port \"%.*s\" is "
		    "not a number from %d to 65535, nor a service's name; "
		    FORMS, s, side, (int)f->len, f->p, zero_ok ? 0 : 1);
	return 0;
}

/* bind is NULL when none was given. */
static int
set_listen(const char *s, const struct field *bind, const struct field *port,
    bool remote, struct address *a, struct error *e)
{
	*a = (struct address){ .kind = ADDRESS_TCP };
	if (bind == NULL)
		strcpy(a->host, "localhost");
	else if (bind->len == 0 || (bind->len == 1 && bind->p[0] == '*'))
		strcpy(a->host, "*");
	else if (host_valid(bind->p, bind->len))
		memcpy(a->host, bind->p, bind->len);
	else
		return error_set(e, EX_USAGE, "\"%s\": the bind address "
		    "\"%.*s\" is not a host name, an IP address, '*' or empty",
		    s, (int)bind->len, bind->p);
	return set_port_part(s, "listening", port, remote, a, e);
}

static int
set_destination(const char *s, const struct field *host,
    const struct field *port, struct address *a, struct error *e)
{
	*a = (struct address){ .kind = ADDRESS_TCP };
	if (!host_valid(host->p, host->len))
		return error_set(e, EX_USAGE, "\"%s\": the destination host "
		    "\"%.*s\" is not a host name or an IP address; " FORMS, s,
		    (int)host->len, host->p);
	memcpy(a->host, host->p, host->len);
	return set_port_part(s, "destination", port, false, a, e);
}

/* The listening half is what precedes the destination: 1 or 2 fields. */
static int
parse_listen(const char *s, const struct field *f, int n, bool remote,
    struct address *a, struct error *e)
{
	if (n == 1 && is_socket_part(&f[0]))
		return set_socket_part(s, "listening", remote, &f[0], a, e);
	if (n == 1)
		return set_listen(s, NULL, &f[0], remote, a, e);
	return set_listen(s, &f[0], &f[1], remote, a, e);
}

/*
 * The number of fields that are the destination; 0 where there is none, which
 * a remote forward may have, as its other side then speaks SOCKS.
 */
static int
count_destination(const struct field *f, int n, bool remote)
{
	if (remote && (n == 1 || (n == 2 && !is_socket_part(&f[0]) &&
	    !is_socket_part(&f[1]))))
		return 0;
	return is_socket_part(&f[n - 1]) ? 1 : 2;
}

/* The destination is the last to fields of n. */
static int
parse_destination(const char *s, const struct field *f, int n, int to,
    bool remote, struct address *a, struct error *e)
{
	if (to == 0) {
		*a = (struct address){ .kind = ADDRESS_NONE };
		return 0;
	}
	return to == 1 ? set_socket_part(s, "destination", !remote, &f[n - 1],
	    a, e) : set_destination(s, &f[n - 2], &f[n - 1], a, e);
}

int
forward_spec_parse(const char *s, bool remote, struct forward_spec *spec,
    struct error *e)
{
	struct field f[FIELDS_MAX];
	struct forward_spec parsed;
	int n, to;		/* fields in all, and of the destination */

	n = split_spec(s, f, e);
	if (n == -1)
		return -1;
	to = count_destination(f, n, remote);
	if (n - to < 1 || n - to > 2)
		return error_set(e, EX_USAGE, "\"%s\": " FORMS "%s", s,
		    remote ? SOCKS : "");
	if (parse_listen(s, f, n - to, remote, &parsed.listen, e) == -1)
		return -1;
	if (parse_destination(s, f, n, to, remote, &parsed.to, e) == -1)
		return -1;
	*spec = parsed;
	return 0;
}

/* A path with a ':' is one field only in brackets. */
static const char *
field_format(const struct address *a, char text[ADDRESS_TEXT_MAX])
{
	if (a->kind == ADDRESS_UNIX && strchr(a->path, ':') != NULL)
		snprintf(text, ADDRESS_TEXT_MAX, "[%s]", a->path);
	else
		address_format(a, text);
	return text;
}

const char *
forward_spec_format(const struct forward_spec *spec, char text[SPEC_TEXT_MAX])
{
	char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];

	snprintf(text, SPEC_TEXT_MAX, "%s%s%s",
	    field_format(&spec->listen, from),
	    spec->to.kind == ADDRESS_NONE ? "" : ":",
	    field_format(&spec->to, to));
	return text;
}

bool
forward_spec_equal(const struct forward_spec *a, const struct forward_spec *b)
{
	return address_equal(&a->listen, &b->listen) &&
	    address_equal(&a->to, &b->to);
}
