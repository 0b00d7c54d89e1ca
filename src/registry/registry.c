/* SPDX-License-Identifier: ISC */
/* Opening the registry: its file, its two connections, its schema. */
#include "config.h"

#include "orthrus/registry/registry.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "registry_private.h"

/* The limit makes a log that one large change has blown up shrink again. */
#define SETTINGS \
	"PRAGMA foreign_keys = ON;" \
	"PRAGMA trusted_schema = OFF;" \
	"PRAGMA cell_size_check = ON;" \
	"PRAGMA journal_size_limit = 4194304;"
/* Forces each commit to disk before it returns. */
#define FORCED SETTINGS "PRAGMA synchronous = FULL;"
/*
 * Forces only checkpoints to disk.  With OFF, which forces nothing, this
 * connection could lose what the other one has acknowledged.
 */
#define UNFORCED SETTINGS "PRAGMA synchronous = NORMAL;"

#define WAL_PAUSE_MS 20

/*
 * Root looks after the registry of a service that runs as a user of its own:
 * it must then be that user's whose directory it is in.
 */
static int
check_owner(const char *path, const struct stat *st, struct error *e)
{
	struct stat parent;
	char *copy;
	int r;

	if (st->st_uid == geteuid())
		return 0;
	copy = xstrdup(path);
	r = stat(dirname(copy), &parent);
	free(copy);
	if (geteuid() == 0 && r == 0 && st->st_uid == parent.st_uid)
		return 0;
	return error_set(e, EX_NOPERM, "registry %s: owned by user %u; it must "
	    "belong to the user that runs charon", path, (unsigned)st->st_uid);
}

/*
 * Makes an empty, private file that belongs to whoever will own the registry.
 */
static int
make_file(const char *path, struct error *e)
{
	int fd, r = 0;

	if (file_make_parents(path, e) == -1)
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd == -1 && errno == EEXIST)	/* another was faster */
		return 0;
	if (fd == -1)
		return error_set(e, EX_CANTCREAT, "cannot make the registry "
		    "%s: %s", path, strerror(errno));
	if (file_give_to_owner(fd, path) == -1 || file_sync_parent(path) == -1)
		r = error_set(e, EX_CANTCREAT, "cannot make the registry %s: "
		    "%s", path, strerror(errno));
	close(fd);
	return r;
}

/*
 * Makes sure that the file is there, private and ours before SQLite looks at
 * it.  One that is there is not opened here: closing it again would drop the
 * locks that this process may hold on it for another handle (POSIX locks).
 */
static int
prepare_file(const char *path, bool create, struct error *e)
{
	char owner[FILE_OWNER_MAX];
	struct stat st;
	int r = stat(path, &st);

	if (r == -1 && errno == ENOENT && create) {
		if (make_file(path, e) == -1)
			return -1;
		r = stat(path, &st);
	}
	if (r == -1 && errno == ENOENT)
		return error_set(e, EX_CONFIG, "there is no registry %s; "
		    "\"charon serve\" makes it at its first start", path);
	if (r == -1 && errno == EACCES)
		return error_set(e, EX_NOPERM, "cannot open the registry %s: "
		    "%s; run this as root, with sudo, or as user %s", path,
		    strerror(EACCES), file_owner(path, owner));
	if (r == -1)
		return error_set(e, EX_IOERR, "cannot open the registry %s: %s",
		    path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(e, EX_CONFIG, "registry %s: not a regular "
		    "file", path);
	if ((st.st_mode & 077) != 0)
		return error_set(e, EX_NOPERM, "registry %s: others may use it "
		    "(mode %04o); run \"chmod 600 %s\"", path,
		    (unsigned)st.st_mode & 07777, path);
	return check_owner(path, &st, e);
}

static void
database_close(struct database *d)
{
	size_t i;

	for (i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(d->statements[i]);
	sqlite3_close(d->db);
	memset(d, 0, sizeof(*d));
}

static int
database_open(struct database *d, const char *path, int busy_ms,
    const char *settings, struct error *e)
{
	d->path = path;
	d->busy_ms = busy_ms;
	if (sqlite3_open_v2(path, &d->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return d->db == NULL ? error_set(e, EX_OSERR, "registry %s: no "
		    "memory", path) : sql_error(d, e);
	sqlite3_busy_timeout(d->db, busy_ms);
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return sql_script(d, settings, e);
}

static int
is_log(void *yes, int n, char **values, char **names)
{
	(void)names;
	*(bool *)yes = n == 1 && values[0] != NULL &&
	    strcmp(values[0], "wal") == 0;
	return 0;
}

/*
 * Asks for the write-ahead log, which readers and a writer can use side by
 * side.  While several processes open a new file at once SQLite may answer
 * "busy" without the wait it grants otherwise.
 */
static int
use_log(struct database *d, struct error *e)
{
	bool yes = false;
	int i, code = SQLITE_BUSY;

	for (i = 0; code == SQLITE_BUSY && i * WAL_PAUSE_MS <= d->busy_ms;
	    i++) {
		if (i > 0)
			usleep(WAL_PAUSE_MS * 1000);
		code = sqlite3_exec(d->db, "PRAGMA journal_mode = WAL", is_log,
		    &yes, NULL);
	}
	if (code != SQLITE_OK)
		return sql_error(d, e);
	if (!yes)
		return error_set(e, EX_CONFIG, "registry %s: its file system "
		    "cannot be shared by two programs; choose a local one",
		    d->path);
	return 0;
}

struct registry *
registry_open(const char *path, bool create, int busy_ms, struct error *e)
{
	struct registry *r = xcalloc(1, sizeof(*r));

	/*
	 * A relative path begins with "./", since names such as "file:x" or
	 * ":memory:" mean something to SQLite.
	 */
	r->path = xasprintf("%s%s", *path == '/' ? "" : "./", path);
	r->frame = xcalloc(1, 4 + LEASH_FRAME_MAX);
	if (prepare_file(r->path, create, e) == 0 &&
	    database_open(&r->main, r->path, busy_ms, FORCED, e) == 0 &&
	    use_log(&r->main, e) == 0 &&
	    schema_update(&r->main, create, e) == 0)
		return r;
	registry_close(r);
	return NULL;
}

void
registry_hurry(struct registry *r, int busy_ms)
{
	r->main.busy_ms = busy_ms;
	sqlite3_busy_timeout(r->main.db, busy_ms);
	r->hurried = true;
	if (r->seen.db != NULL)
		sqlite3_busy_timeout(r->seen.db, 0);
}

void
registry_close(struct registry *r)
{
	if (r == NULL)
		return;
	database_close(&r->seen);
	database_close(&r->main);
	free(r->frame);
	free(r->path);
	free(r);
}

const char *
registry_library_text(void)
{
	static char text[40];

	snprintf(text, sizeof(text), "SQLite %s", sqlite3_libversion());
	return text;
}

int
change_begin(struct registry *r, struct error *e)
{
	return sql_begin(&r->main, e);
}

int
change_end(struct registry *r, int result, struct error *e)
{
	result = sql_end(&r->main, result, e);
	if (result == 0)
		r->changed = true;
	return result;
}

/* --- what the gateway saw --------------------------------------------- */

int
registry_seen_begin(struct registry *r, struct error *e)
{
	int busy_ms = r->hurried ? 0 : r->main.busy_ms;

	if (r->seen.db == NULL && database_open(&r->seen, r->path, busy_ms,
	    UNFORCED, e) == -1) {
		database_close(&r->seen);
		return -1;
	}
	return sql_begin(&r->seen, e);
}

int
registry_seen(struct registry *r, const struct peer *p, struct error *e)
{
	int result;
	size_t n;

	result = sql_run(&r->seen, SQL_SEEN, e, "iiidii", (int64_t)p->id,
	    p->last_seen, (int64_t)p->online, p->load, (int64_t)p->memory_used,
	    (int64_t)p->memory_total);
	if (result == 0 && p->hello.kind == LEASH_HELLO) {
		n = leash_encode(&p->hello, r->frame);
		result = sql_run(&r->seen, SQL_SEEN_HELLO, e, "ib",
		    (int64_t)p->id, r->frame + 4, n - 4);
	}
	return result == -1 ? sql_end(&r->seen, -1, e) : 0;
}

int
registry_seen_commit(struct registry *r, struct error *e)
{
	return sql_end(&r->seen, 0, e);
}

int
registry_all_offline(struct registry *r, struct error *e)
{
	if (registry_seen_begin(r, e) == -1)
		return -1;
	return sql_end(&r->seen, sql_run(&r->seen, SQL_ALL_OFFLINE, e, ""), e);
}
