/* SPDX-License-Identifier: ISC */
/*
 * What a confined process can still do, and what it cannot: each case in a
 * process of its own, which says with its exit status how it went.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

#include "../../src/base/confine_private.h"
#include "orthrus/base/log.h"

static uid_t uid;
static char dir[] = "/tmp/test_confine.XXXXXX";

/* One of DIR/read, DIR/write, DIR/sockets, DIR/other, and a file there. */
static const char *
in(const char *place, const char *file)
{
	static char path[2][128];
	static unsigned n;

	n = !n;
	snprintf(path[n], sizeof(path[n]), "%s/%s/%s", dir, place, file);
	return path[n];
}

static void
put_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd == -1 || write(fd, "text", 4) != 4)
		abort();
	close(fd);
}

static int
setup(void **state)
{
	static const char *const places[] = { "read", "write", "sockets",
	    "other" };
	size_t i;

	(void)state;
	uid = getuid();
	log_setup(LEVEL_ERROR, LOG_TEXT);
	if (mkdtemp(dir) == NULL)
		return -1;
	for (i = 0; i < 4; i++) {
		if (mkdir(in(places[i], ""), 0700) == -1)
			return -1;
		put_file(in(places[i], "file"));
	}
	return 0;
}

static int
teardown(void **state)
{
	char *command = NULL;

	(void)state;
	if (asprintf(&command, "rm -rf %s", dir) == -1 ||
	    system(command) != 0)
		return -1;
	free(command);
	return 0;
}

/*
 * Runs body in a confined child: what waitpid(2) says.  A body that fails
 * returns the number of its line.
 */
static int
confined(enum confine_for what, int (*body)(void))
{
	struct confinement *w;
	struct error e;
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		w = confinement_new(what);
		confinement_below(w, in("read", ""), CONFINE_READ);
		confinement_below(w, in("write", ""), CONFINE_WRITE);
		confinement_below(w, in("sockets", ""), CONFINE_SOCKETS);
		confinement_below(w, in("missing", ""), CONFINE_WRITE);
		confinement_below(w, NULL, CONFINE_WRITE);
		confinement_resolver(w);
		if (confinement_apply(w, &e) == -1)
			_exit(255);
		_exit(body());
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

#define CHECK(what) do { if (!(what)) return __LINE__ & 0x7f; } while (0)

static void
assert_fine(enum confine_for what, int (*body)(void))
{
	int status = confined(what, body);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- files -------------------------------------------------------- */

static bool
opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd == -1)
		return false;
	close(fd);
	return true;
}

static bool
refused(int rc)
{
	return rc == -1 && (errno == EACCES || errno == EPERM);
}

static int
read_only(void)
{
	CHECK(opens(in("read", "file"), O_RDONLY));
	CHECK(opens(in("read", ""), O_RDONLY | O_DIRECTORY));
	CHECK(!opens(in("read", "file"), O_WRONLY) && errno == EACCES);
	CHECK(!opens(in("read", "new"), O_WRONLY | O_CREAT));
	CHECK(refused(unlink(in("read", "file"))));
	return 0;
}

static int
written(void)
{
	CHECK(opens(in("write", "file"), O_RDWR | O_TRUNC));
	CHECK(opens(in("write", "new"), O_WRONLY | O_CREAT | O_EXCL));
	CHECK(rename(in("write", "new"), in("write", "newer")) == 0);
	CHECK(unlink(in("write", "newer")) == 0);
	/* Nothing leaves the directory, nor comes into it. */
	CHECK(rename(in("write", "file"), in("sockets", "stolen")) == -1);
	CHECK(rename(in("other", "file"), in("write", "stolen")) == -1);
	return 0;
}

static int
elsewhere(void)
{
	CHECK(!opens(in("other", "file"), O_RDONLY) && errno == EACCES);
	/* Sanitizers look at their threads there. */
	CHECK(CONFINE_SANITIZED || (!opens("/proc/self/environ", O_RDONLY) &&
	    errno == EACCES));
	CHECK(!opens("/", O_RDONLY | O_DIRECTORY) && errno == EACCES);
	CHECK(!opens(in("other", "new"), O_WRONLY | O_CREAT));
	CHECK(refused(unlink(in("other", "file"))));
	return 0;
}

static int
binds(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	strncpy(sun.sun_path, path, sizeof(sun.sun_path) - 1);
	rc = fd == -1 ? -1 : bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	if (fd != -1)
		close(fd);
	return rc;
}

static int
sockets(void)
{
	CHECK(mkdir(in("sockets", "web"), 0700) == 0);
	CHECK(binds(in("sockets", "web/docker.sock")) == 0);
	CHECK(unlink(in("sockets", "web/docker.sock")) == 0);
	CHECK(rmdir(in("sockets", "web")) == 0);
	CHECK(!opens(in("sockets", "new"), O_WRONLY | O_CREAT));
	CHECK(refused(binds(in("write", "a.sock"))));
	CHECK(refused(binds(in("other", "a.sock"))));
	return 0;
}

static void
test_files(void **state)
{
	int (*const bodies[])(void) = { read_only, written, elsewhere };
	size_t i;

	(void)state;
	if (files_version() == -1) {
		print_message("no Landlock here: skipped\n");
		skip();
	}
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_fine(CONFINE_AGENT, bodies[i]);
	assert_fine(CONFINE_MONITOR, sockets);
}

/* --- calls -------------------------------------------------------- */

static void
needs_seccomp(void)
{
	if (calls_missing() == NULL)
		return;
	print_message("%s: skipped\n", calls_missing());
	skip();
}

static void *
in_thread(void *arg)
{
	struct addrinfo *list = NULL;

	*(int *)arg = getaddrinfo("localhost", NULL, NULL, &list);
	if (list != NULL)
		freeaddrinfo(list);
	return NULL;
}

/* The C library falls back to what it is allowed. */
static int
threads_resolve(void)
{
	pthread_t thread;
	int rc = -1;

	CHECK(pthread_create(&thread, NULL, in_thread, &rc) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(rc == 0);
	return 0;
}

/* As musl's resolver does over TCP, when an answer was cut short. */
static int
asks_by_message(void)
{
	struct msghdr msg = { .msg_iovlen = 0 };

	CHECK(sendmsg(-1, &msg, MSG_NOSIGNAL) == -1 && errno == EBADF);
	CHECK(recvmsg(-1, &msg, 0) == -1 && errno == EBADF);
	return 0;
}

static int
no_process(void)
{
	CHECK(fork() == -1 && errno == ENOSYS);
	return 0;
}

/* Taken first and made accessible later, as by allocators; but never code. */
static int
no_code(void)
{
	void *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	    0);

	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0);
	CHECK(mprotect(p, 4096, PROT_READ | PROT_EXEC) == -1);
	CHECK(mprotect(p, 4096, PROT_READ) == 0);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p == MAP_FAILED);
	return 0;
}

static int
no_other_sockets(void)
{
	CHECK(socket(AF_PACKET, SOCK_RAW, 0) == -1 && errno == ENOSYS);
	CHECK(socket(AF_ALG, SOCK_SEQPACKET, 0) == -1 && errno == ENOSYS);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) != -1);
	return 0;
}

/* What is not handed over is not to be had. */
static int
no_way_out(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	pthread_t thread;
	int rc;

	CHECK(socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == ENOSYS);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == ENOSYS);
	CHECK(connect(0, (struct sockaddr *)&sun, sizeof(sun)) == -1 &&
	    errno == ENOSYS);
	CHECK(open("/dev/null", O_RDONLY) == -1 && errno == ENOSYS);
	CHECK(unlink("/nowhere") == -1 && errno == ENOSYS);
	CHECK(pthread_create(&thread, NULL, in_thread, &rc) != 0);
	return 0;
}

static int
no_netlink(void)
{
	CHECK(socket(AF_NETLINK, SOCK_RAW, 0) == -1 && errno == ENOSYS);
	return 0;
}

static int
only_local(void)
{
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == ENOSYS);
	CHECK(socket(AF_UNIX, SOCK_STREAM, 0) != -1);
	return 0;
}

/* What cannot fail, as its callers think; and who waits does wait. */
static int
harmless(void)
{
	const struct timespec moment = { 0, 1 };

	CHECK(getuid() == uid && geteuid() == uid && getppid() > 0);
	CHECK(nanosleep(&moment, NULL) == 0);
	return 0;
}

static void
test_calls(void **state)
{
	enum confine_for what;

	(void)state;
	needs_seccomp();
	for (what = CONFINE_GATEWAY; what <= CONFINE_MUZZLE; what++) {
		assert_fine(what, harmless);
		assert_fine(what, no_code);
	}
	assert_fine(CONFINE_EGRESS, threads_resolve);
	assert_fine(CONFINE_AGENT, threads_resolve);
	assert_fine(CONFINE_EGRESS, asks_by_message);
	assert_fine(CONFINE_AGENT, asks_by_message);
	assert_fine(CONFINE_GATEWAY, no_process);
	assert_fine(CONFINE_GATEWAY, no_way_out);
	assert_fine(CONFINE_MONITOR, no_process);
	assert_fine(CONFINE_MONITOR, no_netlink);
	assert_fine(CONFINE_EGRESS, no_process);
	assert_fine(CONFINE_AGENT, no_process);
	assert_fine(CONFINE_MUZZLE, no_process);
	assert_fine(CONFINE_AGENT, no_other_sockets);
	assert_fine(CONFINE_MUZZLE, only_local);
}

static int
runs_a_shell(void)
{
	execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
	return 1;
}

static int
becomes_root(void)
{
	return setuid(0) == 0 ? 1 : 2;
}

/* What only an intruder tries ends the process, so that it is seen. */
static void
test_fatal(void **state)
{
	int (*const bodies[])(void) = { runs_a_shell, becomes_root };
	size_t i;
	int status;

	(void)state;
	needs_seccomp();
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		status = confined(CONFINE_AGENT, bodies[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

#ifdef HAVE_SECCOMP
/* As a kernel without filters, or qemu-user: both ways are unknown to it. */
static int
confine_without_filters(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	char text[CONFINE_TEXT_MAX];
	struct error e;

	CHECK(filter != NULL);
	CHECK(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl),
	    1, SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0)) == 0);
	CHECK(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
	    SCMP_SYS(seccomp), 0) == 0);
	if (seccomp_load(filter) != 0)
		return 0;	/* it is one */
	CHECK(confinement_apply(confinement_new(CONFINE_AGENT), &e) == 0);
	CHECK(strstr(confine_text(text), "; not: ") != NULL);
	return 0;
}

/* The first test, as nobody has asked the kernel yet. */
static void
test_no_filters(void **state)
{
	pid_t pid;
	int status = -1;

	(void)state;
	if ((pid = fork()) == 0)
		_exit(confine_without_filters());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* As an older systemd's @system-service: neither kind of wall may be put up. */
static int
forbid_walls(void)
{
	static const char *const calls[] = { "seccomp",
	    "landlock_create_ruleset", "landlock_add_rule",
	    "landlock_restrict_self" };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc = filter == NULL ? -1 : 0;
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
		    seccomp_syscall_resolve_name(calls[i]), 0);
	return rc == 0 ? seccomp_load(filter) : rc;
}

static int
confine_by_prctl(void)
{
	struct error e;

	CHECK(forbid_walls() == 0);
	CHECK(seccomp_api_set(1) == 0);	/* as it finds out itself */
	CHECK(confinement_apply(confinement_new(CONFINE_AGENT), &e) == 0);
	CHECK(fork() == -1 && errno == ENOSYS);
	return 0;
}

static void
test_walls_are_forbidden(void **state)
{
	pid_t pid;
	int status = -1;

	(void)state;
	needs_seccomp();
	if ((pid = fork()) == 0)
		_exit(confine_by_prctl());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

/* --- what is said ------------------------------------------------- */

static void
test_text(void **state)
{
	char text[CONFINE_TEXT_MAX];

	(void)state;
	confine_text(text);
	assert_non_null(strstr(text, "no new privileges"));
	assert_true((calls_missing() == NULL) ==
	    (strncmp(text, "seccomp, ", 9) == 0));
	assert_true((files_version() != -1) ==
	    (strstr(text, "Landlock ") != NULL &&
	    strstr(text, "; not: ") == NULL) || calls_missing() != NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#ifdef HAVE_SECCOMP
		cmocka_unit_test(test_no_filters),
#endif
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_fatal),
#ifdef HAVE_SECCOMP
		cmocka_unit_test(test_walls_are_forbidden),
#endif
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
