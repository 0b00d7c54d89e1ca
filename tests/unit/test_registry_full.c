/* SPDX-License-Identifier: ISC */
/* The registry when its disk is full: nothing acknowledged is lost. */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/registry/registry_private.h"
#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "registry_fixture.h"

static void
close_it(struct place *w)
{
	registry_close(w->r);
	w->r = NULL;
}

/* Adds until the disk is full: how many there were, or -1. */
static int
add_until_full(struct registry *r, struct error *e)
{
	struct auth_key auth;
	char name[32];
	int i;

	for (i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "n-%d", i);
		if (registry_add(r, PEER_AGENT, name, NULL, NULL, &auth, e) ==
		    -1)
			return i;
	}
	return -1;
}

/* All that were acknowledged are there, and no other. */
static bool
has_all(struct registry *r, int n)
{
	struct error e;
	struct peer p;
	char name[32];
	int i;

	for (i = 0; i <= n; i++) {
		snprintf(name, sizeof(name), "n-%d", i);
		if (registry_find(r, name, &p, &e) != (i < n))
			return false;
	}
	return true;
}

static void
test_full(void **state)
{
	struct place *w = *state;
	int n;

	assert_int_equal(sqlite3_exec(w->r->main.db,
	    "PRAGMA max_page_count = 40", NULL, NULL, NULL), SQLITE_OK);
	n = add_until_full(w->r, &w->e);
	assert_true(n > 10);
	expect_error(&w->e, EX_IOERR, "the disk is full");
	assert_true(has_all(w->r, n));
	assert_int_equal(sqlite3_exec(w->r->main.db,
	    "PRAGMA max_page_count = 100000", NULL, NULL, NULL), SQLITE_OK);
	must_add(w, "later");
	close_it(w);
	w->r = place_open(w);
	assert_true(has_all(w->r, n));
}

/* Ends the process: 0 when all was as it should be. */
static void
fill_up(const char *path, void (*make_room)(const char *path))
{
	struct registry *r;
	struct auth_key auth;
	struct error e;
	int n;

	r = registry_open(path, true, BUSY_MS, &e);
	if (r == NULL)
		_exit(2);
	n = add_until_full(r, &e);
	if (n < 10 || e.code != EX_IOERR)
		_exit(3);
	fprintf(stderr, "after %d: %s\n", n, e.text);
	if (!has_all(r, n))
		_exit(4);
	make_room(path);
	if (registry_add(r, PEER_AGENT, "later", NULL, NULL, &auth, &e) == -1)
		_exit(5);
	registry_close(r);
	r = registry_open(path, false, BUSY_MS, &e);
	if (r == NULL || !has_all(r, n))
		_exit(6);
	registry_close(r);
	_exit(0);
}

static int
wait_for(pid_t child)
{
	int status = -1;

	assert_int_not_equal(child, -1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
limit_file_size(rlim_t n)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = n;
	if (setrlimit(RLIMIT_FSIZE, &limit) == -1)
		_exit(1);
}

static void
lift_limit(const char *path)
{
	struct rlimit limit;

	(void)path;
	getrlimit(RLIMIT_FSIZE, &limit);
	limit_file_size(limit.rlim_max);
}

static void
test_writes_fail(void **state)
{
	struct place *w = *state;
	pid_t child;

	close_it(w);
	child = fork();
	if (child == 0) {
		signal(SIGXFSZ, SIG_IGN);
		limit_file_size(1 << 20);
		fill_up(w->path, lift_limit);
	}
	assert_int_equal(wait_for(child), 0);
}

static void
remove_ballast(const char *path)
{
	char *ballast = xasprintf("%s.ballast", path);

	unlink(ballast);
	free(ballast);
}

/* A disk that is really full, in a name space of its own. */
static void
fill_disk(const char *dir)
{
	char *path = xasprintf("%s/registry.db", dir);
	char *ballast = xasprintf("%s.ballast", path);
	char *data = xcalloc(1, 256 * 1024);
	struct error e;

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=700") == -1)
		_exit(77);
	if (file_replace(ballast, 0600, data, 256 * 1024, &e) == -1)
		_exit(1);
	free(data);
	free(ballast);
	fill_up(path, remove_ballast);
}

static void
test_disk_is_full(void **state)
{
	struct place *w = *state;
	pid_t child;
	int code;

	close_it(w);
	child = fork();
	if (child == 0)
		fill_disk(w->dir);
	code = wait_for(child);
	if (code == 77)
		skip();
	assert_int_equal(code, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_make, place_remove)
		TEST(test_full),
		TEST(test_writes_fail),
		TEST(test_disk_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
