/* SPDX-License-Identifier: ISC */
/*
 * The first line as the URL of a proxy, the second as NO_PROXY, the third as a
 * host: what is taken reads back as itself but for the password, what is
 * refused changes nothing and repeats nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/proxy_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
fuzz_url(const char *s)
{
	char text[PROXY_TEXT_MAX], twice[PROXY_TEXT_MAX];
	struct proxy p, again, untouched;
	struct error e;

	memset(&p, 0x5a, sizeof(p));
	memcpy(&untouched, &p, sizeof(p));
	if (proxy_parse(s, &p, &e) == -1) {
		check(e.code == EX_USAGE && e.text[0] != '\0');
		check(memcmp(&p, &untouched, sizeof(p)) == 0);
		return;
	}
	check(p.kind > PROXY_NONE && p.kind <= PROXY_SOCKS5H && p.port != 0);
	check(host_valid(p.host, strlen(p.host)));
	check(proxy_login_fault(&p) == NULL);
	proxy_format(&p, text);
	check(strchr(text, '\n') == NULL);
	check(proxy_parse(text, &again, &e) == 0);
	check(again.kind == p.kind && again.port == p.port);
	check(strcmp(again.host, p.host) == 0);
	check(strcmp(again.user, p.user) == 0);
	check(strcmp(again.password, p.password[0] != '\0' ? "***" : "") == 0);
	check(strcmp(proxy_format(&again, twice), text) == 0);
}

static void
fuzz_password(const char *s, size_t size)
{
	static const char secret[] = "http://user:hunter2@";
	char *with, text[PROXY_TEXT_MAX];
	struct proxy p;
	struct error e;

	if (strstr(s, "hunter2") != NULL)
		return;
	with = malloc(sizeof(secret) + size);
	check(with != NULL);
	strcpy(with, secret);
	strcat(with, s);
	if (proxy_parse(with, &p, &e) == 0)
		check(strstr(proxy_format(&p, text), "hunter2") == NULL);
	else
		check(strstr(e.text, "hunter2") == NULL);
	free(with);
}

static void
fuzz_list(const char *list, const char *host)
{
	char *longer;

	if (!host_valid(host, strlen(host)))
		return;
	check(proxy_list_has("*", host) && !proxy_list_has("", host));
	if (strchr(host, '%') == NULL && strspn(host, ".") < strlen(host))
		check(proxy_list_has(host, host));
	/* What is in a list is in every longer one. */
	if (proxy_list_has(list, host)) {
		longer = malloc(strlen(list) + 3);
		check(longer != NULL);
		strcat(strcpy(longer, list), ",x");
		check(proxy_list_has(longer, host));
		free(longer);
	}
}

static const char *variable, *except;

static char *
get(const char *name)
{
	const char *value = strcmp(name, "ALL_PROXY") == 0 ? variable :
	    strcmp(name, "no_proxy") == 0 ? except : NULL;

	return (char *)(uintptr_t)value;
}

/* The first line is that of the environment, and so is the list. */
static void
fuzz_environment(const char *s, const char *list, const char *host)
{
	struct server to = { .transport = TRANSPORT_TLS };
	const struct proxy *p;
	struct proxies v;
	struct error e;

	variable = s;
	except = list;
	if (proxies_from_environment(&v, get, &e) == -1) {
		check(e.code == EX_CONFIG && e.text[0] != '\0');
		return;
	}
	if (host_valid(host, strlen(host))) {
		strcpy(to.host, host);
		p = proxies_find(&v, &to);
		check(p == NULL ? *s == '\0' || proxy_list_has(list, host) :
		    p == &v.tls && !proxy_list_has(list, host));
	}
	proxies_clear(&v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 3), *list, *host;

	check(s != NULL);
	if (size > 0)
		memcpy(s, data, size);
	memset(s + size, 0, 3);
	list = s + strcspn(s, "\n");
	if (*list != '\0')
		*list++ = '\0';
	host = list + strcspn(list, "\n");
	if (*host != '\0')
		*host++ = '\0';
	host[strcspn(host, "\n")] = '\0';
	fuzz_url(s);
	fuzz_password(s, size);
	fuzz_list(list, host);
	fuzz_environment(s, list, host);
	free(s);
	return 0;
}
