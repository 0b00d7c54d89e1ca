/* SPDX-License-Identifier: ISC */
/* See algorithms.h. */
#include "config.h"

#include <libssh/libssh.h>
#include <libssh/server.h>

#include <stddef.h>
#include <string.h>

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

/* Of a host as a client takes it, and of a user as a server does. */
#define CERTIFIED CERT_TYPE_NAME "," KEY_TYPE_NAME

static const struct {
	enum ssh_options_e client;
	enum ssh_bind_options_e server;
	const char *names;		/* NULL: cipher_preference() */
	const char *served;		/* NULL: the same by a server */
} algorithms[] = {
	{ SSH_OPTIONS_KEY_EXCHANGE, SSH_BIND_OPTIONS_KEY_EXCHANGE, KEX, NULL },
	{ SSH_OPTIONS_HOSTKEYS, SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS,
	    CERTIFIED, KEY_TYPE_NAME },
	{ SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES,
	    SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES,
	    CERTIFIED, NULL },
	{ SSH_OPTIONS_CIPHERS_C_S, SSH_BIND_OPTIONS_CIPHERS_C_S, NULL, NULL },
	{ SSH_OPTIONS_CIPHERS_S_C, SSH_BIND_OPTIONS_CIPHERS_S_C, NULL, NULL },
	{ SSH_OPTIONS_HMAC_C_S, SSH_BIND_OPTIONS_HMAC_C_S, MAC, NULL },
	{ SSH_OPTIONS_HMAC_S_C, SSH_BIND_OPTIONS_HMAC_S_C, MAC, NULL }
};

#define NALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

static const char *
algorithm_names(size_t i)
{
	return algorithms[i].names != NULL ? algorithms[i].names :
	    cipher_preference();
}

/* libssh's, not in its headers: what of preferred is available, or NULL. */
char *__real_ssh_find_all_matching(const char *available,
    const char *preferred);
char *__wrap_ssh_find_all_matching(const char *available,
    const char *preferred);

/*
 * A client of libssh's can use a host's certificate, but takes its type out of
 * what it offers, since it does not judge certificates.  We do (hostkey.c).
 */
char *
__wrap_ssh_find_all_matching(const char *available, const char *preferred)
{
	return preferred != NULL && strcmp(preferred, CERTIFIED) == 0 ?
	    strdup(preferred) :
	    __real_ssh_find_all_matching(available, preferred);
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
		    algorithms[i].served != NULL ? algorithms[i].served :
		    algorithm_names(i)) != SSH_OK)
			return -1;
	return 0;
}
