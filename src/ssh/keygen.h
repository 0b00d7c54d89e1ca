/* SPDX-License-Identifier: ISC */
/*
 * A new key, by whichever of libssh's functions the library at hand has.
 */
#ifndef ORTHRUS_SSH_KEYGEN_H
#define ORTHRUS_SSH_KEYGEN_H

struct ssh_key_struct;

/* Makes an Ed25519 key, to be freed by ssh_key_free().  SSH_OK or SSH_ERROR. */
int keygen_ed25519(struct ssh_key_struct **key);

#endif
