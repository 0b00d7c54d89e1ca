/* SPDX-License-Identifier: ISC */
/* See caller.h. */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string.h>
#include <strings.h>

#include "orthrus/base/span.h"
#include "orthrus/base/text.h"
#include "orthrus/http/caller.h"

/*
 * What docker -H ssh:// sends.  example.com is nobody's, RFC 2606: no name
 * below it is answered for.
 */
#define SSH_HOST "docker.example.com"

enum { SITE_UNSAID, SITE_SAME, SITE_NONE, SITE_OTHER };

/* --- Host --------------------------------------------------------- */

/* Without ":PORT", where there is one; IPv6 has more colons than that. */
static struct span
without_port(struct span host)
{
	const char *colon = text_last(host.p, host.len, ':');
	size_t i, n;

	if (colon == NULL)
		return host;
	n = (size_t)(colon - host.p);
	for (i = n + 1; i < host.len; i++)
		if (host.p[i] < '0' || host.p[i] > '9')
			return host;
	if (memchr(host.p, ':', n) == NULL || host.p[n - 1] == ']')
		host.len = n;
	return host;
}

/* With or without brackets and a zone: "[fe80::1%25eth0]". */
static bool
is_ipv6(struct span host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr in;
	const char *zone;

	if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']') {
		host.p++;
		host.len -= 2;
	}
	if ((zone = memchr(host.p, '%', host.len)) != NULL) {
		if (!span_consists((struct span){ zone, host.len -
		    (size_t)(zone - host.p) }, "%._~-"))
			return false;
		host.len = (size_t)(zone - host.p);
	}
	if (host.len >= sizeof(text))
		return false;
	memcpy(text, host.p, host.len);
	text[host.len] = '\0';
	return inet_pton(AF_INET6, text, &in) == 1;
}

/*
 * Is it the path of a socket?  Some clients say it as their Host, encoded or
 * not.  A browser cannot: to it such bytes are not part of a host.
 */
static bool
is_path(struct span host)
{
	return (span_begins(host, "/") || span_begins(host, "%2F")) &&
	    span_consists(host, "/%._~+-");
}

/* Labels with one dot between each. */
static bool
is_host_name(struct span host)
{
	size_t i;

	if (host.len == 0 || !span_consists(host, "-_.") || host.p[0] == '.' ||
	    host.p[host.len - 1] == '.')
		return false;
	for (i = 1; i < host.len; i++)
		if (host.p[i] == '.' && host.p[i - 1] == '.')
			return false;
	return true;
}

bool
caller_host_name(const char **value, size_t *len)
{
	struct span host = without_port((struct span){ *value, *len });

	if (host.len > 1 && host.p[host.len - 1] == '.')
		host.len--;
	*value = host.p;
	*len = host.len;
	return is_host_name(host) || is_ipv6(host);
}

/* Is it a number to a browser, which takes the host for an IPv4 address? */
static bool
is_number(struct span label)
{
	bool hex = span_begins(label, "0x");
	size_t i;

	for (i = hex ? 2 : 0; i < label.len; i++)
		if (hex ? text_hex((unsigned char)label.p[i]) == -1 :
		    label.p[i] < '0' || label.p[i] > '9')
			return false;
	return true;
}

/*
 * "2f...": a socket's path in hexadecimal, in labels.  With ".socket" behind
 * it, which is no domain, it is a Host of clients that are built on OkHttp.
 */
static bool
is_hex_path(struct span host)
{
	size_t i;

	for (i = 0; i < host.len; i++)
		if (host.p[i] != '.' &&
		    text_hex((unsigned char)host.p[i]) == -1)
			return false;
	return span_begins(host, "2f");
}

/* Can DNS have been asked for this name? */
static bool
is_of_dns(struct span name)
{
	const char *dot = text_last(name.p, name.len, '.');
	struct span last;

	if (dot == NULL)
		return false;
	last = (struct span){ dot + 1,
	    name.len - (size_t)(dot + 1 - name.p) };
	if (span_is(last, "socket") && is_hex_path((struct span){ name.p,
	    name.len - last.len - 1 }))
		return false;
	return !is_number(last) && !span_is(last, "localhost") &&
	    !span_is(last, "orthrus") && !span_is(last, "sock") &&
	    !span_is(name, SSH_HOST);
}

/* *listed: by its owner, so that its pages are not just anybody's. */
static bool
is_foreign(const struct caller *c, const char *hosts, bool *listed)
{
	struct span value = { c->host, c->host_len };
	struct span name = value;

	*listed = false;
	/* ":80" is nothing, too. */
	if (c->hosts == 0 || without_port(value).len == 0 || is_path(value) ||
	    is_path(without_port(value)))
		return false;
	if (!caller_host_name(&name.p, &name.len))
		return true;
	*listed = span_in_list(name, hosts, strncasecmp);
	return is_host_name(name) && is_of_dns(name) && !*listed;
}

/* --- the other headers, and the verdict --------------------------- */

/* What a program asks fetch() for; a browser says its Sec-Fetch-Site, too. */
static bool
is_fetch_mode(struct span mode)
{
	return span_is(mode, "cors") || span_is(mode, "no-cors") ||
	    span_is(mode, "same-origin");
}

void
caller_header(struct caller *c, const char *name, size_t name_len,
    const char *value, size_t value_len)
{
	struct span n = { name, name_len }, v = { value, value_len };
	int site;

	if (span_is(n, "Host")) {
		c->hosts++;
		c->host = value;
		c->host_len = value_len;
	} else if (span_is(n, "Origin")) {
		c->origins++;
		c->origin = value;
		c->origin_len = value_len;
	} else if (span_is(n, "Sec-Fetch-Site")) {
		site = span_is(v, "same-origin") ? SITE_SAME :
		    span_is(v, "none") ? SITE_NONE : SITE_OTHER;
		if (site > c->site)
			c->site = site;
	} else if (span_begins(n, "Sec-Fetch-"))
		c->fetch |= !span_is(n, "Sec-Fetch-Mode") || !is_fetch_mode(v);
}

/* "https://HOST[:PORT]", with just what Host says. */
static bool
is_own_origin(const struct caller *c)
{
	struct span origin = { c->origin, c->origin_len };
	size_t scheme = span_begins(origin, "https://") ? 8 :
	    span_begins(origin, "http://") ? 7 : 0;

	return c->origins == 1 && scheme > 0 &&
	    origin.len - scheme == c->host_len &&
	    strncasecmp(origin.p + scheme, c->host, c->host_len) == 0;
}

enum caller_kind
caller_judge(const struct caller *c, const char *hosts)
{
	bool listed;

	if (is_foreign(c, hosts, &listed))
		return CALLER_FOREIGN;
	if (c->origins > 0 && !(listed && is_own_origin(c)))
		return CALLER_PAGE;
	switch (c->site) {
	case SITE_UNSAID:
		return c->fetch ? CALLER_PAGE : CALLER_PROGRAM;
	case SITE_SAME:
		return CALLER_PROGRAM;
	case SITE_NONE:
		return listed ? CALLER_PROGRAM : CALLER_PAGE;
	default:
		return CALLER_PAGE;
	}
}
