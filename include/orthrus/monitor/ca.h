/* SPDX-License-Identifier: ISC */
/*
 * The gateway's own keys, made at the first start in its state directory: the
 * SSH host key and the certificate authority's.  The CA's private half never
 * leaves the process and its file.
 */
#ifndef ORTHRUS_MONITOR_CA_H
#define ORTHRUS_MONITOR_CA_H

#include "orthrus/base/error.h"
#include "orthrus/proto/certificate.h"

#define CA_PREVIOUS_MAX 4

struct ca {
	uint8_t secret[64];	/* wiped by ca_free() */
	/* Its own public key first, then those of ca_previous.pub. */
	uint8_t accepted[1 + CA_PREVIOUS_MAX][ED25519_KEY_LEN];
	size_t naccepted;
};

/*
 * Loads DIRECTORY/ca_ed25519 (made with its .pub, 0600 and 0644, where it is
 * missing) and, where it exists, ca_previous.pub with up to CA_PREVIOUS_MAX
 * public key lines that are still accepted.  NULL with *e.
 */
struct ca *ca_load(const char *directory, struct error *e);
/*
 * Only whom certificates are accepted of, from the same files: secret stays
 * empty, nothing is made, and naccepted is 0 where there is no CA yet.  NULL
 * with *e.
 */
struct ca *ca_load_public(const char *directory, struct error *e);
void ca_free(struct ca *ca);

#endif
