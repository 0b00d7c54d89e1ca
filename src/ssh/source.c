/* SPDX-License-Identifier: ISC */
/* See source.h. */
#include "config.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "source.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
static const struct source none;

void
source_of(struct source *s, const struct sockaddr *sa)
{
	memset(s, 0, sizeof(*s));
	if (sa->sa_family == AF_INET6)
		memcpy(s->ip, &((const struct sockaddr_in6 *)sa)->sin6_addr,
		    sizeof(s->ip));
	if (sa->sa_family != AF_INET)
		return;
	memcpy(s->ip, mapped, sizeof(mapped));
	memcpy(s->ip + sizeof(mapped),
	    &((const struct sockaddr_in *)sa)->sin_addr, 4);
}

static bool
is_ipv4(const struct source *s)
{
	return memcmp(s->ip, mapped, sizeof(mapped)) == 0;
}

/* The first 64 bits of ::1 are those of every mapped address. */
static bool
is_special(const struct source *s)
{
	static const uint8_t zero[8];

	return memcmp(s->ip, zero, sizeof(zero)) == 0;
}

/* How many bytes must be the same. */
static size_t
bytes_of(const struct source *s, enum source_level level)
{
	if (is_ipv4(s))
		return level != SOURCE_NETWORK ? 16 : s->ip[12] == 127 ? 13 :
		    15;
	if (level == SOURCE_ADDRESS || is_special(s))
		return 16;
	return level == SOURCE_NETWORK ? 6 : 8;
}

bool
source_near(const struct source *a, const struct source *b,
    enum source_level level)
{
	return memcmp(a->ip, b->ip, bytes_of(a, level)) == 0;
}

struct source
source_first(const struct source *s, enum source_level level)
{
	struct source first = { { 0 } };

	memcpy(first.ip, s->ip, bytes_of(s, level));
	return first;
}

const char *
source_text(const struct source *s, char text[SOURCE_TEXT_MAX])
{
	if (source_near(s, &none, SOURCE_ADDRESS))
		snprintf(text, SOURCE_TEXT_MAX, "unknown");
	else if (is_ipv4(s))
		inet_ntop(AF_INET, s->ip + sizeof(mapped), text,
		    SOURCE_TEXT_MAX);
	else
		inet_ntop(AF_INET6, s->ip, text, SOURCE_TEXT_MAX);
	return text;
}

bool
source_is_proxy(const struct source *s)
{
	static const struct source ipv6 = { { [15] = 1 } };
	static const uint8_t ipv4[4] = { 127, 0, 0, 1 };

	return source_near(s, &none, SOURCE_ADDRESS) ||
	    source_near(s, &ipv6, SOURCE_ADDRESS) ||
	    (is_ipv4(s) && memcmp(s->ip + 12, ipv4, sizeof(ipv4)) == 0);
}
