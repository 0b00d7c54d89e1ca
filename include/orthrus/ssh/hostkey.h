/* SPDX-License-Identifier: ISC */
/* Who the server is: pinned fingerprints, known_hosts, first contact. */
#ifndef ORTHRUS_SSH_HOSTKEY_H
#define ORTHRUS_SSH_HOSTKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"

struct server;
struct ssh_session_struct;

#define FINGERPRINT_MAX 64	/* "SHA256:" and 43 characters, with NUL */

struct hostkey_policy {
	char *const *pins;		/* fingerprints; when any, only they count */
	size_t npins;
	char *const *known_hosts;	/* files; the first is written to */
	size_t nknown_hosts;
	/*
	 * Other ways to who is meant: a key that is known for one of these is
	 * good where none is known.
	 */
	const struct server *servers;
	size_t nservers;
	bool accept_new;
	bool forgets;			/* nothing is written of it */
	bool enrolling;			/* the pin is of an AUTH_KEY: what
					   matches it is remembered */
};

/* What the connected session's server has proved. */
struct hostkey_shown {
	struct ssh_session_struct *session;
	const uint8_t *blob;		/* of a key or a certificate; or NULL */
	size_t len;
};

/*
 * Decides on the key that the connected session's server proved, for the
 * server as the user named it (host without brackets, port).  The fingerprint
 * goes to fp whatever the answer.  Returns 0 when the key is trusted: it is
 * pinned or known, or none is known for that server and this is the known one
 * of another of the policy's servers, or it is the first contact with
 * accept_new (it is remembered first, the file and its directory being made
 * when missing).  Else -1 with *e (EX_NOPERM, 77): unknown (the text holds the
 * fingerprint and the exact "--host-key SHA256:..." that would accept it),
 * known with another type of key only (the same), changed (file and line of the
 * old key, never accepted), revoked, not among the pins, a certificate of a
 * known authority that is not good for this host now.  A known_hosts file is
 * read in OpenSSH's format, sshd(8): hashed names, [host]:port, patterns,
 * negation, @revoked, @cert-authority.  Without a known authority a certificate
 * counts as the key that it is for, as in ssh(1).
 */
int hostkey_check(const struct hostkey_shown *shown, const char *host,
    uint16_t port, const struct hostkey_policy *policy,
    char fp[FINGERPRINT_MAX], struct error *e);

/* True for "SHA256:" and 43 base64 characters. */
bool fingerprint_valid(const char *s);

#endif
