/* SPDX-License-Identifier: ISC */
/* sd_notify's protocol against a socket of our own. */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "orthrus/base/notify.h"

#include "../../src/base/notify_private.h"

static int
receiver(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(sun.sun_path, path, strlen(path));
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(path))), 0);
	return fd;
}

static void
expect(int fd, const char *text)
{
	char buf[256] = "";

	assert_true(recv(fd, buf, sizeof(buf) - 1, 0) >= 0);
	assert_string_equal(buf, text);
}

static void
test_path(void **state)
{
	char dir[] = "/tmp/orthrus-notify.XXXXXX", path[64];
	char buf[256] = "";
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/notify", dir);
	fd = receiver(path);
	setenv("NOTIFY_SOCKET", path, 1);
	notify_send("READY=1\nSTATUS=connected");
	expect(fd, "READY=1\nSTATUS=connected");
	notify_reloading();
	assert_true(recv(fd, buf, sizeof(buf) - 1, 0) > 0);
	assert_int_equal(strncmp(buf, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	assert_true(strtoull(buf + 27, NULL, 10) > 0);
	/* A full receiver does not hold us up. */
	for (int i = 0; i < 5000; i++)
		notify_send("WATCHDOG=1");
	close(fd);
	notify_send("STOPPING=1");
	unlink(path);
	notify_send("STOPPING=1");
	rmdir(dir);
}

static void
test_abstract(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@orthrus-notify-%d", (int)getpid());
	fd = receiver(name);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("READY=1");
	expect(fd, "READY=1");
	close(fd);
}

static void
expect_nothing(int fd)
{
	char buf[256];

	assert_int_equal(recv(fd, buf, sizeof(buf), 0), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Receivers where a message would go if such a path were shortened or used. */
static void
test_nobody_asked(void **state)
{
	char dir[] = "/tmp/orthrus-notify.XXXXXX", longer[200];
	const size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	int relative, cut;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	relative = receiver("relative");
	memset(longer, 'a', sizeof(longer) - 1);
	memcpy(longer, dir, strlen(dir));
	longer[strlen(dir)] = '/';
	longer[most] = '\0';
	cut = receiver(longer);
	unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "", 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_send("READY=1");
	expect_nothing(relative);
	longer[most] = 'a';
	longer[sizeof(longer) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	notify_reloading();
	expect_nothing(cut);
	/* What is just short enough arrives. */
	longer[most] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	notify_send("READY=1");
	expect(cut, "READY=1");
	close(relative);
	close(cut);
	assert_int_equal(unlink("relative"), 0);
	assert_int_equal(unlink(longer), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_watchdog(void **state)
{
	char pid[32];

	(void)state;
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ms(), 15000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "500", 1);
	assert_int_equal(notify_watchdog_ms(), 1);
	setenv("WATCHDOG_USEC", "-1", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "12x", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "99999999999999999999999", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_abstract),
		cmocka_unit_test(test_nobody_asked),
		cmocka_unit_test(test_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
