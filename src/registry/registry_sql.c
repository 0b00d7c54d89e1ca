/* SPDX-License-Identifier: ISC */
/* The registry's statements, and the steps by which they are run. */
#include "config.h"

#include <stdarg.h>
#include <string.h>

#include "registry_private.h"

#define PEER_ROW "SELECT p.id, p.kind, p.name, p.created, p.key, p.allow," \
	" EXISTS (SELECT 1 FROM certificates" \
	"  WHERE peer = p.id AND revoked = 0)," \
	" s.last_seen, s.online, s.load, s.memory_used, s.memory_total," \
	" h.frame, p.docker_port FROM peers AS p" \
	" LEFT JOIN seen AS s ON s.peer = p.id" \
	" LEFT JOIN hellos AS h ON h.peer = p.id"

const char *const sql_text[SQL_COUNT] = {
	/*
	 * A deferred transaction could fail half way, when another process
	 * writes first.
	 */
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_BEGIN_READ] = "BEGIN",
	[SQL_COMMIT] = "COMMIT",

	[SQL_PEER_ADD] = "INSERT INTO peers"
	    " (id, kind, name, created, allow, key, secret)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_PEER_ALLOW] = "UPDATE peers SET allow = ?2 WHERE id = ?1",
	[SQL_PEER_REKEY] = "UPDATE peers"
	    " SET secret = ?2, used_by = NULL, closed = 0 WHERE id = ?1",
	[SQL_PEER_DOCKER_PORT] = "UPDATE peers SET docker_port = nullif(?2, 0)"
	    " WHERE id = ?1",
	[SQL_PEER_BY_DOCKER_PORT] = "SELECT name FROM peers"
	    " WHERE docker_port = ?1",
	[SQL_PEER_REMOVE] = "DELETE FROM peers WHERE id = ?1",
	[SQL_PEER_KIND] = "SELECT id, kind, secret FROM peers"
	    " WHERE name = ?1",
	[SQL_PEER_BY_NAME] = PEER_ROW " WHERE p.name = ?1",
	[SQL_PEER_BY_ID] = PEER_ROW " WHERE p.id = ?1",
	[SQL_PEER_EACH] = PEER_ROW " ORDER BY p.name",

	[SQL_SECRET_BY_ID] = "SELECT name, secret, used_by, closed FROM peers"
	    " WHERE id = ?1",
	[SQL_SECRET_WAS] = "SELECT 1 FROM old_secrets"
	    " WHERE peer = ?1 AND secret = ?2",
	[SQL_SECRET_KEEP] = "INSERT OR IGNORE INTO old_secrets (peer, secret)"
	    " SELECT id, secret FROM peers WHERE id = ?1",
	[SQL_SECRET_USE] = "UPDATE peers SET used_by = ?2 WHERE id = ?1",
	[SQL_SECRET_CLOSE] = "UPDATE peers SET closed = 1"
	    " WHERE id = ?1 AND used_by IS NOT NULL",

	/* Certified for another peer, or a client's own. */
	[SQL_KEY_OF_ANOTHER] = "SELECT 1 FROM certificates WHERE key = ?2"
	    " AND revoked = 0 AND peer IS NOT ?1 AND valid_before > ?3"
	    " UNION ALL SELECT 1 FROM peers WHERE key = ?2 AND id <> ?1",
	[SQL_CERTIFICATE_ADD] = "INSERT INTO certificates"
	    " (peer, key, valid_before) VALUES (?1, ?2, ?3)",
	[SQL_CERTIFICATE_AGAIN] = "SELECT max(serial) FROM certificates"
	    " WHERE peer = ?1 AND revoked = 0 AND key = ?2",
	[SQL_CERTIFICATE_EXTEND] = "UPDATE certificates"
	    " SET valid_before = max(valid_before, ?2) WHERE serial = ?1",
	[SQL_CERTIFICATE_BY_SERIAL] = "SELECT c.peer, c.key, c.revoked, p.name"
	    " FROM certificates AS c LEFT JOIN peers AS p ON p.id = c.peer"
	    " WHERE c.serial = ?1",
	[SQL_CERTIFICATE_COUNT] = "SELECT count(*), sum(revoked = 0)"
	    " FROM certificates WHERE peer = ?1",
	[SQL_CERTIFICATE_STATE] = "SELECT p.name, p.closed OR p.used_by IS NULL"
	    " FROM certificates AS c JOIN peers AS p ON p.id = c.peer"
	    " WHERE c.serial = ?2 AND c.peer = ?1 AND c.revoked = 0",
	[SQL_CERTIFICATE_OLDER] = "SELECT EXISTS (SELECT 1 FROM certificates"
	    " WHERE peer = ?1 AND revoked = 0 AND serial < ?2)",
	[SQL_CERTIFICATE_REVOKE_OLDER] = "UPDATE certificates SET revoked = 1"
	    " WHERE peer = ?1 AND revoked = 0 AND serial < ?2",
	[SQL_CERTIFICATE_REVOKE_ALL] = "UPDATE certificates SET revoked = 1"
	    " WHERE peer = ?1 AND revoked = 0",
	[SQL_CERTIFICATE_EXPIRE] = "DELETE FROM certificates"
	    " WHERE revoked AND valid_before <= ?1",
	[SQL_CERTIFICATE_EXPIRE_PEER] = "DELETE FROM certificates"
	    " WHERE peer = ?1 AND valid_before <= ?2",
	[SQL_CERTIFICATE_REVOKED] = "SELECT serial FROM certificates"
	    " WHERE revoked AND valid_before > ?1 ORDER BY serial",

	/* These write nothing for a peer that was removed meanwhile. */
	[SQL_SEEN] = "INSERT INTO seen"
	    " (peer, last_seen, online, load, memory_used, memory_total)"
	    " SELECT id, ?2, ?3, ?4, ?5, ?6 FROM peers WHERE id = ?1"
	    " ON CONFLICT (peer) DO UPDATE SET"
	    " last_seen = excluded.last_seen, online = excluded.online,"
	    " load = excluded.load, memory_used = excluded.memory_used,"
	    " memory_total = excluded.memory_total",
	[SQL_SEEN_HELLO] = "INSERT INTO hellos (peer, frame)"
	    " SELECT id, ?2 FROM peers WHERE id = ?1"
	    " ON CONFLICT (peer) DO UPDATE SET frame = excluded.frame"
	    " WHERE frame IS NOT excluded.frame",
	[SQL_ALL_OFFLINE] = "UPDATE seen SET online = 0 WHERE online",

	[SQL_DATA_VERSION] = "PRAGMA data_version",
	[SQL_CHANGES_RANGE] = "SELECT (SELECT min(seq) FROM changes),"
	    " (SELECT max(seq) FROM changes)",
	[SQL_CHANGES] = "SELECT peer, max(revoked), max(seq) AS last"
	    " FROM changes WHERE seq >= ?1 GROUP BY peer ORDER BY last",
	/*
	 * The journal is pruned by number and not by age, since a clock may be
	 * set.
	 */
	[SQL_CHANGES_PRUNE] = "DELETE FROM changes"
	    " WHERE seq <= (SELECT max(seq) FROM changes) - ?1",
};

int
sql_error(struct database *d, struct error *e)
{
	int code = sqlite3_errcode(d->db);
	int number = sqlite3_system_errno(d->db);

	switch (code) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(e, EX_TEMPFAIL, "registry %s: another program "
		    "has kept it locked for %d ms; nothing was changed, try "
		    "again", d->path, d->busy_ms);
	case SQLITE_FULL:
		return error_set(e, EX_IOERR, "registry %s: the disk is full; "
		    "nothing was changed, make room and try again", d->path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return error_set(e, EX_IOERR, "registry %s: it is damaged "
		    "(%s); put a copy in its place", d->path,
		    sqlite3_errmsg(d->db));
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return error_set(e, EX_IOERR, "registry %s: %s%s%s; nothing "
		    "was changed, see whether its disk is whole and writable",
		    d->path, sqlite3_errmsg(d->db), number == 0 ? "" : ": ",
		    number == 0 ? "" : strerror(number));
	default:
		return error_set(e, EX_IOERR, "registry %s: %s (%d); nothing "
		    "was changed", d->path, sqlite3_errmsg(d->db), code);
	}
}

static int
bind_one(sqlite3_stmt *s, int i, char letter, va_list *ap)
{
	const void *blob;
	const char *text;

	switch (letter) {
	case 'i':
		return sqlite3_bind_int64(s, i, va_arg(*ap, int64_t));
	case 'd':
		return sqlite3_bind_double(s, i, va_arg(*ap, double));
	case 't':
		text = va_arg(*ap, const char *);
		return sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC);
	case 'b':
		blob = va_arg(*ap, const void *);
		return sqlite3_bind_blob64(s, i, blob, va_arg(*ap, size_t),
		    SQLITE_STATIC);
	default:
		return SQLITE_MISUSE;
	}
}

static sqlite3_stmt *
start_statement(struct database *d, enum sql which, struct error *e,
    const char *format, va_list *ap)
{
	sqlite3_stmt **s = &d->statements[which];
	int i;

	if (*s == NULL && sqlite3_prepare_v3(d->db, sql_text[which], -1,
	    SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK) {
		sql_error(d, e);
		return NULL;
	}
	for (i = 0; format[i] != '\0'; i++)
		if (bind_one(*s, i + 1, format[i], ap) != SQLITE_OK) {
			sql_error(d, e);
			sql_reset(*s);
			return NULL;
		}
	return *s;
}

sqlite3_stmt *
sql_start(struct database *d, enum sql which, struct error *e,
    const char *format, ...)
{
	sqlite3_stmt *s;
	va_list ap;

	va_start(ap, format);
	s = start_statement(d, which, e, format, &ap);
	va_end(ap);
	return s;
}

int
sql_step(struct database *d, sqlite3_stmt *s, struct error *e)
{
	int r;

	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		r = 0;
		break;
	default:
		r = sql_error(d, e);
	}
	sql_reset(s);
	return r;
}

void
sql_reset(sqlite3_stmt *s)
{
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
}

int
sql_run(struct database *d, enum sql which, struct error *e,
    const char *format, ...)
{
	sqlite3_stmt *s;
	va_list ap;
	int r = -1;

	va_start(ap, format);
	s = start_statement(d, which, e, format, &ap);
	va_end(ap);
	if (s != NULL)
		while ((r = sql_step(d, s, e)) == 1)
			;
	return r;
}

bool
sql_blob(sqlite3_stmt *s, int i, void *out, size_t n)
{
	const void *blob = sqlite3_column_blob(s, i);

	if (blob == NULL || (size_t)sqlite3_column_bytes(s, i) != n)
		return false;
	memcpy(out, blob, n);
	return true;
}

int
sql_begin(struct database *d, struct error *e)
{
	return sql_run(d, SQL_BEGIN, e, "");
}

int
sql_end(struct database *d, int r, struct error *e)
{
	if (r != -1 && sql_run(d, SQL_COMMIT, e, "") == -1)
		r = -1;
	/*
	 * Some errors have rolled the transaction back already, others have
	 * not.
	 */
	if (r == -1 && sqlite3_get_autocommit(d->db) == 0)
		sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}
