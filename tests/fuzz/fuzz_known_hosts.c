/* SPDX-License-Identifier: ISC */
/* Any bytes as a known_hosts file: no crash, and a line that exists. */
#include <stdint.h>
#include <stdlib.h>

#include "../../src/ssh/known_hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key[] =
    "AAAAC3NzaC1lZDI1NTE5AAAAIOY7/61fO+CLsyGUL/SB/K6/leoRxjzkJ9lo"
    "Gr5orWhT";

static void
look(const char *text, size_t len, const char *host, uint16_t port)
{
	enum known_host found;
	unsigned line;

	found = known_hosts_authority(text, len, host, port, key, &line);
	if ((found == KNOWN_HOST_NONE) != (line == 0) || line > len ||
	    found == KNOWN_HOST_OTHER_TYPE)
		abort();
	if (known_hosts_authority(text, len, host, port, NULL, &line) >
	    KNOWN_HOST_CHANGED)
		abort();
	found = known_hosts_lookup(text, len, host, port, key, &line);
	if ((found == KNOWN_HOST_NONE) != (line == 0) || line > len)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	look((const char *)data, size, "a", 22);
	look((const char *)data, size, "host.example", 2222);
	look((const char *)data, size, "::1", 22);
	return 0;
}
