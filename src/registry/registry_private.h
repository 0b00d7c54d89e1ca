/* SPDX-License-Identifier: ISC */
/*
 * What the registry's files share: two connections to one database, each with
 * its prepared statements, and the few steps by which all SQL is run.  Every
 * value is bound; no statement is ever put together at run time.
 */
#ifndef ORTHRUS_REGISTRY_REGISTRY_PRIVATE_H
#define ORTHRUS_REGISTRY_REGISTRY_PRIVATE_H

#include <sqlite3.h>

#include "orthrus/registry/registry.h"

/* Every statement that is run after the opening; texts in registry_sql.c. */
enum sql {
	SQL_BEGIN, SQL_BEGIN_READ, SQL_COMMIT,

	SQL_PEER_ADD, SQL_PEER_ALLOW, SQL_PEER_REKEY, SQL_PEER_REMOVE,
	SQL_PEER_DOCKER_PORT, SQL_PEER_BY_DOCKER_PORT,
	SQL_PEER_KIND, SQL_PEER_BY_NAME, SQL_PEER_BY_ID, SQL_PEER_EACH,

	SQL_SECRET_BY_ID, SQL_SECRET_WAS, SQL_SECRET_KEEP,
	SQL_SECRET_USE, SQL_SECRET_CLOSE,

	SQL_KEY_OF_ANOTHER,
	SQL_CERTIFICATE_ADD, SQL_CERTIFICATE_AGAIN, SQL_CERTIFICATE_EXTEND,
	SQL_CERTIFICATE_BY_SERIAL, SQL_CERTIFICATE_COUNT,
	SQL_CERTIFICATE_STATE, SQL_CERTIFICATE_OLDER,
	SQL_CERTIFICATE_REVOKE_OLDER, SQL_CERTIFICATE_REVOKE_ALL,
	SQL_CERTIFICATE_EXPIRE, SQL_CERTIFICATE_EXPIRE_PEER,
	SQL_CERTIFICATE_REVOKED,

	SQL_SEEN, SQL_SEEN_HELLO, SQL_ALL_OFFLINE,

	SQL_DATA_VERSION, SQL_CHANGES_RANGE, SQL_CHANGES, SQL_CHANGES_PRUNE,

	SQL_COUNT
};

extern const char *const sql_text[SQL_COUNT];

/* One connection. */
struct database {
	sqlite3 *db;			/* NULL: not open */
	const char *path;		/* the registry's, for what is said */
	int busy_ms;
	sqlite3_stmt *statements[SQL_COUNT];	/* NULL: not prepared yet */
};

struct registry {
	bool hurried;			/* see registry_hurry() */
	char *path;
	struct database main;		/* forces what it commits to disk */
	struct database seen;		/* does not force; opened when needed */
	/* registry_changes(): what was so when *seq was last brought up. */
	int64_t seq_read, version_read;
	bool changed;			/* by this handle since */
	uint8_t *frame;			/* for a hello, as the leash has it */
};

/* registry_schema.c: both 0, or -1 with *e. */
int schema_update(struct database *d, bool create, struct error *e);
/* Runs a constant text of several statements. */
int sql_script(struct database *d, const char *text, struct error *e);

/* Puts into *e what the connection's last error means: always -1. */
int sql_error(struct database *d, struct error *e);

/*
 * Starts a statement with a letter of format for each value it binds:
 * 'i' int64_t, 'd' double, 't' const char * (copied by the time of the last
 * step), 'b' const void * and size_t; NULL pointers are NULL.  NULL with *e.
 */
sqlite3_stmt *sql_start(struct database *d, enum sql which, struct error *e,
    const char *format, ...);
/* 1 with a row, 0 at the end, -1 with *e; after those two it has been reset. */
int sql_step(struct database *d, sqlite3_stmt *s, struct error *e);
/* Ends a statement before its end: one left open would hold up the others. */
void sql_reset(sqlite3_stmt *s);
/* Starts it and steps to its end: 0, or -1 with *e. */
int sql_run(struct database *d, enum sql which, struct error *e,
    const char *format, ...);
/* Copies a blob of exactly n bytes in column i to out: true when it is one. */
bool sql_blob(sqlite3_stmt *s, int i, void *out, size_t n);

/*
 * A change: begin takes the database's one place for a writer.  end commits
 * when r is 0 and *e of an earlier error stays otherwise; returns r, or -1.
 */
int sql_begin(struct database *d, struct error *e);
int sql_end(struct database *d, int r, struct error *e);
/* The same for the main connection, and remembers that something changed. */
int change_begin(struct registry *r, struct error *e);
int change_end(struct registry *r, int result, struct error *e);

/* Only the hash of a secret is kept. */
#define SECRET_HASH_LEN 32
void secret_hash(const uint8_t secret[32], uint8_t hash[SECRET_HASH_LEN]);

#endif
