/* SPDX-License-Identifier: ISC */
/*
 * Any text as a list of --allow: what is taken reads back as itself and
 * answers each question as its items say; what is refused changes nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/address.h"
#include "orthrus/proto/allow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* Each item allows what it says, of the whole list and alone. */
static void
check_item(const char *list, const char *item)
{
	const char *colon = strchr(item, ':');
	char agent[NAME_MAX_LEN];
	unsigned port;

	if (colon == NULL) {
		check(strcmp(item, "egress") == 0 && allow_egress(list));
		return;
	}
	check((size_t)(colon - item) < sizeof(agent));
	memcpy(agent, item, (size_t)(colon - item));
	agent[colon - item] = '\0';
	check(name_valid(agent));
	if (strcmp(colon, ":docker") == 0) {
		check(allow_docker(list, agent));
		check(!allow_port(item, agent, 80));
	} else if (strcmp(colon, ":*") == 0) {
		check(allow_docker(list, agent) && allow_port(list, agent, 1));
		check(!allow_egress(item));
	} else {
		check(sscanf(colon, ":%u", &port) == 1 && port <= UINT16_MAX);
		check(allow_port(list, agent, (uint16_t)port));
		check(!allow_port(item, agent, (uint16_t)(port ^ 1)));
		check(!allow_docker(item, agent));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char list[ALLOW_MAX], again[ALLOW_MAX], *rest = again, *item;
	char agent[NAME_MAX_LEN], *s = malloc(size + 1);
	struct error e;

	check(s != NULL);
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	s[strcspn(s, "\n")] = '\0';	/* corpus files end as text does */
	memset(list, 0x5a, sizeof(list));
	if (allow_parse(s, list, &e) == -1) {
		check(e.code == EX_USAGE && e.text[0] != '\0');
		check(list[0] == 0x5a && list[ALLOW_MAX - 1] == 0x5a);
	} else {
		check(allow_parse(list, again, &e) == 0);
		check(strcmp(list, again) == 0);
		while ((item = strsep(&rest, ",")) != NULL)
			check_item(list, item);
		if (allow_docker_agents(list, agent) > 0)
			check(allow_docker(list, agent));
	}
	/* Any text may be asked, and of any agent. */
	allow_port(s, s, 80);
	allow_docker(s, s);
	allow_egress(s);
	allow_docker_agents(s, agent);
	free(s);
	return 0;
}
