/* SPDX-License-Identifier: ISC */
/*
 * A line of rules, then a host, a port and an address: rules read back as
 * themselves, more rules never allow less, and an address that is not public
 * is only reached by a rule with an address.
 */
#include <netinet/in.h>

#include <arpa/inet.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/egress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RULES_MAX 16

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static size_t
read_rules(char *line, struct egress_rule rules[RULES_MAX])
{
	char text[EGRESS_TEXT_MAX], twice[EGRESS_TEXT_MAX], *one;
	struct egress_rule again;
	struct error e;
	size_t n = 0;

	while ((one = strsep(&line, ",")) != NULL && n < RULES_MAX) {
		if (egress_rule_parse(one, &rules[n], &e) == -1) {
			check(e.code == EX_USAGE && e.text[0] != '\0');
			continue;
		}
		check(rules[n].low >= 1 && rules[n].low <= rules[n].high);
		egress_rule_format(&rules[n], text);
		check(egress_rule_parse(text, &again, &e) == 0);
		check(again.kind == rules[n].kind);
		check(strcmp(egress_rule_format(&again, twice), text) == 0);
		n++;
	}
	return n;
}

/*
 * No rule names nothing, more rules name no less, and an IPv4 address in an
 * IPv6 one has nothing in it itself.
 */
static bool
allowed(const struct egress_rule *rules, size_t n, const char *host,
    uint16_t port, const struct sockaddr *address)
{
	bool may = egress_address_allowed(rules, n, host, port, address);
	struct sockaddr_in v4;

	check(!egress_names_address(rules, 0, port, address));
	check(n == 0 || !egress_names_address(rules, n - 1, port, address) ||
	    egress_names_address(rules, n, port, address));
	check(!egress_embedded(address, &v4) || (v4.sin_family == AF_INET &&
	    !egress_embedded((struct sockaddr *)&v4, &v4)));
	return may;
}

static bool
resolved(const struct egress_rule *rules, size_t n, const char *host,
    uint16_t port, const char *address)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
		return allowed(rules, n, host, port, (struct sockaddr *)&in);
	if (inet_pton(AF_INET6, address, &in6.sin6_addr) == 1)
		return allowed(rules, n, host, port, (struct sockaddr *)&in6);
	return false;
}

static void
ask(const struct egress_rule *rules, size_t n, const char *host,
    uint16_t port, const char *address)
{
	bool may = egress_allows(rules, n, host, port), network = false;
	bool reached = resolved(rules, n, host, port, address);
	size_t i;

	check(!reached || may);
	check(!egress_allows(rules, 0, host, port));
	for (i = 0; i < n; i++) {
		if (egress_allows(rules, i, host, port))
			check(may);
		if (resolved(rules, i, host, port, address))
			check(reached);
		network = network || rules[i].kind == EGRESS_NETWORK;
	}
	check(network || !resolved(rules, n, host, port, "127.0.0.1"));
	check(network || !resolved(rules, n, host, port, "::ffff:10.0.0.1"));
	check(network || !resolved(rules, n, host, port, "fe80::1"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct egress_rule rules[RULES_MAX];
	char *s = malloc(size + 1), *rest = s, *line, *host, *port, *address;

	check(s != NULL);
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	line = strsep(&rest, "\n");
	host = strsep(&rest, "\n");
	port = strsep(&rest, "\n");
	address = strsep(&rest, "\n");
	if (address != NULL)
		ask(rules, read_rules(line, rules), host,
		    (uint16_t)strtoul(port, NULL, 10), address);
	else
		read_rules(line, rules);
	free(s);
	return 0;
}
