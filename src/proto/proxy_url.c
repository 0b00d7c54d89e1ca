/* SPDX-License-Identifier: ISC */
/* The URL of a proxy, and back without its password. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/proto/proxy_url.h"

#define FORM "expected http://, socks5:// or socks5h:// and " \
	"[USER[:PASSWORD]@]HOST[:PORT]"
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789-._~"

static const char *const schemes[] = {
	[PROXY_HTTP] = "http://",
	[PROXY_SOCKS5] = "socks5://",
	[PROXY_SOCKS5H] = "socks5h://",
};

#define NSCHEMES (sizeof(schemes) / sizeof(schemes[0]))

static int
parse_proxy_scheme(const char **s, struct proxy *p, struct error *e)
{
	size_t i;

	for (i = PROXY_HTTP; i < NSCHEMES; i++) {
		if (strncasecmp(*s, schemes[i], strlen(schemes[i])) == 0) {
			p->kind = (enum proxy_kind)i;
			*s += strlen(schemes[i]);
			return 0;
		}
	}
	if (strncasecmp(*s, "https://", 8) == 0)
		return error_set(e, EX_USAGE, "a proxy that is spoken to in "
		    "TLS (https://) is not supported; " FORM);
	if (strncasecmp(*s, "socks4", 6) == 0 ||
	    strncasecmp(*s, "socks://", 8) == 0)
		return error_set(e, EX_USAGE, "only version 5 of SOCKS is "
		    "supported; " FORM);
	return error_set(e, EX_USAGE, "not the URL of a proxy; " FORM);
}

/* Decodes n bytes of s into word: 0, or -1 when they are no proper text. */
static int
percent_decode(const char *s, size_t n, char word[PROXY_WORD_MAX])
{
	size_t i, len = 0;
	int high, low;

	for (i = 0; i < n; i++, len++) {
		if (len == PROXY_WORD_MAX - 1)
			return -1;
		word[len] = s[i];
		if (s[i] != '%')
			continue;
		high = i + 2 < n ? text_hex((unsigned char)s[i + 1]) : -1;
		low = high != -1 ? text_hex((unsigned char)s[i + 2]) : -1;
		if (low == -1)
			return -1;
		word[len] = (char)(high << 4 | low);
		i += 2;
	}
	word[len] = '\0';
	return text_clean(word, len) ? 0 : -1;
}

/* Takes "user:password@" off *s.  A '@' of the two may stand as it is. */
static int
parse_login(const char **s, struct proxy *p, struct error *e)
{
	const char *at = strrchr(*s, '@'), *colon;

	if (at == NULL)
		return 0;
	colon = memchr(*s, ':', (size_t)(at - *s));
	if (colon == NULL)
		colon = at;
	if (percent_decode(*s, (size_t)(colon - *s), p->user) == -1 ||
	    (colon < at && percent_decode(colon + 1,
	    (size_t)(at - colon - 1), p->password) == -1))
		return error_set(e, EX_USAGE, "the user or password in the URL "
		    "of the proxy is not text of up to %d bytes; write a '%%' "
		    "in it as %%25", PROXY_WORD_MAX - 1);
	if (p->user[0] == '\0')
		return error_set(e, EX_USAGE, "no user in front of the '@' in "
		    "the URL of the proxy; " FORM);
	*s = at + 1;
	return 0;
}

/* Reads HOST[:PORT] of len bytes. */
static int
parse_proxy_host(const char *s, size_t len, struct proxy *p)
{
	const char *host = s, *end = s + len, *rest;
	size_t n;

	rest = memchr(s, s[0] == '[' ? ']' : ':', len);
	if (rest == NULL)
		rest = end;
	if (s[0] == '[') {
		host++;
		if (rest == end)
			return -1;
	}
	n = (size_t)(rest - host);
	if (!host_valid(host, n) ||
	    (memchr(host, ':', n) != NULL) != (s[0] == '['))
		return -1;
	memcpy(p->host, host, n);
	rest += s[0] == '[';
	p->port = 1080;
	if (rest == end)
		return 0;
	return rest[0] == ':' ? port_parse(rest + 1,
	    (size_t)(end - rest - 1), false, &p->port) : -1;
}

int
proxy_parse(const char *s, struct proxy *p, struct error *e)
{
	struct proxy parsed = { .host = "" };
	const char *why;
	size_t len;
	int r = -1;

	if (parse_proxy_scheme(&s, &parsed, e) == -1 ||
	    parse_login(&s, &parsed, e) == -1)
		goto out;
	len = strlen(s);
	if (len > 0 && s[len - 1] == '/')
		len--;
	why = proxy_login_fault(&parsed);
	if (why != NULL)
		error_set(e, EX_USAGE, "%s", why);
	else if (parse_proxy_host(s, len, &parsed) == -1)
		error_set(e, EX_USAGE, "no host and port where they stand in "
		    "the URL of a proxy; " FORM ", an IPv6 address in "
		    "brackets");
	else {
		*p = parsed;
		r = 0;
	}
out:
	sodium_memzero(&parsed, sizeof(parsed));
	return r;
}

const char *
proxy_login_fault(const struct proxy *p)
{
	if (p->kind == PROXY_HTTP && strchr(p->user, ':') != NULL)
		return "the user of an HTTP proxy cannot hold a ':' (RFC 7617)";
	if (p->kind != PROXY_HTTP && p->user[0] == '\0' &&
	    p->password[0] != '\0')
		return "a SOCKS5 proxy takes no password without a user";
	return NULL;
}

const char *
proxy_format(const struct proxy *p, char text[PROXY_TEXT_MAX])
{
	bool v6 = strchr(p->host, ':') != NULL;
	char user[3 * PROXY_WORD_MAX] = "";
	size_t n = 0;
	const char *c;

	if (p->kind == PROXY_NONE)
		return strcpy(text, "none");
	for (c = p->user; *c != '\0'; c++) {
		if (strchr(UNRESERVED, *c) != NULL)
			user[n++] = *c;
		else
			n += (size_t)sprintf(user + n, "%%%02X",
			    (unsigned char)*c);
	}
	user[n] = '\0';
	snprintf(text, PROXY_TEXT_MAX, "%s%s%s%s%s%s%s:%u", schemes[p->kind],
	    user, p->password[0] != '\0' ? ":***" : "", n > 0 ? "@" : "",
	    v6 ? "[" : "", p->host, v6 ? "]" : "", (unsigned)p->port);
	return text;
}
