/* SPDX-License-Identifier: ISC */
/*
 * Where a connection comes from, as far as that is worth a place of its own:
 * an address, and the networks that one party has as a rule.  Pure.
 */
#ifndef ORTHRUS_SSH_SOURCE_H
#define ORTHRUS_SSH_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct sockaddr;

#define SOURCE_TEXT_MAX 46	/* INET6_ADDRSTRLEN */

/* An IPv6 address; IPv4 is mapped, RFC 4291 section 2.5.5.2. */
struct source {
	uint8_t ip[16];
};

/* How much of two addresses is the same. */
enum source_level {
	SOURCE_NETWORK,		/* a /48, or a /24 of IPv4 */
	SOURCE_HOST,		/* a /64, or an address of IPv4 */
	SOURCE_ADDRESS
};
#define SOURCE_LEVELS 3

/* Of an address of a socket; one that is neither IPv4 nor IPv6 is "::". */
void source_of(struct source *s, const struct sockaddr *sa);
/*
 * True when b is as near to a as level says.  All of 127.0.0.0/8 is one
 * network: any local user has all of it.
 */
bool source_near(const struct source *a, const struct source *b,
    enum source_level level);
/* The first of all addresses that are so near to s. */
struct source source_first(const struct source *s, enum source_level level);
/* As it is written; "unknown" of "::".  Returns text. */
const char *source_text(const struct source *s, char text[SOURCE_TEXT_MAX]);
/*
 * True of 127.0.0.1, ::1 and what has no address: a proxy of this machine may
 * stand there for anybody.
 */
bool source_is_proxy(const struct source *s);

#endif
