/* SPDX-License-Identifier: ISC */
/* The registry's rows: agents and clients come, change, are asked for, go. */
#include "config.h"

#include <string.h>
#include <time.h>

#include <sodium.h>

#include "registry_private.h"

#define CHANGES_KEPT (int64_t)100000

/*
 * A fast hash is right here: a secret of 256 random bits cannot be guessed,
 * however many guesses a second.  What slow hashes are for, passwords that
 * people choose, does not occur.
 */
void
secret_hash(const uint8_t secret[32], uint8_t hash[SECRET_HASH_LEN])
{
	crypto_generichash(hash, SECRET_HASH_LEN, secret, 32, NULL, 0);
}

static const char *
kind_name(enum peer_kind kind)
{
	return kind == PEER_AGENT ? "agent" : "client";
}

static int
registry_damaged(struct registry *r, struct error *e)
{
	return error_set(e, EX_IOERR, "registry %s: it is damaged (a row that "
	    "charon did not write); put a copy in its place", r->path);
}

/* Copies a text column of less than size bytes: true when it is one. */
static bool
copy_column(sqlite3_stmt *s, int i, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(s, i);
	size_t n = (size_t)sqlite3_column_bytes(s, i);

	if (text == NULL || n >= size || memchr(text, '\0', n) != NULL)
		return false;
	memcpy(out, text, n);
	out[n] = '\0';
	return true;
}

static int
peer_read(struct registry *r, sqlite3_stmt *s, struct peer *p, struct error *e)
{
	const void *frame;
	const char *why;

	memset(p, 0, sizeof(*p));
	p->id = (uint64_t)sqlite3_column_int64(s, 0);
	p->kind = sqlite3_column_int(s, 1) == 0 ? PEER_AGENT : PEER_CLIENT;
	p->created = sqlite3_column_int64(s, 3);
	p->has_key = sqlite3_column_type(s, 4) != SQLITE_NULL;
	p->enrolled = sqlite3_column_int(s, 6) != 0;
	p->last_seen = sqlite3_column_int64(s, 7);
	p->online = sqlite3_column_int(s, 8) != 0;
	p->load = sqlite3_column_double(s, 9);
	p->memory_used = (uint64_t)sqlite3_column_int64(s, 10);
	p->memory_total = (uint64_t)sqlite3_column_int64(s, 11);
	p->docker_port = (uint16_t)sqlite3_column_int(s, 13);
	/*
	 * Names become paths, so a row whose name is no name goes no further.
	 */
	if (!copy_column(s, 2, p->name, sizeof(p->name)) ||
	    !name_valid(p->name) ||
	    !copy_column(s, 5, p->allow, sizeof(p->allow)) ||
	    (p->has_key && !sql_blob(s, 4, p->key, sizeof(p->key))))
		return registry_damaged(r, e);
	/*
	 * A Hello that another version wrote may not be readable here.  It is
	 * left out, since the agent will send it again.
	 */
	frame = sqlite3_column_blob(s, 12);
	if (frame == NULL || leash_decode(frame,
	    (size_t)sqlite3_column_bytes(s, 12), &p->hello, &why) == -1 ||
	    p->hello.kind != LEASH_HELLO)
		memset(&p->hello, 0, sizeof(p->hello));
	return 0;
}

/* What a change needs to know of a peer. */
struct known_peer {
	int64_t id;
	enum peer_kind kind;
	bool has_secret;
};

/* The peer called name: 1, 0 when there is none, or -1 with *e. */
static int
look_up_peer(struct registry *r, const char *name, struct known_peer *k,
    struct error *e)
{
	sqlite3_stmt *s = sql_start(&r->main, SQL_PEER_KIND, e, "t", name);
	int result;

	if (s == NULL || (result = sql_step(&r->main, s, e)) == -1)
		return -1;
	if (result == 0)
		return 0;
	k->id = sqlite3_column_int64(s, 0);
	k->kind = sqlite3_column_int(s, 1) == 0 ? PEER_AGENT : PEER_CLIENT;
	k->has_secret = sqlite3_column_type(s, 2) != SQLITE_NULL;
	sql_reset(s);
	return 1;
}

/*
 * Looks up a peer that must be there: 0, or -1 with *e, which speaks of this
 * kind when there is no such name.
 */
static int
must_find_peer(struct registry *r, enum peer_kind kind, const char *name,
    struct known_peer *k, struct error *e)
{
	int found = look_up_peer(r, name, k, e);

	if (found != 0)
		return found == 1 ? 0 : -1;
	return error_set(e, EX_NOUSER, "there is no %s called \"%s\"; \"charon "
	    "%s list\" shows those that there are", kind_name(kind), name,
	    kind_name(kind));
}

/*
 * Ends a change of the list of peers, and prunes the journal, which has grown.
 */
static int
change_end_pruned(struct registry *r, int result, struct error *e)
{
	if (result == 0)
		result = sql_run(&r->main, SQL_CHANGES_PRUNE, e, "i",
		    CHANGES_KEPT);
	return change_end(r, result, e);
}

static void
new_auth_key(struct auth_key *auth, uint64_t id)
{
	memset(auth, 0, sizeof(*auth));
	auth->id = id;
	randombytes_buf(auth->secret, sizeof(auth->secret));
}

static int
check_allow(const char *name, const char *allow, struct error *e)
{
	if (strlen(allow) < ALLOW_MAX)
		return 0;
	return error_set(e, EX_DATAERR, "what %s is allowed takes more than "
	    "%d bytes; use AGENT:*", name, ALLOW_MAX - 1);
}

static int
check_new_peer(enum peer_kind kind, const char *name, const char *allow,
    const uint8_t *key, struct error *e)
{
	if (!name_valid(name))
		return error_set(e, EX_DATAERR, "\"%s\" is no name; write 1 to "
		    "63 of a-z, 0-9 and -, with no - at either end", name);
	if (strcmp(name, ENROLL_USER) == 0)
		return error_set(e, EX_DATAERR, "\"%s\" is the user that those "
		    "without an identity log in as; choose another name", name);
	if (kind == PEER_AGENT && (key != NULL || *allow != '\0'))
		return error_set(e, EX_DATAERR, "an agent has no key and no "
		    "permissions of its own; add a client for that");
	return check_allow(name, allow, e);
}

/*
 * Says that a name is taken.  Who adds a client again probably wants to let it
 * in elsewhere, too, and is told how.
 */
static int
name_is_taken(enum peer_kind kind, enum peer_kind other, const char *name,
    struct error *e)
{
	if (kind == PEER_CLIENT && other == PEER_CLIENT)
		return error_set(e, EX_DATAERR, "there is already a client "
		    "called %s; \"charon client allow %s --allow LIST\" "
		    "changes what it may reach, \"charon client remove %s\" "
		    "makes room for it with another key and ends its "
		    "sessions", name, name, name);
	if (kind == PEER_AGENT && other == PEER_AGENT)
		return error_set(e, EX_DATAERR, "there is already an agent "
		    "called %s; \"charon agent rekey %s\" makes a new AUTH_KEY "
		    "for it and ends its identity, for another host choose "
		    "another name", name, name);
	return error_set(e, EX_DATAERR, "there is already %s %s called %s; "
	    "choose another name", other == PEER_AGENT ? "an" : "a",
	    kind_name(other), name);
}

/*
 * Adds the row, inside a change: with key, or with the hash of an AUTH_KEY's
 * secret.
 */
static int
insert_peer(struct registry *r, enum peer_kind kind, const char *name,
    const char *allow, const uint8_t *key, const uint8_t *hash, uint64_t id,
    struct error *e)
{
	struct known_peer other;
	int found = look_up_peer(r, name, &other, e);

	if (found != 0)
		return found == 1 ? name_is_taken(kind, other.kind, name, e) :
		    -1;
	return sql_run(&r->main, SQL_PEER_ADD, e, "iititbb", (int64_t)id,
	    (int64_t)kind, name, (int64_t)time(NULL), allow, key,
	    (size_t)ED25519_KEY_LEN, hash, (size_t)SECRET_HASH_LEN);
}

int
registry_add(struct registry *r, enum peer_kind kind, const char *name,
    const char *allow, const uint8_t *key, struct auth_key *auth,
    struct error *e)
{
	struct auth_key own;
	uint8_t hash[SECRET_HASH_LEN];
	uint64_t id;
	int result;

	if (allow == NULL)
		allow = "";
	if (check_new_peer(kind, name, allow, key, e) == -1)
		return -1;
	do
		randombytes_buf(&id, sizeof(id));
	while (id == 0);
	new_auth_key(&own, id);
	secret_hash(own.secret, hash);

	if ((result = change_begin(r, e)) == 0)
		result = change_end_pruned(r, insert_peer(r, kind, name, allow,
		    key, key == NULL ? hash : NULL, id, e), e);
	if (result == 0 && key == NULL)
		*auth = own;
	sodium_memzero(&own, sizeof(own));
	return result;
}

static int
change_allow(struct registry *r, const char *name, const char *allow,
    struct error *e)
{
	struct known_peer k;

	if (must_find_peer(r, PEER_CLIENT, name, &k, e) == -1)
		return -1;
	if (k.kind != PEER_CLIENT)
		return error_set(e, EX_NOUSER, "%s is the name of an agent, "
		    "which reaches nothing but its own endpoints", name);
	return sql_run(&r->main, SQL_PEER_ALLOW, e, "it", k.id, allow);
}

int
registry_set_allow(struct registry *r, const char *name, const char *allow,
    struct error *e)
{
	if (check_allow(name, allow, e) == -1 || change_begin(r, e) == -1)
		return -1;
	return change_end_pruned(r, change_allow(r, name, allow, e), e);
}

int
registry_docker_port_check(struct registry *r, const char *name,
    uint16_t port, struct error *e)
{
	sqlite3_stmt *s = sql_start(&r->main, SQL_PEER_BY_DOCKER_PORT, e, "i",
	    (int64_t)port);
	char other[NAME_MAX_LEN];
	int found;

	if (s == NULL || (found = sql_step(&r->main, s, e)) == -1)
		return -1;
	if (found == 0)
		return 0;
	if (!copy_column(s, 0, other, sizeof(other)))
		other[0] = '\0';
	sql_reset(s);
	if (strcmp(other, name) == 0)
		return 0;
	return error_set(e, EX_DATAERR, "port %u is agent %s's already; choose "
	    "another, or run \"charon agent port %s off\" first",
	    (unsigned)port, other, other);
}

static int
change_docker_port(struct registry *r, const char *name, uint16_t port,
    struct error *e)
{
	struct known_peer k;

	if (must_find_peer(r, PEER_AGENT, name, &k, e) == -1)
		return -1;
	if (k.kind != PEER_AGENT)
		return error_set(e, EX_NOUSER, "%s is the name of a client, "
		    "which has no Docker here", name);
	if (port != 0 && registry_docker_port_check(r, name, port, e) == -1)
		return -1;
	return sql_run(&r->main, SQL_PEER_DOCKER_PORT, e, "ii", k.id,
	    (int64_t)port);
}

int
registry_set_docker_port(struct registry *r, const char *name, uint16_t port,
    struct error *e)
{
	if (change_begin(r, e) == -1)
		return -1;
	return change_end_pruned(r, change_docker_port(r, name, port, e), e);
}

static int
rekey_peer(struct registry *r, const char *name, struct auth_key *auth,
    struct error *e)
{
	struct database *d = &r->main;
	uint8_t hash[SECRET_HASH_LEN];
	struct known_peer k;

	if (must_find_peer(r, PEER_AGENT, name, &k, e) == -1)
		return -1;
	if (!k.has_secret)
		return error_set(e, EX_DATAERR, "client %s logs in with a key "
		    "of its own; remove it, and add it with another", name);
	new_auth_key(auth, (uint64_t)k.id);
	secret_hash(auth->secret, hash);
	if (sql_run(d, SQL_SECRET_KEEP, e, "i", k.id) == -1 ||
	    sql_run(d, SQL_CERTIFICATE_REVOKE_ALL, e, "i", k.id) == -1)
		return -1;
	return sql_run(d, SQL_PEER_REKEY, e, "ib", k.id, hash, sizeof(hash));
}

int
registry_rekey(struct registry *r, const char *name, struct auth_key *auth,
    struct error *e)
{
	struct auth_key own = { 0 };
	int result = change_begin(r, e);

	if (result == 0)
		result = change_end_pruned(r, rekey_peer(r, name, &own, e), e);
	if (result == 0)
		*auth = own;
	sodium_memzero(&own, sizeof(own));
	return result;
}

static int
forget_peer(struct registry *r, enum peer_kind kind, const char *name,
    struct error *e)
{
	struct known_peer k;

	if (must_find_peer(r, kind, name, &k, e) == -1)
		return -1;
	if (k.kind != kind)
		return error_set(e, EX_NOUSER, "%s is the name of %s %s; use "
		    "\"charon %s remove %s\"", name, k.kind == PEER_AGENT ?
		    "an" : "a", kind_name(k.kind), kind_name(k.kind), name);
	return sql_run(&r->main, SQL_PEER_REMOVE, e, "i", k.id);
}

int
registry_remove(struct registry *r, enum peer_kind kind, const char *name,
    struct error *e)
{
	if (change_begin(r, e) == -1)
		return -1;
	return change_end_pruned(r, forget_peer(r, kind, name, e), e);
}

/* --- questions -------------------------------------------------------- */

static int
find_peer(struct registry *r, sqlite3_stmt *s, struct peer *p, struct error *e)
{
	int result;

	if (s == NULL)
		return -1;
	result = sql_step(&r->main, s, e);
	if (result == 1) {
		if (peer_read(r, s, p, e) == -1)
			result = -1;
		sql_reset(s);
	}
	return result;
}

int
registry_find(struct registry *r, const char *name, struct peer *p,
    struct error *e)
{
	return find_peer(r, sql_start(&r->main, SQL_PEER_BY_NAME, e, "t", name),
	    p, e);
}

int
registry_find_id(struct registry *r, uint64_t id, struct peer *p,
    struct error *e)
{
	return find_peer(r, sql_start(&r->main, SQL_PEER_BY_ID, e, "i",
	    (int64_t)id), p, e);
}

int
registry_each(struct registry *r, void (*each)(void *arg,
    const struct peer *p), void *arg, struct error *e)
{
	sqlite3_stmt *s = sql_start(&r->main, SQL_PEER_EACH, e, "");
	struct peer p;
	int result = s == NULL ? -1 : 1;

	while (result == 1 && (result = sql_step(&r->main, s, e)) == 1) {
		if (peer_read(r, s, &p, e) == -1) {
			sql_reset(s);
			result = -1;
		} else
			each(arg, &p);
	}
	return result;
}
