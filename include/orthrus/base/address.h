/* SPDX-License-Identifier: ISC */
/*
 * The words of the contract's section 1: addresses, durations, names, ports.
 * Functions of text, and of what this machine calls a service and its home.
 */
#ifndef ORTHRUS_BASE_ADDRESS_H
#define ORTHRUS_BASE_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"

#define HOST_MAX 256		/* 255 bytes and NUL; RFC 1035 names and more */
#define NAME_MAX_LEN 64		/* 63 and NUL */
#define ADDRESS_TEXT_MAX (HOST_MAX + 16)

/* A path with its NUL: 108 bytes on Linux, 104 on FreeBSD and macOS. */
enum {
	UNIX_PATH_MAX_LEN = sizeof(((struct sockaddr_un *)NULL)->sun_path)
};

enum address_kind { ADDRESS_NONE, ADDRESS_TCP, ADDRESS_UNIX };

struct address {
	enum address_kind kind;
	char host[HOST_MAX];	/* TCP: a name or literal without brackets;
				   "localhost" for loopback, "*" for all
				   interfaces (only where one listens) */
	uint16_t port;		/* TCP, host order */
	char path[UNIX_PATH_MAX_LEN];	/* Unix: absolute */
};

/*
 * Parses "HOST:PORT", "[IPv6]:PORT", "PORT" (host becomes "localhost"),
 * "/abs/path" or "unix:/abs/path".  PORT may be the name of a service, and a
 * path may begin with "~/" (well_known.h).  Port 0 only when zero_ok.  Returns
 * 0, or -1 with *e (EX_USAGE) saying what would be right; *a is then untouched.
 */
int address_parse(const char *s, bool zero_ok, struct address *a,
    struct error *e);

/* Writes the canonical text ("host:port", "[v6]:port", "/path"). */
const char *address_format(const struct address *a,
    char text[ADDRESS_TEXT_MAX]);

/* True for Unix sockets, "localhost", 127.0.0.0/8 and ::1. */
bool address_is_local(const struct address *a);

/* Same kind and same host and port, or same path. */
bool address_equal(const struct address *a, const struct address *b);

/*
 * A host name, IPv4 or IPv6 literal (without brackets) of 1 to 255 bytes:
 * no control characters, spaces, '/', '@', brackets or commas, and no leading
 * '-' (it could be taken for an option by a proxy command).
 */
bool host_valid(const char *s, size_t len);

/* Decimal 1..65535 (0 too when zero_ok) without sign or spaces: 0 or -1. */
int port_parse(const char *s, size_t len, bool zero_ok, uint16_t *port);

/*
 * "30" (seconds) or "250ms", "30s", "5m", "2h", "1d" to milliseconds; 0 is
 * refused, and so is more than 365 days.  0, or -1 with *e.
 */
int duration_parse(const char *s, uint64_t *ms, struct error *e);

/* 1 to 63 of a-z 0-9 -, no leading or trailing '-'. */
bool name_valid(const char *s);

#endif
