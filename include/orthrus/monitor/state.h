/* SPDX-License-Identifier: ISC */
/*
 * The gateway's state directory: registry, host key, list of revoked
 * certificates, and the lock by which one gateway at a time runs on it.
 * "charon serve" and the other commands open it side by side.
 */
#ifndef ORTHRUS_MONITOR_STATE_H
#define ORTHRUS_MONITOR_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/registry/registry.h"

struct state {
	struct registry *registry;
	char *directory;
	char *host_key;			/* path of the private key */
	uint8_t host_key_hash[32];	/* SHA-256 of its public blob */
	char *revoked_keys;		/* path, for sshd(8)'s RevokedKeys */
	bool new_registry, new_host_key;	/* made by this state_open() */
	char *lock_path;		/* private */
	int lock;			/* private: descriptor, or -1 */
};

/*
 * Opens what c names; with create, what is missing is made: the directory
 * (0700), host key and registry, with its list of revoked certificates.
 * Several may do so at once.  What root makes belongs to the directory's
 * owner.  A directory that others may write to is refused.  NULL with *e as
 * registry_open() gives it, EX_CONFIG for the host key.
 */
struct state *state_open(const struct gateway_config *c, bool create,
    struct error *e);
void state_close(struct state *s);

/* The files that charon makes in its state directory: names, up to NULL. */
extern const char *const state_files[];

/*
 * Before anything is opened, made or given away: could "charon serve", started
 * by who we are, use the state directory as the user that it would become?
 * What is missing and what it would make that user's first is no fault, nor is
 * what we cannot see.  0, or -1 with *e (EX_CONFIG, EX_NOPERM).
 */
int state_check(const struct gateway_config *c, struct error *e);

/*
 * Reads the public half of the host key that c names, as a blob, whether a
 * gateway runs or not: 0, or -1 with *e (EX_CONFIG, EX_NOPERM).
 */
int state_host_key(const struct gateway_config *c, uint8_t blob[KEY_BLOB_LEN],
    struct error *e);

/*
 * Takes the lock that "charon serve" holds until state_close(): 0, or -1 with
 * *e (EX_UNAVAILABLE) while another gateway runs on this directory.
 */
int state_lock(struct state *s, struct error *e);

/* Does a gateway, of another process, hold the lock? */
bool state_is_served(const struct state *s);

/*
 * Writes revoked_keys anew, after certificates were revoked: 0, or -1 with
 * *e.  What is in the registry holds all the same.
 */
int state_write_revoked(struct state *s, struct error *e);

#endif
