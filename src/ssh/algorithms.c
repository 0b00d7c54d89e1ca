/* SPDX-License-Identifier: ISC */
/* See algorithms.h. */
#include "config.h"

#include <libssh/libssh.h>
#include <libssh/server.h>

#include <stddef.h>

#include "orthrus/proto/certificate.h"

#include "algorithms.h"
#include "selftest.h"

/*
 * Those that a quantum computer does not break come first.  libssh has them
 * from 0.12 on, and drops names that it does not know.
 */
#define KEX "mlkem768x25519-sha256," \
	"sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com," \
	"curve25519-sha256,curve25519-sha256@libssh.org"
#define MAC "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"

static const struct {
	enum ssh_options_e client;
	enum ssh_bind_options_e server;
	const char *names;		/* NULL: cipher_preference() */
} algorithms[] = {
	{ SSH_OPTIONS_KEY_EXCHANGE, SSH_BIND_OPTIONS_KEY_EXCHANGE, KEX },
	{ SSH_OPTIONS_HOSTKEYS, SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS,
	    KEY_TYPE_NAME },
	{ SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES,
	    SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES,
	    CERT_TYPE_NAME "," KEY_TYPE_NAME },
	{ SSH_OPTIONS_CIPHERS_C_S, SSH_BIND_OPTIONS_CIPHERS_C_S, NULL },
	{ SSH_OPTIONS_CIPHERS_S_C, SSH_BIND_OPTIONS_CIPHERS_S_C, NULL },
	{ SSH_OPTIONS_HMAC_C_S, SSH_BIND_OPTIONS_HMAC_C_S, MAC },
	{ SSH_OPTIONS_HMAC_S_C, SSH_BIND_OPTIONS_HMAC_S_C, MAC }
};

#define NALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

static const char *
algorithm_names(size_t i)
{
	return algorithms[i].names != NULL ? algorithms[i].names :
	    cipher_preference();
}

int
algorithms_offer(ssh_session session)
{
	size_t i;

	for (i = 0; i < NALGORITHMS; i++)
		if (ssh_options_set(session, algorithms[i].client,
		    algorithm_names(i)) != SSH_OK)
			return -1;
	return 0;
}

int
algorithms_serve(ssh_bind bind)
{
	size_t i;

	for (i = 0; i < NALGORITHMS; i++)
		if (ssh_bind_options_set(bind, algorithms[i].server,
		    algorithm_names(i)) != SSH_OK)
			return -1;
	return 0;
}
