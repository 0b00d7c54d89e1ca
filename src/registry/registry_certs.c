/* SPDX-License-Identifier: ISC */
/* The registry's certificates: issued, found valid, revoked, forgotten. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/krl.h"
#include "registry_private.h"

/*
 * Certificates begin so many seconds early, since the clocks of two hosts
 * differ.
 */
#define EARLY 60
/*
 * The most that a peer may have: asking for ever new ones must not fill the
 * disk.
 */
#define CERTIFICATES_MAX 256

/* --- AUTH_KEY --------------------------------------------------------- */

/* What is known of the AUTH_KEY of one peer. */
struct secret {
	char name[NAME_MAX_LEN];
	bool used;			/* used_by has enrolled with it */
	bool closed;			/* and has logged in since */
	uint8_t used_by[ED25519_KEY_LEN];
};

/*
 * Says in *e, for the log, whether a wrong secret is one that a rekey has
 * replaced: always -1.
 */
static int
auth_key_wrong(struct registry *r, const char *name, uint64_t id,
    const uint8_t hash[SECRET_HASH_LEN], struct error *e)
{
	sqlite3_stmt *s = sql_start(&r->main, SQL_SECRET_WAS, e, "ib",
	    (int64_t)id, hash, (size_t)SECRET_HASH_LEN);
	int was;

	if (s == NULL || (was = sql_step(&r->main, s, e)) == -1)
		return -1;
	if (was == 0)
		return error_set(e, EX_DATAERR, "the AUTH_KEY of %s is wrong",
		    name);
	sql_reset(s);
	return error_set(e, EX_DATAERR, "the AUTH_KEY of %s is revoked; a "
	    "rekey has replaced it", name);
}

/* Looks up *x by the id of auth, and compares the secrets: 0, or -1 with *e. */
static int
check_auth_secret(struct registry *r, const struct auth_key *auth,
    struct secret *x, struct error *e)
{
	uint8_t given[SECRET_HASH_LEN], stored[SECRET_HASH_LEN];
	bool has_secret;
	sqlite3_stmt *s;
	int found;

	memset(x, 0, sizeof(*x));
	s = sql_start(&r->main, SQL_SECRET_BY_ID, e, "i", (int64_t)auth->id);
	if (s == NULL || (found = sql_step(&r->main, s, e)) == -1)
		return -1;
	if (found == 0)
		return error_set(e, EX_NOUSER, "no agent has this AUTH_KEY's "
		    "id; it was removed, or is another gateway's");
	snprintf(x->name, sizeof(x->name), "%s",
	    (const char *)sqlite3_column_text(s, 0));
	has_secret = sql_blob(s, 1, stored, sizeof(stored));
	x->used = sql_blob(s, 2, x->used_by, sizeof(x->used_by));
	x->closed = sqlite3_column_int(s, 3) != 0;
	sql_reset(s);
	if (!has_secret)
		return error_set(e, EX_DATAERR, "client %s logs in with a key "
		    "of its own and has no AUTH_KEY", x->name);
	secret_hash(auth->secret, given);
	if (sodium_memcmp(given, stored, sizeof(given)) != 0)
		return auth_key_wrong(r, x->name, auth->id, given, e);
	return 0;
}

static int
auth_key_used_up(const struct secret *x, struct error *e)
{
	return error_set(e, EX_DATAERR, "the AUTH_KEY of %s was used already; "
	    "\"charon agent rekey\" makes a new one", x->name);
}

bool
registry_auth_key_valid(struct registry *r, const struct auth_key *auth,
    struct error *e)
{
	struct secret x;

	if (check_auth_secret(r, auth, &x, e) == -1)
		return false;
	if (x.closed) {
		auth_key_used_up(&x, e);
		return false;
	}
	return true;
}

/* --- issuing ---------------------------------------------------------- */

/* Fills in everything of *c but the serial. */
static void
fill_certificate(struct certificate *c, const char *name, const uint8_t *key,
    uint64_t lifetime, int64_t now)
{
	memset(c, 0, sizeof(*c));
	c->type = CERT_USER;
	snprintf(c->key_id, sizeof(c->key_id), "%s", name);
	snprintf(c->principals[0], sizeof(c->principals[0]), "%s", name);
	c->nprincipals = 1;
	c->valid_after = now < EARLY ? 0 : (uint64_t)now - EARLY;
	c->valid_before = (uint64_t)now + lifetime;
	memcpy(c->key, key, ED25519_KEY_LEN);
}

/*
 * Forgets expired certificates.  Their own dates have them refused, so their
 * rows are of no use any more.
 */
static int
expire_certificates(struct registry *r, uint64_t id, int64_t now,
    struct error *e)
{
	if (sql_run(&r->main, SQL_CERTIFICATE_EXPIRE, e, "i", now) == -1)
		return -1;
	return sql_run(&r->main, SQL_CERTIFICATE_EXPIRE_PEER, e, "ii",
	    (int64_t)id, now);
}

/* Whose key it is would be in doubt, and by it who has come: 0, or -1. */
static int
check_key_is_own(struct registry *r, uint64_t id, const struct certificate *c,
    struct error *e)
{
	sqlite3_stmt *s = sql_start(&r->main, SQL_KEY_OF_ANOTHER, e, "ibi",
	    (int64_t)id, c->key, sizeof(c->key), (int64_t)time(NULL));
	int found;

	if (s == NULL || (found = sql_step(&r->main, s, e)) == -1)
		return -1;
	sql_reset(s);
	if (found == 0)
		return 0;
	return error_set(e, EX_DATAERR, "the key that %s would have certified "
	    "is another's; each needs a key of its own", c->key_id);
}

static int
issue_certificate(struct registry *r, uint64_t id, struct certificate *c,
    struct error *e)
{
	sqlite3_stmt *s;
	int64_t n;

	s = sql_start(&r->main, SQL_CERTIFICATE_COUNT, e, "i", (int64_t)id);
	if (s == NULL || sql_step(&r->main, s, e) == -1)
		return -1;
	n = sqlite3_column_int64(s, 0);
	sql_reset(s);
	if (check_key_is_own(r, id, c, e) == -1)
		return -1;
	if (n >= CERTIFICATES_MAX)
		return error_set(e, EX_DATAERR, "%s has %lld certificates that "
		    "have not expired; it gets no more for now", c->key_id,
		    (long long)n);
	if (sql_run(&r->main, SQL_CERTIFICATE_ADD, e, "ibi", (int64_t)id,
	    c->key, sizeof(c->key), (int64_t)c->valid_before) == -1)
		return -1;
	c->serial = (uint64_t)sqlite3_last_insert_rowid(r->main.db);
	return 0;
}

/*
 * Gives *c the serial that this key got before, for the new times, or else a
 * new one.
 */
static int
issue_certificate_again(struct registry *r, uint64_t id, struct certificate *c,
    struct error *e)
{
	sqlite3_stmt *s;

	s = sql_start(&r->main, SQL_CERTIFICATE_AGAIN, e, "ib", (int64_t)id,
	    c->key, sizeof(c->key));
	if (s == NULL || sql_step(&r->main, s, e) == -1)
		return -1;
	c->serial = (uint64_t)sqlite3_column_int64(s, 0);
	sql_reset(s);
	if (c->serial == 0)
		return issue_certificate(r, id, c, e);
	return sql_run(&r->main, SQL_CERTIFICATE_EXTEND, e, "ii",
	    (int64_t)c->serial, (int64_t)c->valid_before);
}

static int
enrol_peer(struct registry *r, const struct auth_key *auth, const uint8_t *key,
    uint64_t lifetime, struct certificate *c, struct error *e)
{
	int64_t now = time(NULL);
	struct secret x;

	if (check_auth_secret(r, auth, &x, e) == -1)
		return -1;
	if (x.closed || (x.used && memcmp(x.used_by, key,
	    sizeof(x.used_by)) != 0))
		return auth_key_used_up(&x, e);
	fill_certificate(c, x.name, key, lifetime, now);
	if (expire_certificates(r, auth->id, now, e) == -1)
		return -1;
	if (x.used)
		return issue_certificate_again(r, auth->id, c, e);
	if (sql_run(&r->main, SQL_SECRET_USE, e, "ib", (int64_t)auth->id, key,
	    (size_t)ED25519_KEY_LEN) == -1)
		return -1;
	return issue_certificate(r, auth->id, c, e);
}

int
registry_enrol(struct registry *r, const struct auth_key *auth,
    const uint8_t key[ED25519_KEY_LEN], uint64_t lifetime,
    struct certificate *c, struct error *e)
{
	if (change_begin(r, e) == -1)
		return -1;
	return change_end(r, enrol_peer(r, auth, key, lifetime, c, e), e);
}

static int
renew_certificate(struct registry *r, uint64_t id, uint64_t serial,
    const uint8_t *key, uint64_t lifetime, struct certificate *c,
    struct error *e)
{
	int64_t now = time(NULL);
	sqlite3_stmt *s;
	struct peer p;
	int found;

	found = registry_find_id(r, id, &p, e);
	if (found != 1)
		return found == -1 ? -1 : error_set(e, EX_NOUSER, "whom this "
		    "certificate is for was removed");
	/*
	 * A certificate that was replaced is not renewed, or whoever still
	 * holds its key would get the next one.
	 */
	s = sql_start(&r->main, SQL_CERTIFICATE_STATE, e, "ii", (int64_t)id,
	    (int64_t)serial);
	if (s == NULL || (found = sql_step(&r->main, s, e)) == -1)
		return -1;
	sql_reset(s);
	if (found == 0)
		return error_set(e, EX_DATAERR, "the certificate of %s that is "
		    "to be renewed is revoked", p.name);
	fill_certificate(c, p.name, key, lifetime, now);
	if (expire_certificates(r, id, now, e) == -1)
		return -1;
	return issue_certificate(r, id, c, e);
}

int
registry_renew(struct registry *r, uint64_t id, uint64_t serial,
    const uint8_t key[ED25519_KEY_LEN], uint64_t lifetime,
    struct certificate *c, struct error *e)
{
	if (change_begin(r, e) == -1)
		return -1;
	return change_end(r, renew_certificate(r, id, serial, key, lifetime, c,
	    e), e);
}

/* --- logging in ------------------------------------------------------- */

/*
 * True when the row of a serial lets name in with key; else *e says why it does
 * not.
 */
static bool
judge_certificate_row(sqlite3_stmt *s, const char *name, uint64_t serial,
    const uint8_t *key, struct error *e)
{
	const char *owner = (const char *)sqlite3_column_text(s, 3);
	uint8_t stored[ED25519_KEY_LEN];
	const char *why = NULL;

	if (sqlite3_column_int(s, 2) != 0)
		why = "is revoked";
	else if (owner == NULL || strcmp(owner, name) != 0)
		why = "was issued to another";
	else if (!sql_blob(s, 1, stored, sizeof(stored)) ||
	    memcmp(stored, key, sizeof(stored)) != 0)
		why = "was issued for another key";
	if (why != NULL)
		error_set(e, EX_NOPERM, "certificate %llu of %s %s",
		    (unsigned long long)serial, name, why);
	return why == NULL;
}

int
registry_certificate_valid(struct registry *r, const char *name,
    uint64_t serial, const uint8_t key[ED25519_KEY_LEN], struct peer *p,
    struct error *e)
{
	sqlite3_stmt *s;
	int64_t id = 0;
	int found;

	s = sql_start(&r->main, SQL_CERTIFICATE_BY_SERIAL, e, "i",
	    (int64_t)serial);
	if (s == NULL || (found = sql_step(&r->main, s, e)) == -1)
		return -1;
	if (found == 0) {
		error_set(e, EX_NOPERM, "certificate %llu of %s is none of "
		    "this gateway's", (unsigned long long)serial, name);
		return 0;
	}
	if (judge_certificate_row(s, name, serial, key, e))
		id = sqlite3_column_int64(s, 0);
	sql_reset(s);
	if (id == 0)
		return 0;
	found = registry_find_id(r, (uint64_t)id, p, e);
	if (found == 0)
		error_set(e, EX_NOUSER, "%s was removed", name);
	return found;
}

/*
 * What a login would change: 1 when something, 0 when nothing, -1 with *e
 * when serial is no longer valid.
 */
static int
login_changes(struct registry *r, int64_t id, int64_t serial, struct error *e)
{
	struct database *d = &r->main;
	sqlite3_stmt *s;
	bool done;
	int found;

	s = sql_start(d, SQL_CERTIFICATE_STATE, e, "ii", id, serial);
	if (s == NULL || (found = sql_step(d, s, e)) == -1)
		return -1;
	if (found == 0)
		return error_set(e, EX_NOUSER, "certificate %lld was revoked "
		    "meanwhile", (long long)serial);
	done = sqlite3_column_int(s, 1) != 0;
	sql_reset(s);
	if (!done)
		return 1;
	s = sql_start(d, SQL_CERTIFICATE_OLDER, e, "ii", id, serial);
	if (s == NULL || sql_step(d, s, e) == -1)
		return -1;
	found = sqlite3_column_int(s, 0);
	sql_reset(s);
	return found;
}

int
registry_logged_in(struct registry *r, uint64_t id, uint64_t serial,
    struct error *e)
{
	struct database *d = &r->main;
	int64_t peer = (int64_t)id, n = (int64_t)serial;
	int result;

	/* Most logins change nothing, and need not wait for the disk. */
	result = login_changes(r, peer, n, e);
	if (result != 1)
		return result;
	if (change_begin(r, e) == -1)
		return -1;
	result = login_changes(r, peer, n, e);
	if (result == 1 && (sql_run(d, SQL_SECRET_CLOSE, e, "i", peer) == -1 ||
	    sql_run(d, SQL_CERTIFICATE_REVOKE_OLDER, e, "ii", peer, n) == -1))
		result = -1;
	if (change_end(r, result == -1 ? -1 : 0, e) == -1)
		return -1;
	return result;
}

/* --- for a stock sshd ------------------------------------------------- */

/* Reads the serials, for the caller to free: 0, or -1 with *e. */
static int
list_revoked(struct registry *r, uint64_t **serials, size_t *n,
    struct error *e)
{
	sqlite3_stmt *s;
	size_t room = 0;
	int result = 1;

	*serials = NULL;
	*n = 0;
	s = sql_start(&r->main, SQL_CERTIFICATE_REVOKED, e, "i",
	    (int64_t)time(NULL));
	if (s == NULL)
		return -1;
	while (result == 1 && (result = sql_step(&r->main, s, e)) == 1) {
		if (*n == room) {
			room = room == 0 ? 64 : room * 2;
			*serials = xreallocarray(*serials, room,
			    sizeof(**serials));
		}
		(*serials)[(*n)++] = (uint64_t)sqlite3_column_int64(s, 0);
	}
	return result;
}

static int
write_krl(const struct krl *k, const char *path, struct error *e)
{
	uint8_t *out = xcalloc(1, krl_room(k));
	int r = file_replace(path, 0644, out, krl_write(k, out), e);

	free(out);
	return r;
}

int
registry_write_revoked(struct registry *r,
    const uint8_t (*authorities)[ED25519_KEY_LEN], size_t nauthorities,
    const char *path, struct error *e)
{
	struct krl k = { .authorities = authorities,
	    .nauthorities = nauthorities, .made = (uint64_t)time(NULL) };
	uint64_t *serials;
	int result = list_revoked(r, &serials, &k.nserials, e);

	k.serials = serials;
	/* A list that revokes nothing would let them all in. */
	if (result == 0 && k.nserials > 0 && nauthorities == 0)
		result = error_set(e, EX_CONFIG, "%s: nobody knows whose "
		    "certificates are revoked, as ca_ed25519.pub is not there; "
		    "\"charon serve\" writes it anew", path);
	if (result == 0)
		result = write_krl(&k, path, e);
	free(serials);
	return result;
}
