/* SPDX-License-Identifier: ISC */
/*
 * The key that this host logs in with: Ed25519 in OpenSSH's format or PKCS#8,
 * private to its owner, with an optional certificate beside it.
 */
#ifndef ORTHRUS_SSH_IDENTITY_H
#define ORTHRUS_SSH_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/proto/certificate.h"

struct identity;		/* holds a libssh key, wiped when freed */
struct ssh_key_struct;

/*
 * Reads the private key at path and, when "PATH-cert.pub" exists, puts that
 * certificate on it.  Refused with *e (EX_CONFIG) and what to do: missing
 * (names "orthrus keygen"), not a regular file, readable by group or others,
 * owned by someone else than us or root, encrypted, not Ed25519, malformed, a
 * certificate of another key.  What is loaded can log in.  Free with
 * identity_free().
 */
struct identity *identity_load(const char *path, struct error *e);

/* What else belongs to a private key; any may be NULL. */
struct identity_asks {
	/* Returns a passphrase to be wiped and freed, or NULL: none is given. */
	char *(*passphrase)(void *arg, const char *path, bool again);
	void *arg;
	const char *certificate;	/* path, instead of "PATH-cert.pub" */
};

/* The same, which asks up to three times; asks may be NULL. */
struct identity *identity_open(const char *path,
    const struct identity_asks *asks, struct error *e);
/* Ends when each of its owners has. */
void identity_free(struct identity *id);
struct identity *identity_ref(struct identity *id);

/* True when somebody gave a passphrase for it.  id may be NULL. */
bool identity_was_sealed(const struct identity *id);

/*
 * One whose keys are in the ssh-agent(1) at a socket: all its Ed25519 ones, or
 * only this one.  identity_add_agent() has them tried after the key of a file.
 */
struct identity *identity_of_agent(const char *agent, const uint8_t *only);
void identity_add_agent(struct identity *id, const char *agent);
/* The socket, or NULL; *only may be NULL.  Both belong to id. */
const char *identity_agent(const struct identity *id, const uint8_t **only);

/* True when the key at path has a passphrase. */
bool identity_is_sealed(const char *path);

/*
 * The public half of the key at path, of which a passphrase may hide the other,
 * or that is a public one; else that of PATH.pub.  False: neither is one.
 */
bool identity_public_half(const char *path, uint8_t key[ED25519_KEY_LEN]);

/*
 * The libssh key, owned by id; for ssh_userauth_publickey().  NULL where all of
 * its keys are in an agent.
 */
struct ssh_key_struct *identity_key(const struct identity *id);

/*
 * The public half, with the certificate where there is one, for the caller to
 * free with libssh; NULL when libssh cannot make it.
 */
struct ssh_key_struct *identity_public(const struct identity *id);

/*
 * Its certificate, owned by id; NULL without one, or when it is of a kind that
 * certificate_read() does not take, or without id.
 */
const struct certificate *identity_certificate(const struct identity *id);

/*
 * For an error message, what a server (a gateway or not) that has refused user
 * with this key at now (UNIX seconds) may have against it: "its certificate
 * expired at ...".
 */
void identity_why_refused(const struct identity *id, const char *user,
    bool gateway, uint64_t now, char *text, size_t size);

/*
 * Makes a new key and writes it to path with mode 0600, its directory being
 * created with 0700 when missing, and its public half to "PATH.pub"; never
 * overwrites.  What root makes belongs to the owner of its directory.  The
 * public key line ("ssh-ed25519 AAAA... comment") is returned for the caller
 * to free; NULL with *e (EX_CANTCREAT).
 */
char *identity_generate(const char *path, const char *comment,
    struct error *e);

#endif
