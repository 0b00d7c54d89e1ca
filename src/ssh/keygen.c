/* SPDX-License-Identifier: ISC */
/*
 * Makes keys: libssh 0.12 has a new function for it and warns of the old one.
 */
#include "config.h"

#include <libssh/libssh.h>

#include <stddef.h>

#include "keygen.h"

int
keygen_ed25519(struct ssh_key_struct **key)
{
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 12, 0)
	return ssh_pki_generate_key(SSH_KEYTYPE_ED25519, NULL, key);
#else
	return ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, key);
#endif
}
