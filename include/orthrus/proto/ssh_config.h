/* SPDX-License-Identifier: ISC */
/*
 * ssh_config(5): which lines of it are for a host.  A parser of text alone; what
 * the values mean, and files that are included, are its caller's.
 */
#ifndef ORTHRUS_PROTO_SSH_CONFIG_H
#define ORTHRUS_PROTO_SSH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "orthrus/base/address.h"

#define SSH_CONFIG_WORDS_MAX 64	/* of a line */

enum ssh_config_key {
	SSH_HOST_NAME, SSH_PORT, SSH_USER, SSH_IDENTITY_FILE,
	SSH_CERTIFICATE_FILE, SSH_KNOWN_HOSTS, SSH_PROXY_COMMAND,
	SSH_PROXY_JUMP, SSH_INCLUDE, SSH_CONFIG_KEYS
};

/* What outlives a file, since one that is included goes on with it. */
struct ssh_config_state {
	const char *alias;	/* the host as it was given */
	/* Its HostName, once that is known, else ""; "Match host" asks. */
	char hostname[HOST_MAX];
	bool active;		/* lines are for this host; true at first */
};

struct ssh_config_events {
	/*
	 * A line that is for the host: n >= 1 words, without quotes; of
	 * SSH_PROXY_COMMAND the whole rest of the line is one word.  All are
	 * valid for the call.
	 */
	void (*value)(void *arg, unsigned line, enum ssh_config_key key,
	    char **words, size_t n);
	/*
	 * A line that is not taken: of a keyword without a meaning here, for
	 * the host, or a Match whose criteria are not known here, which then
	 * is for no host.  ForwardAgent is left out in silence.
	 */
	void (*untaken)(void *arg, unsigned line, const char *keyword);
	/* A line that ssh(1) would refuse, too. */
	void (*bad)(void *arg, unsigned line, const char *why);
};

/*
 * Reads len bytes of text, which is changed and has a byte more than that, as a
 * whole file.
 */
void ssh_config_read(char *text, size_t len, struct ssh_config_state *state,
    const struct ssh_config_events *events, void *arg);

/* "*" and "?" as in ssh_config(5)'s PATTERNS. */
bool ssh_pattern_match(const char *text, const char *pattern);

#endif
