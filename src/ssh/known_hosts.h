/* SPDX-License-Identifier: ISC */
/* What a known_hosts file (sshd(8)) says of a key.  Pure. */
#ifndef ORTHRUS_SSH_KNOWN_HOSTS_H
#define ORTHRUS_SSH_KNOWN_HOSTS_H

#include <stddef.h>
#include <stdint.h>

enum known_host {
	KNOWN_HOST_NONE,	/* no line speaks of the host */
	KNOWN_HOST_MATCH,
	KNOWN_HOST_CHANGED,	/* another key is there for it */
	KNOWN_HOST_REVOKED
};

/*
 * Looks for key (the base64 blob of an "ssh-ed25519" key) of host in the text
 * of one known_hosts file of len bytes.  *line is where the answer stands,
 * from 1, or 0.
 */
enum known_host known_hosts_lookup(const char *text, size_t len,
    const char *host, uint16_t port, const char *key, unsigned *line);

#endif
