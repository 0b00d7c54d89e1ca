/* SPDX-License-Identifier: ISC */
/* What has changed in the registry since it was last asked. */
#include "config.h"

#include "registry_private.h"

typedef void changed(void *arg, const struct peer *p, bool removed,
    bool revoked);

static int
data_version(struct database *d, int64_t *version, struct error *e)
{
	sqlite3_stmt *s = sql_start(d, SQL_DATA_VERSION, e, "");

	if (s == NULL || sql_step(d, s, e) == -1)
		return -1;
	*version = sqlite3_column_int64(s, 0);
	sql_reset(s);
	return 0;
}

/* Reads the first number in the journal, and the one after its last. */
static int
journal_range(struct database *d, int64_t *first, int64_t *next,
    struct error *e)
{
	sqlite3_stmt *s = sql_start(d, SQL_CHANGES_RANGE, e, "");

	if (s == NULL || sql_step(d, s, e) == -1)
		return -1;
	*first = sqlite3_column_int64(s, 0);
	*next = sqlite3_column_int64(s, 1) + 1;
	sql_reset(s);
	return 0;
}

struct whole {
	changed *each;
	void *arg;
	bool revoked;
};

static void
tell_every_peer(void *arg, const struct peer *p)
{
	const struct whole *w = arg;

	w->each(w->arg, p, false, w->revoked);
}

static int
tell_peer(struct registry *r, int64_t id, bool revoked, changed *each,
    void *arg, struct error *e)
{
	struct peer p;
	int found = registry_find_id(r, (uint64_t)id, &p, e);

	if (found == -1)
		return -1;
	if (found == 0) {
		p = (struct peer){ .id = (uint64_t)id };
		revoked = true;
	}
	each(arg, &p, found == 0, revoked);
	return 0;
}

static int
tell_peers_since(struct registry *r, int64_t seq, changed *each, void *arg,
    struct error *e)
{
	struct database *d = &r->main;
	sqlite3_stmt *s = sql_start(d, SQL_CHANGES, e, "i", seq);
	int result = s == NULL ? -1 : 1;

	while (result == 1 && (result = sql_step(d, s, e)) == 1)
		if (tell_peer(r, sqlite3_column_int64(s, 0),
		    sqlite3_column_int(s, 1) != 0, each, arg, e) == -1) {
			sql_reset(s);
			result = -1;
		}
	return result;
}

/*
 * Runs in one reading transaction, so that what is told and *next belong
 * together.
 */
static int
read_changes(struct registry *r, int64_t seq, int64_t *next, changed *each,
    void *arg, struct error *e)
{
	struct whole w = { each, arg, seq != 0 };
	int64_t first;

	if (journal_range(&r->main, &first, next, e) == -1)
		return -1;
	if (seq != 0 && seq >= first && seq <= *next)
		return tell_peers_since(r, seq, each, arg, e);
	return registry_each(r, tell_every_peer, &w, e) == -1 ? -1 : 1;
}

int
registry_changes(struct registry *r, int64_t *seq, void (*each)(void *arg,
    const struct peer *p, bool removed, bool revoked), void *arg,
    struct error *e)
{
	int64_t version, next = 0;
	int result;

	if (data_version(&r->main, &version, e) == -1)
		return -1;
	if (*seq != 0 && *seq == r->seq_read && version == r->version_read &&
	    !r->changed)
		return 0;
	if (sql_run(&r->main, SQL_BEGIN_READ, e, "") == -1)
		return -1;
	result = sql_end(&r->main, read_changes(r, *seq, &next, each, arg, e),
	    e);
	if (result == -1)
		return -1;
	*seq = r->seq_read = next;
	r->version_read = version;
	r->changed = false;
	return result;
}
