/* SPDX-License-Identifier: ISC */
/* The registry's tables, and how an older database gets them. */
#include "config.h"

#include "registry_private.h"

/* "Orth", in the file's header: no other program's database is touched. */
#define APPLICATION_ID 0x4f727468

/*
 * Triggers write every change of a peer into the table changes, so that no way
 * to change one can forget it.  A removed peer's certificates stay, revoked and
 * without an owner.  What the gateway sees has a table of its own, since it
 * comes often and is no change; so have hellos, which are large and seldom new.
 */
static const char *const versions[] = {
	"CREATE TABLE peers ("
	"  id INTEGER PRIMARY KEY,"
	"  kind INTEGER NOT NULL CHECK (kind IN (0, 1)),"
	"  name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 63),"
	"  created INTEGER NOT NULL,"
	"  allow TEXT NOT NULL,"
	/* a client's own */
	"  key BLOB CHECK (length(key) = 32),"
	/* of its AUTH_KEY: a hash, whom it let in, whether that one came */
	"  secret BLOB CHECK (length(secret) = 32),"
	"  used_by BLOB CHECK (length(used_by) = 32),"
	"  closed INTEGER NOT NULL DEFAULT 0,"
	"  CHECK ((key IS NULL) <> (secret IS NULL)));"

	/* what rekey replaced: told apart from a wrong one in the log */
	"CREATE TABLE old_secrets ("
	"  peer INTEGER NOT NULL REFERENCES peers (id) ON DELETE CASCADE,"
	"  secret BLOB NOT NULL,"
	"  PRIMARY KEY (peer, secret)) WITHOUT ROWID;"

	/* AUTOINCREMENT: a serial is never given twice */
	"CREATE TABLE certificates ("
	"  serial INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  peer INTEGER REFERENCES peers (id) ON DELETE SET NULL,"
	"  key BLOB NOT NULL CHECK (length(key) = 32),"
	"  valid_before INTEGER NOT NULL,"
	"  revoked INTEGER NOT NULL DEFAULT 0,"
	"  CHECK (peer IS NOT NULL OR revoked));"
	"CREATE INDEX certificates_peer ON certificates (peer, revoked);"
	"CREATE INDEX certificates_key ON certificates (key, revoked);"
	"CREATE INDEX certificates_revoked ON certificates (valid_before)"
	"  WHERE revoked;"
	"CREATE TRIGGER peer_revoke BEFORE DELETE ON peers BEGIN"
	"  UPDATE certificates SET revoked = 1 WHERE peer = OLD.id;"
	" END;"

	"CREATE TABLE seen ("
	"  peer INTEGER PRIMARY KEY REFERENCES peers (id) ON DELETE CASCADE,"
	"  last_seen INTEGER, online INTEGER, load REAL,"
	"  memory_used INTEGER, memory_total INTEGER);"
	"CREATE TABLE hellos ("
	"  peer INTEGER PRIMARY KEY REFERENCES peers (id) ON DELETE CASCADE,"
	"  frame BLOB NOT NULL);"

	"CREATE TABLE changes ("
	"  seq INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  peer INTEGER NOT NULL,"
	"  revoked INTEGER NOT NULL);"
	"CREATE TRIGGER peer_added AFTER INSERT ON peers BEGIN"
	"  INSERT INTO changes (peer, revoked) VALUES (NEW.id, 0);"
	" END;"
	"CREATE TRIGGER peer_removed AFTER DELETE ON peers BEGIN"
	"  INSERT INTO changes (peer, revoked) VALUES (OLD.id, 1);"
	" END;"
	"CREATE TRIGGER peer_changed"
	" AFTER UPDATE OF name, allow, key, secret, used_by ON peers BEGIN"
	"  INSERT INTO changes (peer, revoked)"
	"  VALUES (NEW.id, OLD.secret IS NOT NEW.secret);"
	" END;"

	"PRAGMA application_id = 0x4f727468;"
	"PRAGMA user_version = 1;",

	/* an agent's fixed loopback port for Docker */
	"ALTER TABLE peers ADD COLUMN docker_port INTEGER"
	"  CHECK (docker_port BETWEEN 1 AND 65535);"
	"CREATE UNIQUE INDEX peers_docker_port ON peers (docker_port)"
	"  WHERE docker_port IS NOT NULL;"
	"DROP TRIGGER peer_changed;"
	"CREATE TRIGGER peer_changed"
	" AFTER UPDATE OF name, allow, key, secret, used_by, docker_port"
	" ON peers BEGIN"
	"  INSERT INTO changes (peer, revoked)"
	"  VALUES (NEW.id, OLD.secret IS NOT NEW.secret);"
	" END;"
	"PRAGMA user_version = 2;",
};
#define VERSION_NOW (int64_t)(sizeof(versions) / sizeof(versions[0]))

int
sql_script(struct database *d, const char *text, struct error *e)
{
	if (sqlite3_exec(d->db, text, NULL, NULL, NULL) != SQLITE_OK)
		return sql_error(d, e);
	return 0;
}

/* Reads the one number that a constant query answers. */
static int
query_number(struct database *d, const char *text, int64_t *value,
    struct error *e)
{
	sqlite3_stmt *s = NULL;
	int r = 0;

	*value = 0;
	if (sqlite3_prepare_v2(d->db, text, -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW)
		r = sql_error(d, e);
	else
		*value = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return r;
}

/* Finds out whose database it is and of which version: 0, or -1 with *e. */
static int
identify_database(struct database *d, int64_t *version, struct error *e)
{
	int64_t application, tables;

	if (query_number(d, "PRAGMA application_id", &application, e) == -1 ||
	    query_number(d, "PRAGMA user_version", version, e) == -1 ||
	    query_number(d, "SELECT count(*) FROM sqlite_schema", &tables, e) ==
	    -1)
		return -1;
	if (application != APPLICATION_ID &&
	    (application != 0 || *version != 0 || tables != 0))
		return error_set(e, EX_CONFIG, "registry %s: it is another "
		    "program's database; move it away or name another place",
		    d->path);
	if (*version < 0 || *version > VERSION_NOW)
		return error_set(e, EX_CONFIG, "registry %s: a newer charon "
		    "made it (schema %lld, this one knows %lld); run that one",
		    d->path, (long long)*version, (long long)VERSION_NOW);
	return 0;
}

static int
check_integrity(struct database *d, struct error *e)
{
	sqlite3_stmt *s = NULL;
	const unsigned char *text;
	int r = 0;

	if (sqlite3_prepare_v2(d->db, "PRAGMA quick_check(1)", -1, &s,
	    NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
		r = sql_error(d, e);
	else {
		text = sqlite3_column_text(s, 0);
		if (text == NULL || sqlite3_stricmp((const char *)text,
		    "ok") != 0)
			r = error_set(e, EX_IOERR, "registry %s: it is damaged "
			    "(%s); put a copy in its place", d->path,
			    text == NULL ? "no answer" : (const char *)text);
	}
	sqlite3_finalize(s);
	return r;
}

int
schema_update(struct database *d, bool create, struct error *e)
{
	int64_t version = 0;
	int r;

	/*
	 * All of it is read at one moment, since another process may be making
	 * the tables.
	 */
	if (sql_run(d, SQL_BEGIN_READ, e, "") == -1 ||
	    sql_end(d, identify_database(d, &version, e), e) == -1)
		return -1;
	/*
	 * A command's question about one peer reads only what it needs; the
	 * gateway checks all of the database when it starts.
	 */
	if (version == VERSION_NOW)
		return create ? check_integrity(d, e) : 0;
	if (version == 0 && !create)
		return error_set(e, EX_CONFIG, "registry %s: it is empty; "
		    "\"charon serve\" fills it at its first start", d->path);
	/*
	 * Another process may be updating it, too, so the version is read again
	 * under the lock.
	 */
	if (sql_begin(d, e) == -1)
		return -1;
	r = identify_database(d, &version, e);
	while (r == 0 && version < VERSION_NOW)
		r = sql_script(d, versions[version++], e);
	r = sql_end(d, r, e);
	return r == 0 ? check_integrity(d, e) : -1;
}
