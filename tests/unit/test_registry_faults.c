/* SPDX-License-Identifier: ISC */
/* The registry when its file is not as it should be, or somebody holds it. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "orthrus/base/mem.h"
#include "registry_fixture.h"

static int
shell(struct place *w, const char *command)
{
	char *line = xasprintf("cd '%s/state' && { %s; }", w->dir, command);
	int r = system(line);

	free(line);
	return r;
}

static void
close_it(struct place *w)
{
	registry_close(w->r);
	w->r = NULL;
}

static void
expect_refused(struct place *w, bool create, int code, const char *text)
{
	assert_null(registry_open(w->path, create, BUSY_MS, &w->e));
	expect_error(&w->e, code, text);
	assert_non_null(strstr(w->e.text, w->path));
}

static void
test_files_are_private(void **state)
{
	struct place *w = *state;

	close_it(w);
	assert_int_equal(shell(w, "rm registry.db"), 0);
	umask(0);
	w->r = registry_open(w->path, true, BUSY_MS, &w->e);
	umask(022);
	assert_non_null(w->r);
	must_add(w, "a");
	assert_int_equal(shell(w, "test \"$(stat -c %a registry.db "
	    "registry.db-wal registry.db-shm | sort -u)\" = 600 && "
	    "test $(stat -c %a .) = 700"), 0);
}

static void
test_access_refused(void **state)
{
	static const char *const modes[] = { "640", "604", "660", "601" };
	struct place *w = *state;
	char *line;
	size_t i;

	close_it(w);
	for (i = 0; i < 4; i++) {
		line = xasprintf("chmod %s registry.db", modes[i]);
		assert_int_equal(shell(w, line), 0);
		free(line);
		expect_refused(w, i % 2 == 0, EX_NOPERM, "chmod 600");
	}
	assert_int_equal(shell(w, "chmod 600 registry.db"), 0);
	w->r = place_open(w);
	close_it(w);
	if (geteuid() != 0)
		return;
	assert_int_equal(shell(w, "chown 65534 registry.db"), 0);
	expect_refused(w, true, EX_NOPERM, "owned by user 65534");
	/* Root may look after what belongs to a service altogether. */
	assert_int_equal(shell(w, "chown 65534:65533 . registry.db"), 0);
	w->r = place_open(w);
	must_add(w, "a");
	assert_int_equal(shell(w, "test \"$(stat -c %u registry.db-*"
	    " | sort -u)\" = 65534"), 0);
	close_it(w);
	assert_int_equal(shell(w, "rm registry.db"), 0);
	w->r = registry_open(w->path, true, BUSY_MS, &w->e);
	assert_non_null(w->r);
	assert_int_equal(shell(w, "test \"$(stat -c %u:%g registry.db*"
	    " | sort -u)\" = 65534:65533"), 0);
}

static void
test_missing(void **state)
{
	struct place *w = *state;

	close_it(w);
	assert_int_equal(shell(w, "rm registry.db && mkdir registry.db"), 0);
	expect_refused(w, true, EX_CONFIG, "not a regular file");
	assert_int_equal(shell(w, "rmdir registry.db"), 0);
	expect_refused(w, false, EX_CONFIG, "charon serve");
	/* A process that was killed at once leaves an empty one. */
	assert_int_equal(shell(w, "umask 077; : >registry.db"), 0);
	expect_refused(w, false, EX_CONFIG, "it is empty");
	w->r = registry_open(w->path, true, BUSY_MS, &w->e);
	assert_non_null(w->r);
	must_add(w, "a");
	assert_null(registry_open("/proc/nowhere/x.db", true, 1, &w->e));
	expect_error(&w->e, EX_CANTCREAT, "/proc/nowhere");
}

static void
test_another_schema(void **state)
{
	struct place *w = *state;

	must_add(w, "a");
	close_it(w);
	assert_int_equal(run_sql(w->path, "PRAGMA user_version = 3"),
	    SQLITE_OK);
	expect_refused(w, true, EX_CONFIG, "a newer charon");
	assert_int_equal(run_sql(w->path, "PRAGMA user_version = 2;"
	    "PRAGMA application_id = 7"), SQLITE_OK);
	expect_refused(w, true, EX_CONFIG, "another program's");
	assert_int_equal(run_sql(w->path, "PRAGMA user_version = 0;"
	    "PRAGMA application_id = 0"), SQLITE_OK);
	expect_refused(w, true, EX_CONFIG, "another program's");
	assert_int_equal(run_sql(w->path, "PRAGMA user_version = 2;"
	    "PRAGMA application_id = 0x4f727468"), SQLITE_OK);
	w->r = place_open(w);
	must_find(w, "a");
}

static void
test_damaged(void **state)
{
	static const char *const damages[] = {
		"head -c 4096 /dev/zero | tr '\\0' x >registry.db",
		"head -c 6000 good >registry.db",
		/* The second page and those behind it, the first is whole. */
		"dd if=/dev/zero of=registry.db bs=4096 seek=1 count=4 "
		    "conv=notrunc 2>/dev/null",
		/* The head of the third. */
		"printf '\\377%.0s' 1 2 3 4 5 6 7 8 9 10 | dd of=registry.db "
		    "bs=1 seek=8192 conv=notrunc 2>/dev/null",
	};
	struct place *w = *state;
	size_t i;

	must_add(w, "a");
	close_it(w);
	assert_int_equal(shell(w, "cp -p registry.db good"), 0);
	for (i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		assert_int_equal(shell(w, "cp -p good registry.db"), 0);
		assert_int_equal(shell(w, damages[i]), 0);
		expect_refused(w, true, EX_IOERR, "damaged");
	}
}

/* Names become paths, and are not believed even from the database. */
static void
test_strange_rows(void **state)
{
	struct place *w = *state;
	struct peer p;

	must_add(w, "a");
	assert_int_equal(run_sql(w->path, "UPDATE peers SET name = '../a'"),
	    SQLITE_OK);
	assert_int_equal(registry_find(w->r, "../a", &p, &w->e), -1);
	expect_error(&w->e, EX_IOERR, "damaged");
	assert_int_equal(run_sql(w->path, "UPDATE peers SET name = 'a';"
	    "INSERT INTO hellos SELECT id, x'ffff' FROM peers"), SQLITE_OK);
	/* A hello comes again; the agent's row is no worse for a bad one. */
	assert_int_equal(must_find(w, "a").hello.kind, LEASH_UNKNOWN);
}

/* --- locked ----------------------------------------------------------- */

static void
expect_locked(struct place *w, int result)
{
	assert_int_equal(result, -1);
	expect_error(&w->e, EX_TEMPFAIL, "another program has kept it locked");
}

static void
test_locked(void **state)
{
	struct place *w = *state;
	struct auth_key auth = must_add(w, "a"), fresh = { 0 };
	struct certificate c = must_enrol(w, &auth, key_of(1)), d;
	struct peer p;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	expect_locked(w, registry_add(w->r, PEER_AGENT, "b", NULL, NULL,
	    &fresh, &w->e));
	assert_int_equal(fresh.id, 0);
	expect_locked(w, registry_rekey(w->r, "a", &fresh, &w->e));
	assert_int_equal(fresh.id, 0);
	expect_locked(w, registry_remove(w->r, PEER_AGENT, "a", &w->e));
	expect_locked(w, registry_enrol(w->r, &auth, key_of(1), WEEK, &d,
	    &w->e));
	expect_locked(w, registry_renew(w->r, auth.id, c.serial, key_of(2),
	    WEEK, &d, &w->e));
	expect_locked(w, registry_logged_in(w->r, auth.id, c.serial, &w->e));
	expect_locked(w, registry_seen_begin(w->r, &w->e));
	expect_locked(w, registry_all_offline(w->r, &w->e));
	/* Questions need not wait. */
	assert_true(must_find(w, "a").enrolled);
	assert_int_equal(registry_find(w->r, "b", &p, &w->e), 0);
	assert_true(lets_in(w, &c));
	assert_true(registry_auth_key_valid(w->r, &auth, &w->e));

	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
	assert_true(lets_in(w, &c));
	must_add(w, "b");
	assert_in_range(registry_logged_in(w->r, auth.id, c.serial, &w->e),
	    0, 1);
}

static void
test_locked_at_the_start(void **state)
{
	struct place *w = *state;
	sqlite3 *db;

	must_add(w, "a");
	close_it(w);
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE;"
	    "BEGIN EXCLUSIVE; DELETE FROM changes", NULL, NULL, NULL),
	    SQLITE_OK);
	expect_refused(w, true, EX_TEMPFAIL, "kept it locked");
	sqlite3_close(db);
	w->r = place_open(w);
	must_find(w, "a");
}

static void *
hold_a_while(void *arg)
{
	sqlite3 *db = arg;

	usleep(200000);
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	return NULL;
}

/* One that lets go in time is waited for. */
static void
test_locked_for_a_while(void **state)
{
	struct place *w = *state;
	struct auth_key auth;
	pthread_t thread;
	sqlite3 *db;

	close_it(w);
	w->r = registry_open(w->path, false, 20000, &w->e);
	assert_non_null(w->r);
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	assert_int_equal(pthread_create(&thread, NULL, hold_a_while, db), 0);
	assert_int_equal(registry_add(w->r, PEER_AGENT, "a", NULL, NULL,
	    &auth, &w->e), 0);
	pthread_join(thread, NULL);
	sqlite3_close(db);
}

static void
open_and_add(const char *path, int n)
{
	struct registry *r;
	struct auth_key auth;
	struct error e = { 0 };
	char name[32];

	snprintf(name, sizeof(name), "n-%d", n);
	r = registry_open(path, true, 20000, &e);
	if (r == NULL || registry_add(r, PEER_AGENT, name, NULL, NULL, &auth,
	    &e) == -1)
		fprintf(stderr, "%s\n", e.text);
	registry_close(r);
	_exit(e.code);
}

/* The gateway's first start, and a command beside it. */
static void
test_made_by_many(void **state)
{
	struct place *w = *state;
	pid_t children[8];
	char name[32];
	int i, status;

	close_it(w);
	assert_int_equal(shell(w, "rm registry.db"), 0);
	for (i = 0; i < 8; i++) {
		children[i] = fork();
		assert_int_not_equal(children[i], -1);
		if (children[i] == 0)
			open_and_add(w->path, i);
	}
	for (i = 0; i < 8; i++) {
		assert_int_equal(waitpid(children[i], &status, 0),
		    children[i]);
		assert_int_equal(status, 0);
	}
	w->r = place_open(w);
	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "n-%d", i);
		must_find(w, name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_make, place_remove)
		TEST(test_files_are_private),
		TEST(test_access_refused),
		TEST(test_missing),
		TEST(test_another_schema),
		TEST(test_damaged),
		TEST(test_strange_rows),
		TEST(test_locked),
		TEST(test_locked_at_the_start),
		TEST(test_locked_for_a_while),
		TEST(test_made_by_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
