/* SPDX-License-Identifier: ISC */
/*
 * What os.h promises, on Linux.  What changes a process is done in one that is
 * forked for it.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/hand.h"
#include "orthrus/base/os.h"

#define NOBODYS_ID 3999999991U

static bool
closes_on_exec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static bool
never_blocks(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

static void
close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

/* Forks, and is true when what the child does returns true. */
static bool
holds_in_child(bool (*check)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(check() ? 0 : 1);
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Two ends of a TCP connection in this machine; the first was accepted. */
static void
connect_tcp(int pair[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int listener = os_socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_return_code(listener, errno);
	assert_return_code(bind(listener, (struct sockaddr *)&in, len), errno);
	assert_return_code(listen(listener, 1), errno);
	assert_return_code(getsockname(listener, (struct sockaddr *)&in, &len),
	    errno);
	pair[1] = os_socket(AF_INET, SOCK_STREAM, 0);
	assert_return_code(connect(pair[1], (struct sockaddr *)&in, len),
	    errno);
	pair[0] = os_accept(listener, (struct sockaddr *)&in, &len);
	assert_return_code(pair[0], errno);
	close(listener);
}

/* --- descriptors -------------------------------------------------------- */

static void
test_sockets_close_on_exec(void **state)
{
	int fd = os_socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_true(closes_on_exec(fd) && !never_blocks(fd));
	close(fd);
	fd = os_socket(AF_UNIX, SOCK_DGRAM, OS_NONBLOCK);
	assert_true(closes_on_exec(fd) && never_blocks(fd));
	close(fd);
	assert_int_equal(os_socket(AF_MAX, SOCK_STREAM, 0), -1);
	assert_int_equal(errno, EAFNOSUPPORT);
}

static void
test_pairs_close_on_exec(void **state)
{
	int pair[2], i;

	(void)state;
	assert_return_code(os_socketpair(SOCK_STREAM, OS_NONBLOCK, pair),
	    errno);
	for (i = 0; i < 2; i++)
		assert_true(closes_on_exec(pair[i]) && never_blocks(pair[i]));
	close_pair(pair);
	assert_return_code(os_socketpair(SOCK_STREAM, 0, pair), errno);
	for (i = 0; i < 2; i++)
		assert_true(closes_on_exec(pair[i]) && !never_blocks(pair[i]));
	close_pair(pair);
	assert_return_code(os_pipe(pair), errno);
	for (i = 0; i < 2; i++)
		assert_true(closes_on_exec(pair[i]) && !never_blocks(pair[i]));
	close_pair(pair);
}

static void
test_messages_stay_apart(void **state)
{
	char text[16];
	int pair[2];

	(void)state;
	assert_return_code(os_socketpair(SOCK_SEQPACKET, OS_NONBLOCK, pair),
	    errno);
	assert_int_equal(send(pair[0], "one", 3, 0), 3);
	assert_int_equal(send(pair[0], "seven..", 7, 0), 7);
	assert_int_equal(recv(pair[1], text, sizeof(text), 0), 3);
	assert_int_equal(recv(pair[1], text, sizeof(text), 0), 7);
	close(pair[0]);
	assert_int_equal(recv(pair[1], text, sizeof(text), 0), 0);
	close(pair[1]);
}

static void
test_accepted_never_block(void **state)
{
	int pair[2];

	(void)state;
	connect_tcp(pair);
	assert_true(closes_on_exec(pair[0]) && never_blocks(pair[0]));
	close_pair(pair);
}

static void
test_received_close_on_exec(void **state)
{
	char text[4];
	int pair[2], fd;

	(void)state;
	assert_return_code(os_socketpair(SOCK_SEQPACKET, 0, pair), errno);
	assert_int_equal(hand_send(pair[0], "12345", 5, pair[0], 0), 5);
	assert_true(hand_receive(pair[1], text, sizeof(text), &fd, 0) >
	    (ssize_t)sizeof(text));
	assert_true(fd != -1 && closes_on_exec(fd));
	close(fd);
	assert_int_equal(hand_send(pair[0], "1234", 4, -1, 0), 4);
	assert_int_equal(hand_receive(pair[1], text, sizeof(text), &fd, 0), 4);
	assert_int_equal(fd, -1);
	close_pair(pair);
}

static bool
closes_from(void)
{
	int low = dup2(STDERR_FILENO, 40), high = dup2(STDERR_FILENO, 90);

	os_close_from(41);
	return fcntl(low, F_GETFD) != -1 && fcntl(high, F_GETFD) == -1 &&
	    errno == EBADF;
}

static bool
raises_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_max = limit.rlim_max < 512 ? limit.rlim_max : 512;
	limit.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &limit);
	os_raise_descriptor_limit();
	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur == limit.rlim_max && limit.rlim_cur > 64;
}

static void
test_descriptors_of_process(void **state)
{
	(void)state;
	assert_true(holds_in_child(closes_from));
	assert_true(holds_in_child(raises_limit));
}

/* --- sockets ------------------------------------------------------------ */

static void
test_socket_tells_family_and_peer(void **state)
{
	int pair[2], tcp[2];

	(void)state;
	connect_tcp(tcp);
	assert_return_code(os_socketpair(SOCK_STREAM, 0, pair), errno);
	assert_int_equal(os_socket_family(pair[0]), AF_UNIX);
	assert_int_equal(os_socket_family(tcp[0]), AF_INET);
	assert_int_equal(os_socket_family(-1), -1);
	assert_int_equal(os_peer_process(pair[0]), getpid());
	assert_int_equal(os_peer_process(tcp[0]), 0);
	assert_int_equal(os_peer_process(-1), 0);
	close_pair(pair);
	close_pair(tcp);
}

static int
tcp_option(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	getsockopt(fd, IPPROTO_TCP, option, &value, &len);
	return value;
}

static void
test_tcp_options(void **state)
{
	int tcp[2], pair[2];

	(void)state;
	connect_tcp(tcp);
	os_tcp_give_up_after(tcp[0], 13000);
	assert_int_equal(tcp_option(tcp[0], TCP_USER_TIMEOUT), 13000);
	os_tcp_keep_unsent_low(tcp[0], 4096);
	assert_int_equal(tcp_option(tcp[0], TCP_NOTSENT_LOWAT), 4096);
	os_tcp_acknowledge(tcp[0]);
	assert_int_equal(tcp_option(tcp[0], TCP_QUICKACK), 1);
	close_pair(tcp);

	assert_return_code(os_socketpair(SOCK_STREAM, 0, pair), errno);
	os_tcp_give_up_after(pair[0], 13000);
	os_tcp_keep_unsent_low(pair[0], 4096);
	os_tcp_acknowledge(pair[0]);
	assert_int_equal(os_tcp_unacknowledged(pair[0]), 0);
	close_pair(pair);
}

/* Fills all buffers on the way to a peer that does not read. */
static void
fill(int fd)
{
	static const char bytes[65536];

	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	assert_int_equal(errno, EAGAIN);
}

static void
test_tells_what_is_not_acknowledged(void **state)
{
	static const struct linger reset = { 1, 0 };
	int tcp[2], tries;
	char byte;

	(void)state;
	connect_tcp(tcp);
	assert_int_equal(os_tcp_unacknowledged(tcp[0]), 0);
	/* What was still on its way may find room at the peer. */
	for (tries = 0; tries < 1000 &&
	    os_tcp_unacknowledged(tcp[0]) == 0; tries++)
		fill(tcp[0]);
	assert_true(os_tcp_unacknowledged(tcp[0]) > 0);
	setsockopt(tcp[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(tcp[1]);
	fcntl(tcp[0], F_SETFL, 0);	/* waits for the reset */
	assert_int_equal(recv(tcp[0], &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(os_tcp_unacknowledged(tcp[0]), 0);
	close(tcp[0]);
}

/* --- the process -------------------------------------------------------- */

static bool
has_name(void)
{
	char name[17] = "";

	os_name_process("test-os-name");
	return prctl(PR_GET_NAME, name) == 0 &&
	    strcmp(name, "test-os-name") == 0;
}

static bool
hears_of_parent(void)
{
	int sig = 0;

	os_end_with_parent(SIGUSR1);
	return prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGUSR1;
}

static bool
is_hidden(void)
{
	os_hide_memory();
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
}

static void
test_process(void **state)
{
	(void)state;
	assert_true(holds_in_child(has_name));
	assert_true(holds_in_child(hears_of_parent));
	assert_true(holds_in_child(is_hidden));
}

static void
test_program_path(void **state)
{
	char path[4096], cut[8];

	(void)state;
	assert_int_equal(os_program_path(path, sizeof(path)), 0);
	assert_int_equal(path[0], '/');
	assert_return_code(access(path, X_OK), errno);
	assert_int_equal(os_program_path(cut, sizeof(cut)), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

/* --- the machine -------------------------------------------------------- */

static void
test_machine(void **state)
{
	struct os_load l;

	(void)state;
	memset(&l, 0xff, sizeof(l));
	os_load(&l);
	assert_true(l.load >= 0 && l.load < 1e6);
	assert_true(l.memory_total > 0 && l.memory_used > 0);
	assert_true(l.memory_used <= l.memory_total);
	assert_true(os_memory_limit() > 0);
	assert_return_code(access(os_run_directory(), X_OK), errno);
}

static void
test_who_is_known(void **state)
{
	char name[64] = "";
	gid_t gid = 1;

	(void)state;
	assert_true(os_local_user(0, name, sizeof(name)));
	assert_string_equal(name, "root");
	assert_true(os_local_group(0, name, sizeof(name)));
	assert_string_equal(name, "root");
	assert_true(os_local_group_named("root", &gid));
	assert_int_equal(gid, 0);
	assert_false(os_local_user(0, name, sizeof("roo")));
	assert_false(os_local_group(0, name, sizeof("roo")));
	assert_false(os_local_user(NOBODYS_ID, name, sizeof(name)));
	assert_false(os_local_group(NOBODYS_ID, name, sizeof(name)));
	assert_false(os_local_group_named("no such group", &gid));
}

/* --- the C library ------------------------------------------------------ */

static void
test_purged_is_not_written(void **state)
{
	char text[16] = "";
	int pair[2];
	FILE *f;

	(void)state;
	assert_return_code(os_pipe(pair), errno);
	f = fdopen(pair[1], "w");
	assert_non_null(f);
	fputs("thrown away", f);
	os_purge(f);
	fputs("kept", f);
	fclose(f);
	assert_int_equal(read(pair[0], text, sizeof(text)), 4);
	assert_memory_equal(text, "kept", 4);
	close(pair[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sockets_close_on_exec),
		cmocka_unit_test(test_pairs_close_on_exec),
		cmocka_unit_test(test_messages_stay_apart),
		cmocka_unit_test(test_accepted_never_block),
		cmocka_unit_test(test_received_close_on_exec),
		cmocka_unit_test(test_descriptors_of_process),
		cmocka_unit_test(test_socket_tells_family_and_peer),
		cmocka_unit_test(test_tcp_options),
		cmocka_unit_test(test_tells_what_is_not_acknowledged),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_program_path),
		cmocka_unit_test(test_machine),
		cmocka_unit_test(test_who_is_known),
		cmocka_unit_test(test_purged_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
