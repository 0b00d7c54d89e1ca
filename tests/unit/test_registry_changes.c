/* SPDX-License-Identifier: ISC */
/* What one handle to the registry learns of what was done by another. */
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/registry/registry_private.h"
#include "registry_fixture.h"

#define TOLD_MAX 256

/* What was told since the last expect(). */
struct told {
	char text[4096];
	uint64_t ids[TOLD_MAX];
	size_t n;
};

static void
record(void *arg, const struct peer *p, bool removed, bool revoked)
{
	struct told *t = arg;
	size_t have = strlen(t->text);

	assert_true(t->n < TOLD_MAX);
	t->ids[t->n++] = p->id;
	if (removed)
		assert_string_equal(p->name, "");
	snprintf(t->text + have, sizeof(t->text) - have, "%s%s%s ",
	    removed ? "-" : "+", p->name, revoked ? "!" : "");
}

/*
 * Each peer is a word: + there, - gone, ! revoked.  The answer of
 * registry_changes() is whole.
 */
static void
expect(struct place *w, int64_t *seq, int whole, const char *text)
{
	struct told t = { 0 };
	int r = registry_changes(w->r, seq, record, &t, &w->e);

	if (r == -1)
		fail_msg("%s", w->e.text);
	assert_string_equal(t.text, text);
	assert_int_equal(r, whole);
}

static void
test_own_changes(void **state)
{
	struct place *w = *state;
	int64_t seq = 0;

	expect(w, &seq, 1, "");
	expect(w, &seq, 0, "");
	must_add(w, "b");
	must_add(w, "a");
	expect(w, &seq, 0, "+b +a ");
	expect(w, &seq, 0, "");
	seq = 0;
	expect(w, &seq, 1, "+a +b ");
	expect(w, &seq, 0, "");
}

static void
test_others_changes(void **state)
{
	struct place *w = *state, other = *w;
	struct auth_key auth;
	struct certificate c;
	int64_t seq = 0;

	must_add(w, "a");
	expect(w, &seq, 1, "+a ");
	other.r = place_open(w);

	auth = must_add(&other, "b");
	expect(w, &seq, 0, "+b ");
	expect(w, &seq, 0, "");
	must_enrol(&other, &auth, key_of(1));
	expect(w, &seq, 0, "+b ");
	/* The same peer with a younger certificate. */
	c = must_enrol(&other, &auth, key_of(1));
	c = must_renew(&other, auth.id, c.serial, key_of(2));
	assert_in_range(registry_logged_in(other.r, auth.id, c.serial,
	    &w->e), 0, 1);
	expect(w, &seq, 0, "");
	assert_int_equal(registry_rekey(other.r, "b", &auth, &w->e), 0);
	expect(w, &seq, 0, "+b! ");
	assert_int_equal(registry_remove(other.r, PEER_AGENT, "b", &w->e), 0);
	expect(w, &seq, 0, "-! ");
	expect(w, &seq, 0, "");
	registry_close(other.r);
	expect(w, &seq, 0, "");
}

/* Its sessions go on with what they may now. */
static void
test_allow_is_a_change(void **state)
{
	struct place *w = *state, other = *w;
	struct auth_key auth;
	int64_t seq = 0;

	assert_int_equal(registry_add(w->r, PEER_CLIENT, "a", "x:1", NULL,
	    &auth, &w->e), 0);
	assert_int_equal(registry_add(w->r, PEER_CLIENT, "b", "x:1", key_of(1),
	    NULL, &w->e), 0);
	expect(w, &seq, 1, "+a +b ");
	other.r = place_open(w);
	assert_int_equal(registry_set_allow(other.r, "b", "x:*", &w->e), 0);
	expect(w, &seq, 0, "+b ");
	assert_int_equal(registry_set_allow(w->r, "a", "x:*", &w->e), 0);
	expect(w, &seq, 0, "+a ");
	assert_int_equal(registry_set_allow(other.r, "c", "x:*", &w->e), -1);
	expect(w, &seq, 0, "");
	registry_close(other.r);
}

/* Many changes of one peer are told once, with all that they mean. */
static void
test_changes_between(void **state)
{
	struct place *w = *state, other = *w;
	struct auth_key auth;
	int64_t seq = 0;

	must_add(w, "a");
	expect(w, &seq, 1, "+a ");
	other.r = place_open(w);
	assert_int_equal(registry_rekey(other.r, "a", &auth, &w->e), 0);
	must_enrol(&other, &auth, key_of(1));
	expect(w, &seq, 0, "+a! ");
	/* The old one goes before the new one of its name comes. */
	assert_int_equal(registry_remove(other.r, PEER_AGENT, "a", &w->e), 0);
	must_add(&other, "b");
	must_add(&other, "a");
	expect(w, &seq, 0, "-! +b +a ");
	must_add(&other, "short");
	assert_int_equal(registry_remove(other.r, PEER_AGENT, "short", &w->e),
	    0);
	expect(w, &seq, 0, "-! ");
	/* What was refused has changed nothing. */
	assert_int_equal(registry_add(other.r, PEER_AGENT, "a", NULL, NULL,
	    &auth, &w->e), -1);
	expect(w, &seq, 0, "");
	registry_close(other.r);
}

static void
see(struct place *w, const char *name)
{
	struct peer p = must_find(w, name);

	p.last_seen++;
	p.online = true;
	p.hello.kind = LEASH_HELLO;
	strcpy(p.hello.hello.name, "a");
	assert_int_equal(registry_seen_begin(w->r, &w->e), 0);
	assert_int_equal(registry_seen(w->r, &p, &w->e), 0);
	assert_int_equal(registry_seen_commit(w->r, &w->e), 0);
}

static void
test_seen_is_no_change(void **state)
{
	struct place *w = *state, other = *w;
	int64_t seq = 0;

	must_add(w, "a");
	expect(w, &seq, 1, "+a ");
	other.r = place_open(w);
	see(w, "a");
	see(&other, "a");
	assert_int_equal(registry_all_offline(w->r, &w->e), 0);
	expect(w, &seq, 0, "");
	registry_close(other.r);
}

struct nosy {
	struct place *w;
	int calls;
};

static void
ask_and_see(void *arg, const struct peer *p, bool removed, bool revoked)
{
	struct nosy *n = arg;
	struct peer q;

	assert_false(removed);
	assert_false(revoked);
	assert_int_equal(registry_find_id(n->w->r, p->id, &q, &n->w->e), 1);
	see(n->w, p->name);
	n->calls++;
}

/* What the gateway does when it is told. */
static void
test_each_may_ask(void **state)
{
	struct place *w = *state;
	struct nosy n = { w, 0 };
	int64_t seq = 0;

	must_add(w, "a");
	must_add(w, "b");
	assert_int_equal(registry_changes(w->r, &seq, ask_and_see, &n, &w->e),
	    1);
	assert_int_equal(n.calls, 2);
	must_add(w, "c");
	assert_int_equal(registry_changes(w->r, &seq, ask_and_see, &n, &w->e),
	    0);
	assert_int_equal(n.calls, 3);
	assert_true(must_find(w, "c").online);
}

static int64_t
count_changes(struct place *w)
{
	sqlite3_stmt *s;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(w->r->main.db,
	    "SELECT count(*) FROM changes", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

/* The journal does not grow for ever, and who was away too long learns it. */
static void
test_journal_is_pruned(void **state)
{
	struct place *w = *state;
	int64_t seq = 0, late;

	must_add(w, "a");
	expect(w, &seq, 1, "+a ");
	late = seq;
	assert_int_equal(run_sql(w->path, "WITH RECURSIVE n (i) AS (SELECT 1 "
	    "UNION ALL SELECT i + 1 FROM n WHERE i < 100100) "
	    "INSERT INTO changes (peer, revoked) SELECT 1, 0 FROM n"),
	    SQLITE_OK);
	expect(w, &seq, 0, "-! ");
	must_add(w, "b");
	assert_true(count_changes(w) <= 100000);
	expect(w, &seq, 0, "+b ");
	expect(w, &late, 1, "+a! +b! ");
	assert_true(late == seq);
	expect(w, &late, 0, "");
}

static void
add_many(const char *path, int n)
{
	struct registry *r;
	struct auth_key auth;
	struct error e;
	char name[32];
	int i;

	r = registry_open(path, false, 5000, &e);
	for (i = 0; i < n && r != NULL; i++) {
		snprintf(name, sizeof(name), "n-%d", i);
		if (registry_add(r, PEER_AGENT, name, NULL, NULL, &auth, &e) ==
		    -1)
			_exit(1);
	}
	registry_close(r);
	_exit(r == NULL);
}

/* Asked while another process is at it: each once. */
static void
test_exactly_once(void **state)
{
	struct place *w = *state;
	struct told t = { 0 };
	size_t i, k;
	int64_t seq = 0;
	int status = -1;
	pid_t child;

	registry_close(w->r);		/* SQLite's handles do not like forks */
	w->r = NULL;
	child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0)
		add_many(w->path, 200);
	w->r = registry_open(w->path, false, 5000, &w->e);
	assert_non_null(w->r);
	while (waitpid(child, &status, WNOHANG) == 0)
		assert_int_not_equal(registry_changes(w->r, &seq, record, &t,
		    &w->e), -1);
	assert_int_equal(status, 0);
	assert_int_not_equal(registry_changes(w->r, &seq, record, &t, &w->e),
	    -1);
	assert_int_equal(t.n, 200);
	for (i = 0; i < t.n; i++)
		for (k = 0; k < i; k++)
			assert_true(t.ids[i] != t.ids[k]);
}

/* A registry of schema 1, as 0.1.0 was built at first: nothing is lost. */
static void
test_older_schema(void **state)
{
	static const char to_schema_1[] =
	    "DROP TRIGGER peer_changed; DROP INDEX peers_docker_port;"
	    "ALTER TABLE peers DROP COLUMN docker_port;"
	    "CREATE TRIGGER peer_changed"
	    " AFTER UPDATE OF name, allow, key, secret, used_by ON peers BEGIN"
	    "  INSERT INTO changes (peer, revoked)"
	    "  VALUES (NEW.id, OLD.secret IS NOT NEW.secret);"
	    " END;"
	    "PRAGMA user_version = 1;";
	struct place *w = *state;
	struct auth_key auth = must_add(w, "a");
	int64_t seq = 0;

	must_add(w, "b");
	expect(w, &seq, 1, "+a +b ");
	registry_close(w->r);
	assert_int_equal(run_sql(w->path, to_schema_1), SQLITE_OK);
	w->r = place_open(w);
	assert_true(registry_auth_key_valid(w->r, &auth, &w->e));
	assert_int_equal(must_find(w, "a").docker_port, 0);
	expect(w, &seq, 0, "");
	assert_int_equal(registry_set_docker_port(w->r, "a", 2401, &w->e), 0);
	expect(w, &seq, 0, "+a ");
	assert_int_equal(registry_set_docker_port(w->r, "b", 2401, &w->e), -1);
	assert_int_equal(registry_rekey(w->r, "a", &auth, &w->e), 0);
	expect(w, &seq, 0, "+a! ");
	assert_int_equal(must_find(w, "a").docker_port, 2401);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_make, place_remove)
		TEST(test_own_changes),
		TEST(test_others_changes),
		TEST(test_allow_is_a_change),
		TEST(test_changes_between),
		TEST(test_seen_is_no_change),
		TEST(test_each_may_ask),
		TEST(test_journal_is_pruned),
		TEST(test_exactly_once),
		TEST(test_older_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
