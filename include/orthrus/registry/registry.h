/* SPDX-License-Identifier: ISC */
/*
 * Who may come: agents, clients, their certificates and what was last known of
 * them, in SQLite (WAL).  Every change is on disk before the function returns.
 * The running gateway and "charon agent ..." open it side by side.
 */
#ifndef ORTHRUS_REGISTRY_REGISTRY_H
#define ORTHRUS_REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"
#include "orthrus/proto/allow.h"
#include "orthrus/proto/auth_key.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/leash.h"

struct registry;

enum peer_kind { PEER_AGENT, PEER_CLIENT };

/* One row: an agent, or a client. */
struct peer {
	uint64_t id;			/* random, never 0; also in its AUTH_KEY */
	enum peer_kind kind;
	char name[NAME_MAX_LEN];	/* unique among both kinds */
	int64_t created;		/* UNIX seconds */
	bool enrolled;			/* has a certificate that is not revoked */
	bool has_key;			/* client: a key of its own, --key */
	uint8_t key[ED25519_KEY_LEN];
	char allow[ALLOW_MAX];		/* client: as allow_parse() writes it */
	uint16_t docker_port;		/* agent: fixed, at 127.0.0.1; 0: none */
	/* agent: as last reported; "" and 0 when never */
	int64_t last_seen;		/* UNIX seconds, 0: never */
	bool online;			/* as the gateway last wrote it */
	struct leash_message hello;	/* kind LEASH_HELLO, or LEASH_UNKNOWN */
	double load;
	uint64_t memory_used, memory_total;
};

/*
 * Opens (with create: makes, mode 0600, its directory 0700) the database at
 * path, and brings an older schema up to date.  A database of a newer schema,
 * one that others may read, or a damaged one is refused; without create damage
 * is found where it is met, since looking at everything takes longer the more
 * there is.  busy_ms is how long a call may wait for another process.  NULL
 * with *e: EX_CONFIG, EX_NOPERM, EX_CANTCREAT or EX_IOERR.  Used by one thread.
 */
struct registry *registry_open(const char *path, bool create, int busy_ms,
    struct error *e);
void registry_close(struct registry *r);
/* "SQLite VERSION", as the library that runs says. */
const char *registry_library_text(void);
/*
 * For a caller that must not wait, such as a loop: calls wait busy_ms for
 * another process from now on, and those that write what was seen do not wait
 * at all, since that is written again anyway.
 */
void registry_hurry(struct registry *r, int busy_ms);

/*
 * All that change something return 0, or -1 with *e: EX_DATAERR or EX_NOUSER
 * for what is asked (a name that is taken, or unknown), EX_TEMPFAIL when the
 * database stayed locked, EX_IOERR when the disk is full or broken; nothing
 * is changed then.
 */

/*
 * Registers a peer.  With key (of PEER_CLIENT) it logs in with that, else
 * *auth gets id and a fresh secret (the caller adds the host key's
 * fingerprint and wipes it); only a hash is stored.  allow is for clients.
 */
int registry_add(struct registry *r, enum peer_kind kind, const char *name,
    const char *allow, const uint8_t *key, struct auth_key *auth,
    struct error *e);
/*
 * Sets what a client may reach from now on.  That is told as a change, and the
 * client's sessions stay.
 */
int registry_set_allow(struct registry *r, const char *name,
    const char *allow, struct error *e);
/*
 * Sets the port that an agent's Docker has at 127.0.0.1 from now on, 0 for
 * none.  That is told as a change.  Another agent's port is EX_DATAERR.
 */
int registry_set_docker_port(struct registry *r, const char *name,
    uint16_t port, struct error *e);
/* Checks only whether the port is another agent's: 0, or -1 with *e. */
int registry_docker_port_check(struct registry *r, const char *name,
    uint16_t port, struct error *e);
/* Makes a new secret, and revokes every certificate. */
int registry_rekey(struct registry *r, const char *name,
    struct auth_key *auth, struct error *e);
/*
 * Forgets a peer.  Its certificates stay on the revocation list till they
 * expire.
 */
int registry_remove(struct registry *r, enum peer_kind kind,
    const char *name, struct error *e);

/* 1 and *p, 0 when there is none, -1 with *e. */
int registry_find(struct registry *r, const char *name, struct peer *p,
    struct error *e);
int registry_find_id(struct registry *r, uint64_t id, struct peer *p,
    struct error *e);
/* Calls each, which makes no change, by name: 0, or -1 with *e. */
int registry_each(struct registry *r, void (*each)(void *arg,
    const struct peer *p), void *arg, struct error *e);

/*
 * True when auth's id is registered and its secret is right and not used up;
 * constant time in the secret.  false with *e saying which for the log (no
 * such agent, wrong, used, revoked), never for the client.
 */
bool registry_auth_key_valid(struct registry *r, const struct auth_key *auth,
    struct error *e);

/*
 * Uses up auth for key and gives it a serial, in one transaction.  c gets
 * serial, key_id, principals, times (valid from a minute ago, to allow for
 * clocks, till now + lifetime seconds) and key, for certificate_write().  A
 * second call with the same auth and the same key succeeds again until that
 * key has logged in (an agent that never got its answer); with another key it
 * is refused as used.  That somebody has the key's private half is for the
 * caller to know; one that is another peer's is refused (EX_DATAERR).
 */
int registry_enrol(struct registry *r, const struct auth_key *auth,
    const uint8_t key[ED25519_KEY_LEN], uint64_t lifetime,
    struct certificate *c, struct error *e);

/*
 * The next certificate of peer id, for key, of which the same holds.  Older
 * ones stay valid until registry_logged_in() saw a newer one.
 */
int registry_renew(struct registry *r, uint64_t id, uint64_t serial,
    const uint8_t key[ED25519_KEY_LEN], uint64_t lifetime,
    struct certificate *c, struct error *e);

/*
 * 1 when serial was issued to the peer called name for that key and is not
 * revoked; *p is the peer.  0 when not, with *e why; -1 with *e.
 */
int registry_certificate_valid(struct registry *r, const char *name,
    uint64_t serial, const uint8_t key[ED25519_KEY_LEN], struct peer *p,
    struct error *e);
/*
 * serial was logged in with: the older ones of that peer are revoked.  1 when
 * there were such, else 0; -1 with *e, EX_NOUSER when serial itself is revoked.
 */
int registry_logged_in(struct registry *r, uint64_t id, uint64_t serial,
    struct error *e);

/*
 * What the gateway saw, many in one transaction that is not forced to disk:
 * call begin, seen for each, commit, and no change in between.  0 or -1 with
 * *e (then it has ended and all are lost, which harms nothing: they come
 * again).
 */
int registry_seen_begin(struct registry *r, struct error *e);
int registry_seen(struct registry *r, const struct peer *p, struct error *e);
int registry_seen_commit(struct registry *r, struct error *e);
/* Writes that no agent is online, at the start and the end of the gateway. */
int registry_all_offline(struct registry *r, struct error *e);

/*
 * What has changed in the list of peers since *seq (0: everything), by this
 * or another process: each is called with the row, or with only the id when it
 * was removed, and revoked true when certificates that it may be logged in
 * with were revoked (rekey, removal).  each may ask the registry and write
 * what was seen, but make no change.  *seq is brought up to date.  Cheap when
 * nothing has changed (PRAGMA data_version).  What registry_seen() writes is
 * no change.  Returns 0; 1 when each was called for all that there are,
 * because *seq was 0 or the journal no longer goes back to it (whom each was
 * not called for is gone then); or -1 with *e, and *seq is as before.
 */
int registry_changes(struct registry *r, int64_t *seq, void (*each)(void *arg,
    const struct peer *p, bool removed, bool revoked), void *arg,
    struct error *e);

/*
 * Writes the serials of revoked certificates that have not expired to path, as
 * certificates of each of these authorities (see proto/krl.h), for sshd(8)'s
 * RevokedKeys; replaced atomically.  Refused (EX_CONFIG) when there are such
 * and no authorities.
 */
int registry_write_revoked(struct registry *r,
    const uint8_t (*authorities)[ED25519_KEY_LEN], size_t nauthorities,
    const char *path, struct error *e);

#endif
