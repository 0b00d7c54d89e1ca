/* SPDX-License-Identifier: ISC */
/* What a known_hosts file (sshd(8)) says of a key: pure, and of files. */
#ifndef ORTHRUS_SSH_KNOWN_HOSTS_H
#define ORTHRUS_SSH_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"

/* Of two lines that speak of a host, the one that is later here counts. */
enum known_host {
	KNOWN_HOST_NONE,	/* no line speaks of the host */
	KNOWN_HOST_OTHER_TYPE,	/* only of keys that are no Ed25519 ones */
	KNOWN_HOST_CHANGED,	/* another key is there for it */
	KNOWN_HOST_MATCH,
	KNOWN_HOST_REVOKED
};

/*
 * Looks for key (the base64 blob of an "ssh-ed25519" key) of host in the text
 * of one known_hosts file of len bytes.  *line is where the answer stands,
 * from 1, or 0.
 */
enum known_host known_hosts_lookup(const char *text, size_t len,
    const char *host, uint16_t port, const char *key, unsigned *line);

/*
 * The same for the authority that has signed the host's certificate, of a key
 * of any type: it is MATCH where a line with @cert-authority has it for that
 * host, CHANGED where such lines have others only.  Without ca (NULL) nothing
 * matches.
 */
enum known_host known_hosts_authority(const char *text, size_t len,
    const char *host, uint16_t port, const char *ca, unsigned *line);

/*
 * True when a pattern of n bytes with '*' and '?' matches host, without regard
 * to case.
 */
bool known_hosts_pattern(const char *pattern, size_t n, const char *host);

/* known_hosts_lookup(), or known_hosts_authority(). */
typedef enum known_host known_hosts_look(const char *text, size_t len,
    const char *host, uint16_t port, const char *key, unsigned *line);

/*
 * Looks into the file at path, where a missing one is an empty one; another
 * that cannot be read sets *unreadable, and is warned of when that was not set.
 * A match at port 22 counts at another port that nothing is known for.
 */
enum known_host known_hosts_in_file(known_hosts_look *look, const char *path,
    const char *host, uint16_t port, const char *key, unsigned *line,
    bool *unreadable);

/*
 * Adds the line "SHOWN ssh-ed25519 BLOB", making the file and its directory
 * when they are missing.  0, or -1 with *e (EX_NOPERM).
 */
int known_hosts_remember(const char *path, const char *shown, const char *blob,
    struct error *e);

#endif
