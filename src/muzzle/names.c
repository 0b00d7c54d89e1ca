/* SPDX-License-Identifier: ISC */
/* See names.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/span.h"
#include "orthrus/http/caller.h"
#include "orthrus/muzzle/names.h"

#define VARIABLE_MAX 255

static int
add_name(char **list, const char *word, size_t len, struct error *e)
{
	size_t n = *list == NULL ? 0 : strlen(*list) + 1;
	char *longer;

	if (n + len >= NAMES_MAX)
		return error_set(e, EX_CONFIG, "too many names: all of them "
		    "together have at most %d bytes", NAMES_MAX - 1);
	longer = xasprintf("%s%s%.*s", n == 0 ? "" : *list, n == 0 ? "" : ",",
	    (int)len, word);
	free(*list);
	*list = longer;
	return 0;
}

static void
put_lower(char *to, const char *from, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = from[i] >= 'A' && from[i] <= 'Z' ?
		    (char)(from[i] - 'A' + 'a') : from[i];
}

int
names_add_host(char **list, const char *word, struct error *e)
{
	size_t len = strlen(word);
	char name[CALLER_NAME_MAX];

	if (!caller_host_name(&word, &len) || len >= sizeof(name))
		return error_set(e, EX_CONFIG, "\"%s\" is not the name of a "
		    "host: write it as it stands in an address bar, such as "
		    "portainer.example.net, each by itself", word);
	put_lower(name, word, len);
	if (names_have(*list, name, len))
		return 0;
	return add_name(list, name, len, e);
}

int
names_add_variable(char **list, const char *word, struct error *e)
{
	size_t len = strlen(word);

	if (len == 0 || len > VARIABLE_MAX ||
	    !span_consists((struct span){ word, len }, "_.-"))
		return error_set(e, EX_CONFIG, "\"%s\" is not the name of an "
		    "environment variable: write each in full, such as "
		    "VIRTUAL_HOST; there are no patterns", word);
	return names_have(*list, word, len) ? 0 : add_name(list, word, len, e);
}

int
names_add_registry(char **list, const char *word, struct error *e)
{
	const char *host = word;
	size_t len = strlen(word), n = len;
	char name[CALLER_NAME_MAX];

	if (len >= sizeof(name) || !caller_host_name(&host, &n) ||
	    host[n] == '.' || word[len - 1] == ':' || !span_consists((struct span){ word, len },
	    ".:-"))
		return error_set(e, EX_CONFIG, "\"%s\" is not a registry: "
		    "write it as images name it, such as ghcr.io or "
		    "registry.example.com:5000; docker.io is the one of images "
		    "that name none", word);
	put_lower(name, word, len);
	return names_have(*list, name, len) ? 0 : add_name(list, name, len, e);
}

bool
names_have(const char *list, const char *word, size_t len)
{
	return span_in_list((struct span){ word, len }, list, strncmp);
}
