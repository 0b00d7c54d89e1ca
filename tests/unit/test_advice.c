/* SPDX-License-Identifier: ISC */
/* What is advised where the engine's socket cannot be used. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/muzzle/advice.h"

static char dir[] = "/tmp/orthrus-advice-XXXXXX";
static char path[UNIX_PATH_MAX_LEN];
static char text[ERROR_TEXT_MAX];

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/docker.sock", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void
make_socket(const char *at, mode_t mode)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(un.sun_path, at);
	unlink(at);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(chmod(at, mode), 0);
	close(fd);
}

static void
assert_advice(const struct advice *a, int error, const char *wanted)
{
	advice_write(a, path, error, strerror(error), text);
	if (strstr(text, wanted) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", wanted, text);
	if (strchr(text, '\n') != NULL)
		fail_msg("\"%s\" is more than a line", text);
}

static void
test_absent(void **state)
{
	struct advice a = { .user = "web" };
	char wanted[256];

	(void)state;
	unlink(path);
	snprintf(wanted, sizeof(wanted), "there is no socket %s: start the "
	    "engine (systemctl start docker), or name its socket with "
	    "--docker=PATH", path);
	assert_advice(&a, ENOENT, wanted);
	assert_advice(&a, ECONNREFUSED, "no engine listens on");
	assert_advice(&a, ETIMEDOUT, "does not answer (Connection timed out)");
	strcpy(a.other, "/run/user/7/docker.sock");
	assert_advice(&a, ENOENT, "another engine's socket, "
	    "--docker=/run/user/7/docker.sock");
}

static void
test_forbidden(void **state)
{
	struct advice a = { .user = "web", .group = "docker", .gid = 4711 };

	(void)state;
	if (geteuid() != 0)	/* it takes root to give a file away */
		skip();
	make_socket(path, 0660);
	assert_int_equal(chown(path, 0, 4711), 0);
	assert_advice(&a, EACCES, "the user web may not use");
	assert_advice(&a, EACCES, "run \"usermod -aG docker web\" as root");
	a.gid = 4712;		/* of a socket that was made since */
	assert_advice(&a, EACCES, "run \"usermod -aG 4711 web\" as root");
	a.user[0] = '\0';
	assert_advice(&a, EACCES, "SupplementaryGroups=4711 in the unit");
	assert_int_equal(chown(path, 0, 0), 0);
	assert_advice(&a, EACCES, "dockerd --group docker");
	assert_int_equal(chown(path, 0, 4711), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_advice(&a, EACCES, "dockerd --group docker");
	unlink(path);
	assert_advice(&a, EACCES, "may not enter the directory of");
}

/* What is found out is right on any machine: root is the first user. */
static void
test_prepare(void **state)
{
	struct advice a;
	char other[UNIX_PATH_MAX_LEN];

	(void)state;
	snprintf(other, sizeof(other), "%s/docker.sock", dir);
	make_socket(other, 0666);
	setenv("XDG_RUNTIME_DIR", dir, 1);
	advice_prepare(&a, "/var/run/docker.sock");
	assert_string_equal(a.other, other);
	if (geteuid() == 0)
		assert_string_equal(a.user, "root");
	advice_prepare(&a, other);
	assert_string_equal(a.other, "");
	if (getegid() == 0)
		assert_string_equal(a.group, "root");
	unsetenv("XDG_RUNTIME_DIR");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_forbidden),
		cmocka_unit_test(test_prepare),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
