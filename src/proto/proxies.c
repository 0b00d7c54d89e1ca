/* SPDX-License-Identifier: ISC */
/* Which proxy is in front of which server: ALL_PROXY, HTTPS_PROXY, NO_PROXY. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/proxy_url.h"

/* --- who has none ------------------------------------------------- */

/* An address in network order: its length, or 0 for what is none. */
static size_t
read_address(const char *s, size_t len, uint8_t address[16])
{
	char text[INET6_ADDRSTRLEN];

	if (len > 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	if (len >= sizeof(text))
		return 0;
	memcpy(text, s, len);
	text[len] = '\0';
	text[strcspn(text, "%")] = '\0';
	if (inet_pton(AF_INET, text, address) == 1)
		return 4;
	return inet_pton(AF_INET6, text, address) == 1 ? 16 : 0;
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, size_t bits)
{
	uint8_t mask = (uint8_t)(0xff00 >> bits % 8);

	return memcmp(a, b, bits / 8) == 0 && (bits % 8 == 0 ||
	    ((a[bits / 8] ^ b[bits / 8]) & mask) == 0);
}

/* ADDRESS or ADDRESS/BITS of the list, against an address of n bytes. */
static bool
item_has_address(const char *item, size_t len, const uint8_t *address,
    size_t n)
{
	const char *slash = memchr(item, '/', len);
	size_t bits = 8 * n;
	uint8_t network[16];
	uint16_t number;

	if (slash != NULL) {
		if (port_parse(slash + 1, (size_t)(item + len - slash - 1),
		    true, &number) == -1 || number > bits)
			return false;
		bits = number;
		len = (size_t)(slash - item);
	}
	return read_address(item, len, network) == n &&
	    same_bits(network, address, bits);
}

/* A name, with or without a '.' in front: it and all that are below it. */
static bool
item_has_name(const char *item, size_t len, const char *host, size_t hostlen)
{
	while (len > 0 && item[0] == '.') {
		item++;
		len--;
	}
	if (len > 0 && item[len - 1] == '.')
		len--;
	if (len == 0 || len > hostlen ||
	    strncasecmp(host + hostlen - len, item, len) != 0)
		return false;
	return len == hostlen || host[hostlen - len - 1] == '.';
}

bool
proxy_list_has(const char *list, const char *host)
{
	size_t n, len, hostlen = strlen(host);
	uint8_t address[16];

	n = read_address(host, hostlen, address);
	if (n == 0 && hostlen > 0 && host[hostlen - 1] == '.')
		hostlen--;
	for (;; list += len) {
		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if (len == 0)
			return false;
		if ((len == 1 && list[0] == '*') || (n > 0 ?
		    item_has_address(list, len, address, n) :
		    item_has_name(list, len, host, hostlen)))
			return true;
	}
}

const struct proxy *
proxies_find(const struct proxies *v, const struct server *server)
{
	const struct proxy *p = server->transport == TRANSPORT_TCP ? &v->ssh :
	    &v->tls;

	if (p->kind == PROXY_NONE || (v->except != NULL &&
	    proxy_list_has(v->except, server->host)))
		return NULL;
	return p;
}

/* --- the environment ---------------------------------------------- */

/*
 * The first of the variables that is set, and its name; small letters go
 * first.  NULL when none is.
 */
static const char *
get_first(char *(*get)(const char *), const char *const names[],
    const char **name)
{
	const char *value;
	size_t i;

	for (i = 0; names[i] != NULL; i++) {
		value = get(names[i]);
		if (value != NULL && value[0] != '\0') {
			*name = names[i];
			return value;
		}
	}
	return NULL;
}

static int
proxy_from_environment(struct proxy *p, char *(*get)(const char *),
    const char *const names[], struct error *e)
{
	const char *name = NULL, *value = get_first(get, names, &name);
	char *url;
	int r;

	if (value == NULL)
		return 0;
	url = xasprintf("%s%s", strstr(value, "://") == NULL ? "http://" : "",
	    value);
	r = proxy_parse(url, p, e);
	if (r == -1) {
		error_prefix(e, "environment %s", name);
		if (e != NULL)
			e->code = EX_CONFIG;
	}
	secret_free(url);
	return r;
}

int
proxies_from_environment(struct proxies *v, char *(*get)(const char *),
    struct error *e)
{
	static const char *const ssh[] = { "all_proxy", "ALL_PROXY",
	    "https_proxy", "HTTPS_PROXY", NULL };
	static const char *const tls[] = { "https_proxy", "HTTPS_PROXY",
	    "all_proxy", "ALL_PROXY", NULL };
	static const char *const none[] = { "no_proxy", "NO_PROXY", NULL };
	const char *name, *except = get_first(get, none, &name);

	memset(v, 0, sizeof(*v));
	if (proxy_from_environment(&v->ssh, get, ssh, e) == -1 ||
	    proxy_from_environment(&v->tls, get, tls, e) == -1) {
		proxies_clear(v);
		return -1;
	}
	v->except = except == NULL ? NULL : xstrdup(except);
	return 0;
}

void
proxies_clear(struct proxies *v)
{
	free(v->except);
	sodium_memzero(v, sizeof(*v));
}
