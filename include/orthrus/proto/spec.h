/* SPDX-License-Identifier: ISC */
/*
 * Forward specifications, the grammar of ssh(1) -L and -R:
 *   [bind_address:]port:host:hostport   [bind_address:]port:/socket
 *   /socket:host:hostport               /socket:/socket
 * and, remote only, [bind_address:]port or /socket alone: SOCKS.
 */
#ifndef ORTHRUS_PROTO_SPEC_H
#define ORTHRUS_PROTO_SPEC_H

#include "orthrus/base/address.h"

struct forward_spec {
	struct address listen;	/* host "localhost" when no bind address was
				   given, "*" for an empty one or "*" */
	struct address to;	/* kind ADDRESS_NONE: what SOCKS asks for */
};

#define SPEC_TEXT_MAX (2 * ADDRESS_TEXT_MAX + 2)

/*
 * Parses a forward specification.  Port 0 as the listening port is accepted
 * only when remote (the server chooses).  Returns 0, or -1 with *e
 * (EX_USAGE) naming the faulty part; *spec is then untouched.
 */
int forward_spec_parse(const char *s, bool remote, struct forward_spec *spec,
    struct error *e);

/* Canonical text, which forward_spec_parse() reads back as the same spec. */
const char *forward_spec_format(const struct forward_spec *spec,
    char text[SPEC_TEXT_MAX]);

bool forward_spec_equal(const struct forward_spec *a,
    const struct forward_spec *b);

#endif
