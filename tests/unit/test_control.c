/* SPDX-License-Identifier: ISC */
/*
 * The control socket: "orthrus status" that asks it, and requests for a stream.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"

#include "../../src/agent/commands.h"
#include "../../src/agent/control.h"

#define UP "{\"name\":\"a\",\"state\":\"connected\",\"server\":\"ssh://h\"," \
    "\"socks5\":{\"listen\":\"127.0.0.1:1080\"},\"rtt_ms\":3,\"forwards\":[" \
    "{\"kind\":\"local\",\"name\":\"L1\",\"listen\":\"localhost:1\"," \
    "\"to\":\"h:2\",\"state\":\"up\",\"error\":null,\"open\":0,\"total\":1}]}"
#define RETRYING "{\"name\":\"a\",\"state\":\"connected\",\"forwards\":[" \
    "{\"kind\":\"remote\",\"state\":\"retrying\"," \
    "\"error\":\"held\\u001b[31m \\u0007\"}]}"
#define BACKOFF "{\"name\":\"a\",\"state\":\"backoff\",\"forwards\":[]}"

static struct event_base *base;
static char dir[] = "/tmp/orthrus-control.XXXXXX";
static const char *document;
static char *big;

static char *
snapshot(void *arg)
{
	assert_ptr_equal(arg, &base);
	return xstrdup(document);
}

static int lent_fd, lent_bell;
static struct address lent_to;

static void
lend(void *arg, int fd, int bell, const struct address *to)
{
	assert_ptr_equal(arg, &base);
	lent_fd = fd;
	lent_bell = bell;
	lent_to = *to;
}

static const struct control_events events = { snapshot, lend };

static struct address
at(const char *name)
{
	struct address a = { .kind = ADDRESS_UNIX };

	snprintf(a.path, sizeof(a.path), "%s/%s", dir, name);
	return a;
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	setenv("RUNTIME_DIRECTORY", dir, 1);
	setenv("STATE_DIRECTORY", dir, 1);
	setenv("ORTHRUS_NAME", "a", 1);
	setenv("HOME", dir, 1);
	setenv("XDG_CONFIG_HOME", dir, 1);
	base = event_base_new();
	big = xcalloc(3000001, 1);
	memset(big, ' ', 3000000);
	memcpy(big, "{}", 2);
	return 0;
}

static int
tear_down(void **state)
{
	char *line = xasprintf("rm -rf %s", dir);
	int r = system(line);

	(void)state;
	free(line);
	free(big);
	event_base_free(base);
	return r;
}

static int
connect_to(const struct address *a)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(sun.sun_path, a->path, sizeof(sun.sun_path));
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)),
	    0);
	return fd;
}

/* Runs "orthrus status" in a child while the loop serves it. */
static int
status(char *const argv[], char **out)
{
	char *path = xasprintf("%s/out", dir);
	int argc = 0, result = -1, fd;
	pid_t pid;

	while (argv[argc] != NULL)
		argc++;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		_exit(cmd_status(argc, (char **)argv));
	}
	while (waitpid(pid, &result, WNOHANG) == 0) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
	free(*out);
	*out = file_read(path, 8 << 20, NULL, NULL);
	free(path);
	return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

#define STATUS(out, ...) \
	status((char *const []){ (char *)"status", ##__VA_ARGS__, NULL }, out)
#define ARG(s) (char *)s

static void
test_snapshot(void **state)
{
	struct address a = at("below/it/a.sock");
	struct error e = { 0 };
	struct control *c, *second;
	char said[64];
	struct stat st;

	(void)state;
	document = "{}";
	c = control_new(base, &a, &events, &base, &e);
	if (c == NULL)
		fail_msg("%s", e.text);
	assert_int_equal(stat(a.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	*strrchr(a.path, '/') = '\0';
	assert_int_equal(stat(a.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	a = at("below/it/a.sock");
	second = control_new(base, &a, &events, &base, &e);
	assert_null(second);
	assert_int_equal(e.code, EX_UNAVAILABLE);
	snprintf(said, sizeof(said), "already running (pid %d): ",
	    (int)getpid());
	assert_non_null(strstr(e.text, said));
	assert_non_null(strstr(e.text, "\"orthrus status\" shows it"));
	control_free(c);
	assert_int_equal(access(a.path, F_OK), -1);
	control_free(NULL);
}

static void
test_refused_places(void **state)
{
	struct address a = { .kind = ADDRESS_TCP, .host = "192.0.2.1",
	    .port = 80 };
	struct error e = { 0 };
	FILE *f;

	(void)state;
	assert_null(control_new(base, &a, &events, &base, &e));
	assert_int_equal(e.code, EX_CONFIG);
	a = at("file");
	f = fopen(a.path, "w");
	fclose(f);
	assert_null(control_new(base, &a, &events, &base, &e));
	assert_int_equal(e.code, EX_CANTCREAT);
	assert_int_equal(access(a.path, F_OK), 0);
	a = at("file/x.sock");
	assert_null(control_new(base, &a, &events, &base, &e));
	assert_int_equal(e.code, EX_CANTCREAT);
	a = at("open/x.sock");
	assert_int_equal(file_make_parents(a.path, &e), 0);
	*strrchr(a.path, '/') = '\0';
	assert_int_equal(chmod(a.path, 0777), 0);
	a = at("open/x.sock");
	assert_null(control_new(base, &a, &events, &base, &e));
	assert_int_equal(e.code, EX_CANTCREAT);
}

/* Those who do not read are let go, and there are never too many. */
static void
test_limits(void **state)
{
	struct address a = at("limits");
	struct error e;
	struct control *c = control_new(base, &a, &events, &base, &e);
	char buf[1];
	int fd[70], i, refused = 0;

	(void)state;
	assert_non_null(c);
	document = big;
	for (i = 0; i < 70; i++) {
		fd[i] = connect_to(&a);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	for (i = 0; i < 70; i++)
		refused += recv(fd[i], buf, 1, MSG_DONTWAIT) == 0;
	assert_int_equal(refused, 6);
	for (i = 0; i < 70; i++)
		close(fd[i]);
	control_free(c);
}

static void
test_status(void **state)
{
	struct address a = at("a.sock");
	struct error e;
	struct control *c;
	char *out = NULL;

	(void)state;
	assert_int_equal(STATUS(&out), EX_UNAVAILABLE);
	assert_non_null(strstr(out, "not running"));
	c = control_new(base, &a, &events, &base, &e);
	assert_non_null(c);
	document = UP;
	assert_int_equal(STATUS(&out), 0);
	assert_non_null(strstr(out, "a: connected, server ssh://h"));
	assert_non_null(strstr(out, "local  L1"));
	assert_int_equal(STATUS(&out, ARG("--name"), ARG("a")), 0);
	assert_int_equal(STATUS(&out, ARG("--name"), ARG("b")),
	    EX_UNAVAILABLE);
	assert_int_equal(STATUS(&out, ARG("--control"), a.path), 0);
	assert_int_equal(STATUS(&out, ARG("--json")), 0);
	assert_non_null(strstr(out, "\"rtt_ms\": 3"));
	setenv("ORTHRUS_NAME", "other", 1);
	assert_int_equal(STATUS(&out), EX_UNAVAILABLE);
	/* Nobody says which: there is only one. */
	unsetenv("ORTHRUS_NAME");
	assert_int_equal(STATUS(&out), 0);
	setenv("ORTHRUS_NAME", "a", 1);
	document = "not JSON";
	assert_int_equal(STATUS(&out), EX_UNAVAILABLE);
	document = "[]";
	assert_int_equal(STATUS(&out), EX_UNAVAILABLE);
	document = big;
	assert_int_equal(STATUS(&out), 0);
	free(out);
	control_free(c);
}

static void
test_wait(void **state)
{
	struct address a = at("a.sock");
	struct error e;
	struct control *c;
	char *out = NULL;

	(void)state;
	assert_int_equal(STATUS(&out, ARG("--wait"), ARG("200ms")),
	    EX_TEMPFAIL);
	c = control_new(base, &a, &events, &base, &e);
	assert_non_null(c);
	document = BACKOFF;
	assert_int_equal(STATUS(&out, ARG("--wait"), ARG("200ms")),
	    EX_TEMPFAIL);
	document = RETRYING;
	assert_int_equal(STATUS(&out, ARG("--wait"), ARG("200ms")),
	    EX_TEMPFAIL);
	/* Nothing that a server says reaches the terminal raw. */
	assert_non_null(strstr(out, "held\\x1b[31m \\x07"));
	assert_null(strchr(out, '\033'));
	assert_int_equal(STATUS(&out, ARG("--json")), 0);
	assert_non_null(strstr(out, "held\\u001B[31m"));
	document = UP;
	assert_int_equal(STATUS(&out, ARG("--wait"), ARG("5s")), 0);
	free(out);
	control_free(c);
}

static void
test_requests(void **state)
{
	static const struct {
		const char *text;
		enum control_request is;
		const char *to;
	} rows[] = {
		{ "s", CONTROL_MORE, NULL },
		{ "stream ", CONTROL_MORE, NULL },
		{ "stream db.internal:5432", CONTROL_MORE, NULL },
		{ "stream db.internal:5432\n", CONTROL_IS_STREAM,
		    "db.internal:5432" },
		{ "stream [::1]:22\n", CONTROL_IS_STREAM, "[::1]:22" },
		{ "stream /run/x.sock\n", CONTROL_IS_STREAM, "/run/x.sock" },
		{ "stream a:1\nSSH-2.0", CONTROL_STATUS, NULL },
		{ "stream a:0\n", CONTROL_BAD, NULL },
		{ "stream a\n", CONTROL_BAD, NULL },
		{ "stream \n", CONTROL_BAD, NULL },
		{ "stream", CONTROL_MORE, NULL },
		{ "streams\n", CONTROL_STATUS, NULL },
		{ "status\n", CONTROL_STATUS, NULL },
		{ "GET / HTTP/1.1\r\n", CONTROL_STATUS, NULL },
		{ "\n", CONTROL_STATUS, NULL },
	};
	char long_one[CONTROL_REQUEST_MAX + 1], text[ADDRESS_TEXT_MAX];
	struct address to;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (control_request(rows[i].text, strlen(rows[i].text), &to,
		    &e) != rows[i].is)
			fail_msg("%s", rows[i].text);
		if (rows[i].to != NULL)
			assert_string_equal(address_format(&to, text),
			    rows[i].to);
	}
	memset(long_one, 'a', sizeof(long_one));
	memcpy(long_one, "stream ", 7);
	assert_int_equal(control_request(long_one, CONTROL_REQUEST_MAX, &to,
	    &e), CONTROL_STATUS);
}

/* Sends text with the descriptor fd. */
static void
send_with(int to, const char *text, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	struct iovec iov = { (char *)(uintptr_t)text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.room,
	    .msg_controllen = sizeof(control.room) };

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	assert_int_equal(sendmsg(to, &msg, 0), strlen(text));
}

/* In two pieces, each with a descriptor: the first one is the bell. */
static void
test_stream(void **state)
{
	struct address a = at("a.sock");
	struct error e;
	struct control *c = control_new(base, &a, &events, &base, &e);
	int fd, bell[2], other[2], i;
	char byte;

	(void)state;
	assert_non_null(c);
	assert_int_equal(pipe(bell), 0);
	assert_int_equal(pipe(other), 0);
	lent_fd = -1;
	fd = connect_to(&a);
	send_with(fd, "stream db", bell[1]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(lent_fd, -1);
	send_with(fd, ":5432\n", other[1]);
	for (i = 0; i < 1000 && lent_fd == -1; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
	assert_int_not_equal(lent_fd, -1);
	assert_string_equal(lent_to.host, "db");
	assert_int_equal(lent_to.port, 5432);
	close(bell[1]);
	close(other[1]);
	assert_int_equal(write(lent_bell, "x", 1), 1);
	assert_int_equal(read(bell[0], &byte, 1), 1);
	assert_int_equal(read(other[0], &byte, 1), 0);
	/* The stream is the callee's: it outlives the control socket. */
	control_free(c);
	assert_int_equal(send(lent_fd, "ok", 2, 0), 2);
	close(lent_fd);
	close(lent_bell);
	close(fd);
	close(bell[0]);
	close(other[0]);
}

/* Whoever says nothing, as older programs, wants the status. */
static void
test_silence(void **state)
{
	struct address a = at("a.sock");
	struct error e;
	struct control *c = control_new(base, &a, &events, &base, &e);
	int fd = connect_to(&a), i;
	char got[8] = "";

	(void)state;
	assert_non_null(c);
	document = "{}";
	for (i = 0; i < 20000 && recv(fd, got, sizeof(got), MSG_DONTWAIT) <= 0;
	    i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
	assert_memory_equal(got, "{}\n", 3);
	close(fd);
	control_free(c);
}

static void
test_usage(void **state)
{
	char *out = NULL;

	(void)state;
	assert_int_equal(STATUS(&out, ARG("--help")), 0);
	assert_int_equal(STATUS(&out, ARG("--wait")), EX_USAGE);
	assert_int_equal(STATUS(&out, ARG("--wait"), ARG("soon")), EX_USAGE);
	assert_int_equal(STATUS(&out, ARG("--frobnicate")), EX_USAGE);
	assert_int_equal(STATUS(&out, ARG("more")), EX_USAGE);
	assert_int_equal(STATUS(&out, ARG("--control"), ARG("a b")),
	    EX_USAGE);
	assert_int_equal(STATUS(&out, ARG("--name"), ARG("../x")), EX_USAGE);
	free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_refused_places),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_usage),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
