/* SPDX-License-Identifier: ISC */
/*
 * What a system without walls says of itself.  Its own confine_bsd.c is linked
 * in front of the library, whose confine.c is Linux's.
 */
#include "config.h"

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/confine.h"

#include "captured.h"

static void
test_says_that_nothing_holds(void **state)
{
	char text[CONFINE_TEXT_MAX];

	(void)state;
	assert_string_equal(confine_text(text), "nothing; not: this system has "
	    "neither Landlock nor seccomp");
}

/* One line, and everything can be reached as before. */
static void
test_is_not_confined(void **state)
{
	struct confinement *w = confinement_new(CONFINE_AGENT);
	struct error e;
	int rc;

	(void)state;
	confinement_below(w, "/proc/meminfo", CONFINE_READ);
	confinement_beside(w, NULL, CONFINE_WRITE);
	confinement_resolver(w);
	capture_start();
	rc = confinement_apply(w, &e);
	assert_int_equal(captured_count(" warn not confined here: this system "
	    "has neither Landlock nor seccomp\n"), 1);
	capture_end();
	assert_int_equal(rc, 0);
	assert_int_equal(access("/etc/passwd", R_OK), 0);
}

/* As behind walls: where something may be written its directory is made. */
static void
test_makes_directories(void **state)
{
	char top[] = "/tmp/test_confine_bsd.XXXXXX", path[64];
	struct confinement *w = confinement_new(CONFINE_AGENT);
	struct error e;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(path, sizeof(path), "%s/read/file", top);
	confinement_beside(w, path, CONFINE_READ);
	*strrchr(path, '/') = '\0';
	assert_int_equal(stat(path, &st), -1);
	snprintf(path, sizeof(path), "%s/made/file", top);
	confinement_beside(w, path, CONFINE_SOCKETS);
	*strrchr(path, '/') = '\0';
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(top), 0);
	capture_start();
	confinement_apply(w, &e);
	capture_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_that_nothing_holds),
		cmocka_unit_test(test_is_not_confined),
		cmocka_unit_test(test_makes_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
