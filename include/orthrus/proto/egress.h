/* SPDX-License-Identifier: ISC */
/*
 * Where clients may go through the gateway: rules of "[egress] allow", and
 * what they say of a host.  Pure functions: no name is resolved here.
 */
#ifndef ORTHRUS_PROTO_EGRESS_H
#define ORTHRUS_PROTO_EGRESS_H

#include <sys/socket.h>

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

enum egress_kind {
	EGRESS_ANY,		/* "*": every name, every public address */
	EGRESS_NAME,
	EGRESS_BELOW,		/* "*.suffix": names that end so, not itself */
	EGRESS_NETWORK		/* an address or a network of them */
};

struct egress_rule {
	enum egress_kind kind;
	char name[HOST_MAX];	/* lower case; of EGRESS_BELOW ".suffix" */
	uint8_t address[16];	/* IPv4 as ::ffff:a.b.c.d */
	unsigned prefix;	/* bits of that, 0 to 128 */
	uint16_t low, high;	/* ports, inclusive */
};

#define EGRESS_TEXT_MAX (HOST_MAX + 24)

/*
 * Reads "HOST:PORT": HOST is a name, "*.suffix", "*", an IPv4 address or
 * network ("10.0.0.0/8"), or the same of IPv6 in brackets
 * ("[2001:db8::/32]"); PORT is a number, "A-B" or "*".  0, or -1 with *e
 * (EX_USAGE); *rule is then untouched.
 */
int egress_rule_parse(const char *text, struct egress_rule *rule,
    struct error *e);

/* Canonical text, which egress_rule_parse() reads back as the same rule. */
const char *egress_rule_format(const struct egress_rule *rule,
    char text[EGRESS_TEXT_MAX]);

/*
 * Whether a client may ask for host (a name in any case, or a literal without
 * brackets) and port.  Literals of addresses that are not public need a rule
 * that names them; ".orthrus", which is for agents, never passes.
 */
bool egress_allows(const struct egress_rule *rules, size_t n,
    const char *host, uint16_t port);

/*
 * The same once host has been resolved, to be asked for each address before
 * connecting to it.  One that is not public (loopback, link-local, private,
 * shared, multicast, unspecified, reserved, or an IPv6 form of such an IPv4
 * address) is only allowed by a rule that names it or its network: a name
 * must not lead to the inside because somebody made it resolve so.
 */
bool egress_address_allowed(const struct egress_rule *rules, size_t n,
    const char *host, uint16_t port, const struct sockaddr *resolved);

/*
 * Whether a rule names the address or its network, which those need that are
 * the gateway's own, public or not; see transport/own.h.
 */
bool egress_names_address(const struct egress_rule *rules, size_t n,
    uint16_t port, const struct sockaddr *resolved);
/*
 * True when the address is an IPv6 one that holds an IPv4 address (NAT64,
 * 6to4, ::a.b.c.d): *v4 is that, without a port.
 */
bool egress_embedded(const struct sockaddr *resolved, struct sockaddr_in *v4);

#endif
