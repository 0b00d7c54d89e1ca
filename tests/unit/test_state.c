/* SPDX-License-Identifier: ISC */
/* The state directory: made once, and one gateway on it at a time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/mem.h"
#include "orthrus/monitor/state.h"

static char dir[] = "/tmp/test_state.XXXXXX";
static struct gateway_config config;

static struct state *
open_good(bool create)
{
	struct error e;
	struct state *s = state_open(&config, create, &e);

	if (s == NULL)
		fail_msg("%s", e.text);
	return s;
}

/* The exit status of a child that does this with a state of its own. */
static int
in_child(int (*what)(struct state *s))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(what(state_open(&config, true, NULL)));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
try_lock(struct state *s)
{
	struct error e = { .code = 0 };

	if (s == NULL)
		return 99;
	return state_lock(s, &e) == 0 ? 0 : e.code;
}

static int
ask(struct state *s)
{
	return s == NULL ? 99 : state_is_served(s);
}

static void
test_missing(void **state)
{
	struct error e;

	(void)state;
	assert_null(state_open(&config, false, &e));
	assert_int_equal(e.code, EX_CONFIG);
	assert_int_equal(access(config.state, F_OK), -1);
}

static void
test_same(void **state)
{
	struct state *s = open_good(true), *again = open_good(true);

	(void)state;
	assert_memory_equal(s->host_key_hash, again->host_key_hash, 32);
	state_close(again);
	again = open_good(false);
	assert_memory_equal(s->host_key_hash, again->host_key_hash, 32);
	state_close(again);
	state_close(s);
	state_close(NULL);
}

static void
test_lock(void **state)
{
	struct state *s = open_good(true), *other = open_good(false);
	struct error e;

	(void)state;
	assert_int_equal(in_child(ask), false);
	assert_false(state_is_served(other));
	assert_int_equal(state_lock(s, &e), 0);
	assert_int_equal(in_child(ask), true);
	assert_true(state_is_served(other));
	/* Who asks, or fails, takes nothing away. */
	assert_int_equal(in_child(try_lock), EX_UNAVAILABLE);
	assert_int_equal(state_lock(other, &e), -1);
	assert_int_equal(e.code, EX_UNAVAILABLE);
	assert_non_null(strstr(e.text, config.state));
	state_close(other);
	assert_int_equal(in_child(ask), true);
	state_close(s);
	assert_int_equal(in_child(ask), false);
	assert_int_equal(in_child(try_lock), 0);
}

static void
test_killed_while_making_the_key(void **state)
{
	struct state *s;
	char *path = xasprintf("%s.new", config.host_key);
	FILE *f;

	(void)state;
	s = open_good(true);
	state_close(s);
	unlink(config.host_key);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("-----BEGIN", f);
	fclose(f);
	s = open_good(true);
	assert_int_equal(access(path, F_OK), -1);
	state_close(s);
	free(path);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	config.state = xasprintf("%s/state", dir);
	config.host_key = xasprintf("%s/key", config.state);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	free(config.state);
	free(config.host_key);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_killed_while_making_the_key),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
