/* SPDX-License-Identifier: ISC */
/*
 * What the files of an identity share: identity.c (reading it),
 * identity_certificate.c (the certificate beside it), identity_refusal.c (what
 * a server may have against it), identity_generate.c (a new one).
 */
#ifndef ORTHRUS_SSH_IDENTITY_PRIVATE_H
#define ORTHRUS_SSH_IDENTITY_PRIVATE_H

#include <libssh/libssh.h>

#include "orthrus/ssh/identity.h"

#define KEY_FILE_MAX (64 * 1024)	/* of a key, or of a certificate */

struct identity {
	unsigned owners;
	ssh_key key;
	bool sealed;			/* by a passphrase that was given */
	bool pkcs8;
	char *agent;			/* the socket of one, or NULL */
	bool has_only;			/* of its keys just this one */
	uint8_t only[ED25519_KEY_LEN];
	bool certified;
	struct certificate certificate;	/* when certified */
};

/*
 * identity_certificate.c: puts the certificate on id's key that asks names, or
 * that is beside the file of that name.  0, also where there is none; -1 with
 * *e (EX_CONFIG).
 */
int identity_add_certificate(const char *identity,
    const struct identity_asks *asks, struct identity *id, struct error *e);

#endif
