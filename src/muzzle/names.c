/* See names.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/http/caller.h"
#include "orthrus/muzzle/names.h"

static int
add(char **list, const char *word, size_t len, struct error *e)
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

int
names_add_host(char **list, const char *word, struct error *e)
{
	size_t i, len = strlen(word);
	char name[CALLER_NAME_MAX];

	if (!caller_host_name(&word, &len) || len >= sizeof(name))
		return error_set(e, EX_CONFIG, "\"%s\" is not the name of a "
		    "host: write it as it stands in an address bar, such as "
		    "portainer.example.net, each by itself", word);
	for (i = 0; i < len; i++)
		name[i] = word[i] >= 'A' && word[i] <= 'Z' ?
		    (char)(word[i] - 'A' + 'a') : word[i];
	if (names_have(*list, name, len))
		return 0;
	return add(list, name, len, e);
}

bool
names_have(const char *list, const char *word, size_t len)
{
	size_t n;

	for (; list != NULL; list = list[n] == ',' ? list + n + 1 : NULL) {
		n = strcspn(list, ",");
		if (n == len && memcmp(list, word, n) == 0)
			return true;
	}
	return false;
}
