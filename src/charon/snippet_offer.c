/* SPDX-License-Identifier: ISC */
/*
 * What an agent is to offer, as "charon snippet" is told it: held against what
 * orthrus takes, since it is far away when that complains.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/address.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/proto/leash.h"

#include "snippet.h"

#define MODES "socket, port, or socket,port"

static int
read_mode(const char *mode, struct snippet_offer *offer, struct error *e)
{
	char *copy = xstrdup(mode), *rest = copy, *word, shown[256];
	bool ok = true;

	offer->socket = offer->port = false;
	while (ok && (word = strsep(&rest, ",")) != NULL)
		if (strcmp(word, "socket") == 0)
			offer->socket = true;
		else if (strcmp(word, "port") == 0)
			offer->port = true;
		else
			ok = false;
	free(copy);
	if (ok)
		return 0;
	text_escape(shown, sizeof(shown), mode, TEXT_PLAIN);
	return error_set(e, EX_USAGE, "--mode: \"%s\": expected " MODES,
	    shown);
}

/* One item; an agent's services are known by their ports, so each once. */
static int
read_port(const char *item, bool seen[UINT16_MAX + 1], struct error *e)
{
	struct address at;
	char shown[256];

	if (address_parse(item, false, &at, NULL) == 0 &&
	    at.kind == ADDRESS_TCP && strcmp(at.host, "*") != 0) {
		if (!seen[at.port]) {
			seen[at.port] = true;
			return 0;
		}
		return error_set(e, EX_USAGE, "--ports: port %u is there "
		    "twice; a number can lead to one place only",
		    (unsigned)at.port);
	}
	text_escape(shown, sizeof(shown), item, TEXT_PLAIN);
	return error_set(e, EX_USAGE, "--ports: \"%s\": expected PORT or "
	    "HOST:PORT, with commas between several", shown);
}

static int
read_ports(const char *ports, struct error *e)
{
	char *copy = xstrdup(ports), *rest = copy, *item;
	bool *seen = xcalloc(UINT16_MAX + 1, sizeof(*seen));
	size_t n = 0;
	int r = 0;

	while (r == 0 && (item = strsep(&rest, ",")) != NULL)
		r = n++ == LEASH_PORTS_MAX ? error_set(e, EX_USAGE, "--ports: "
		    "more than %d; an agent can offer so many",
		    LEASH_PORTS_MAX) : read_port(item, seen, e);
	free(seen);
	free(copy);
	return r;
}

int
snippet_offer_read(const char *mode, const char *ports,
    struct snippet_offer *offer, struct error *e)
{
	offer->socket = true;
	offer->port = ports != NULL;
	offer->ports = ports != NULL ? ports : "";
	if ((mode != NULL && read_mode(mode, offer, e) == -1) ||
	    (ports != NULL && read_ports(ports, e) == -1))
		return -1;
	if (offer->port == (ports != NULL))
		return 0;
	return error_set(e, EX_USAGE, offer->port ? "--mode: which ports?  "
	    "--ports LIST is missing" : "--ports: nobody offers them with "
	    "--mode socket; write socket,port");
}

const char *
snippet_mode(const struct snippet_offer *offer)
{
	return !offer->port ? "socket" : offer->socket ? "socket,port" :
	    "port";
}
