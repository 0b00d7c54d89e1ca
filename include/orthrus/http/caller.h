/* SPDX-License-Identifier: ISC */
/*
 * Who sends a request: a program, or a page in a browser?  A page can be made
 * by anybody, and reaches what its browser reaches: with a name that DNS has
 * been told to give this machine's address for, or from another site.  Pure
 * functions of the headers that tell: Host (RFC 9110 section 7.2), Origin
 * (RFC 6454 section 7) and Sec-Fetch-* (the W3C's Fetch Metadata).
 */
#ifndef ORTHRUS_HTTP_CALLER_H
#define ORTHRUS_HTTP_CALLER_H

#include <stdbool.h>
#include <stddef.h>

#define CALLER_NAME_MAX 254	/* a name of the DNS, with NUL */

struct caller {
	const char *host, *origin;	/* values as they came, or NULL */
	size_t host_len, origin_len;
	unsigned hosts, origins;	/* how many there were */
	int site;			/* the worst Sec-Fetch-Site */
	bool fetch;			/* others that only a browser sends */
};

/*
 * Shows one header, whatever it is; value is kept, not copied.  To begin with,
 * *c is all zero.
 */
void caller_header(struct caller *c, const char *name, size_t name_len,
    const char *value, size_t value_len);

enum caller_kind {
	CALLER_PROGRAM,		/* or a page of a site that is listed */
	CALLER_FOREIGN,		/* Host is a name that DNS can answer for */
	CALLER_PAGE
};

/*
 * hosts: names, with commas, that the owner has listed, or NULL.
 *
 * Host: refused is what a browser can have been led to by DNS, names of two
 * labels or more whose last one is a word, and what cannot be a Host.  Names
 * without a dot, addresses however they are written, the path of a socket,
 * *.localhost, *.orthrus, *.sock, docker.example.com (the docker CLI's, over
 * SSH) and nothing at all are fine.
 *
 * A page: whatever has an Origin, or a Sec-Fetch-Site other than
 * "same-origin", which is as good as its Host.  Where Host is listed, an
 * Origin of the same host and port and "none" are fine, too.  Node's fetch
 * sends "Sec-Fetch-Mode: cors" without Sec-Fetch-Site, and no browser does.
 */
enum caller_kind caller_judge(const struct caller *c, const char *hosts);

/*
 * Takes port and last dot off a Host's value.  True when what is left is a
 * name or an address.
 */
bool caller_host_name(const char **value, size_t *len);

#endif
