/* SPDX-License-Identifier: ISC */
/*
 * The process that runs the command: it has the text, is asked for servers, and
 * hands over the other end of each command's standard input and output.
 */
#include "config.h"

#include "command_private.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/hand.h"
#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/os.h"
#include "orthrus/proto/proxy_command.h"
#include "orthrus/proto/wire.h"

#define LINE_MAX_BYTES 400	/* of what it says; the rest is left out */
#define LINES_MAX 100		/* of one command */
#define TERM_MS 1000		/* from SIGTERM to SIGKILL */

struct service {
	int fd;
	const char *text;
	struct event_base *base;
	struct event *asked, *child;
	bool ending;
	LIST_HEAD(, running) list;
};

/* One command; its process leads a group of its own. */
struct running {
	LIST_ENTRY(running) link;
	struct service *service;
	uint64_t id;
	pid_t pid;
	int fd;				/* its end: kept until its end is told */
	int says;			/* its standard error */
	struct event *said, *kill;
	char host[HOST_MAX];
	char line[LINE_MAX_BYTES + 1];
	size_t len;
	bool cut;			/* the line goes on, unseen */
	unsigned lines;
};

/* --- what it says ------------------------------------------------- */

/* A word that was cut off could be half a name, which would not be known. */
static void
drop_last_word(struct running *r)
{
	while (r->len > 0 && r->line[r->len - 1] != ' ')
		r->len--;
}

static void
log_line(struct running *r)
{
	if (r->cut)
		drop_last_word(r);
	r->line[r->len] = '\0';
	if (r->len > 0 && r->lines < LINES_MAX) {
		proxy_command_mask(r->line, r->host);
		log_info("proxy command: %s%s", r->line, r->cut ? "..." : "");
		if (++r->lines == LINES_MAX)
			log_info("proxy command: it says more, which is left "
			    "out");
	}
	r->len = 0;
	r->cut = false;
}

static void
take_said(struct running *r, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (p[i] == '\n')
			log_line(r);
		else if (r->len == LINE_MAX_BYTES)
			r->cut = true;
		else if (p[i] != '\r')
			r->line[r->len++] = p[i] != '\0' ? p[i] : '?';
	}
}

static void
on_command_says(evutil_socket_t fd, short what, void *arg)
{
	struct running *r = arg;
	char p[4096];
	ssize_t n = read((int)fd, p, sizeof(p));

	(void)what;
	if (n > 0)
		take_said(r, p, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		event_del(r->said);
}

/* Whatever is there at its end; somebody else may still hold it. */
static void
take_rest(struct running *r)
{
	char p[4096];
	unsigned turns = 0;
	ssize_t n;

	while (turns++ < 16 && (n = read(r->says, p, sizeof(p))) > 0)
		take_said(r, p, (size_t)n);
	log_line(r);
}

/* --- the command's own process ------------------------------------ */

/* Debian's services have a shell that says no to everybody. */
static const char *
user_shell(void)
{
	const char *shell = getenv("SHELL"), *name;

	name = shell != NULL ? strrchr(shell, '/') : NULL;
	if (name == NULL || shell[0] != '/' || strcmp(name, "/nologin") == 0 ||
	    strcmp(name, "/false") == 0)
		return "/bin/sh";
	return shell;
}

static void
forget_environment(void)
{
	/* The first are of our service manager, and not the command's. */
	static const char *const names[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC",
	    "WATCHDOG_PID", "AUTH_KEY", "AUTH_KEY_FILE",
	    "ORTHRUS_PASSWORD_FILE", "ORTHRUS_PROXY",
	    "ORTHRUS_PROXY_PASSWORD_FILE" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

/* All signals as a program expects them. */
static void
restore_signals(void)
{
	sigset_t none;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void __attribute__((noreturn))
become_command(const char *command, int fd, int says)
{
	const char *shell = user_shell();
	char *text = xasprintf("exec %s", command);

	/* Its end is that of all it has started, and it has no terminal. */
	setsid();
	os_end_with_parent(SIGTERM);
	if (dup2(fd, STDIN_FILENO) == -1 || dup2(fd, STDOUT_FILENO) == -1 ||
	    dup2(says, STDERR_FILENO) == -1)
		_exit(127);
	os_close_from(STDERR_FILENO + 1);
	restore_signals();
	forget_environment();
	execl(shell, shell, "-c", text, (char *)NULL);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", shell, strerror(errno));
	_exit(127);
}

/* --- running ------------------------------------------------------ */

static void
answer_asker(const struct service *s, enum command_word word, uint64_t id,
    uint32_t value, int fd)
{
	uint8_t b[COMMAND_ANSWER_LEN];

	wire_put_u32(wire_put_u64(wire_put_u32(b, word), id), value);
	hand_send(s->fd, b, sizeof(b), fd, 0);
}

static void
running_free(struct running *r)
{
	LIST_REMOVE(r, link);
	event_free(r->said);
	event_free(r->kill);
	close(r->says);
	close(r->fd);
	free(r);
}

static void
on_term_over(evutil_socket_t fd, short what, void *arg)
{
	struct running *r = arg;

	(void)fd;
	(void)what;
	kill(-r->pid, SIGKILL);
}

static void
running_end(struct running *r)
{
	kill(-r->pid, SIGTERM);
	timer_set(r->kill, TERM_MS);
}

static void
add_running(struct service *s, uint64_t id, pid_t pid, int fd, int says,
    const char *host)
{
	struct running *r = xcalloc(1, sizeof(*r));

	r->service = s;
	r->id = id;
	r->pid = pid;
	r->fd = fd;
	r->says = says;
	snprintf(r->host, sizeof(r->host), "%s", host);
	r->kill = evtimer_new(s->base, on_term_over, r);
	r->said = event_new(s->base, says, EV_READ | EV_PERSIST,
	    on_command_says, r);
	event_add(r->said, NULL);
	LIST_INSERT_HEAD(&s->list, r, link);
}

static void
close_both(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

/* Starts it: 0, or an errno value. */
static int
start_command(struct service *s, uint64_t id, const char *command,
    const char *host)
{
	int pair[2], says[2], error;
	pid_t pid;

	if (os_socketpair(SOCK_STREAM, 0, pair) == -1)
		return errno;
	if (os_pipe(says) == -1) {
		error = errno;
		close_both(pair);
		return error;
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	fcntl(says[0], F_SETFL, O_NONBLOCK);
	if ((pid = fork()) == 0)
		become_command(command, pair[1], says[1]);
	error = errno;
	close(says[1]);
	if (pid == -1) {
		close_both(pair);
		close(says[0]);
		return error;
	}
	add_running(s, id, pid, pair[1], says[0], host);
	answer_asker(s, COMMAND_RUNS, id, 0, pair[0]);
	close(pair[0]);
	return 0;
}

static void
run_for(struct service *s, uint64_t id, const struct server *server)
{
	char command[PROXY_COMMAND_MAX];
	int error = EINVAL;

	if (proxy_command_expand(s->text, server, command, NULL) == 0)
		error = start_command(s, id, command, server->host);
	if (error != 0)
		answer_asker(s, COMMAND_FAILED, id, (uint32_t)error, -1);
}

static void
end_for(const struct service *s, uint64_t id)
{
	struct running *r;

	LIST_FOREACH(r, &s->list, link)
		if (r->id == id)
			running_end(r);
}

/* --- what ends ---------------------------------------------------- */

static void
reaped(struct service *s, pid_t pid, int status)
{
	struct running *r;

	LIST_FOREACH(r, &s->list, link)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a queue */
		if (r->pid == pid)
			break;
	if (r == NULL)
		return;
	kill(-pid, SIGKILL);	/* what it has left behind */
	take_rest(r);
	answer_asker(s, COMMAND_ENDED, r->id, (uint32_t)status, -1);
	running_free(r);
}

static void
end_when_all_have(struct service *s)
{
	if (s->ending && LIST_EMPTY(&s->list))
		event_base_loopbreak(s->base);
}

static void
on_command_child(evutil_socket_t sig, short what, void *arg)
{
	struct service *s = arg;
	int status;
	pid_t pid;

	(void)sig;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		reaped(s, pid, status);
	end_when_all_have(s);
}

/* Who asks has gone, or says what cannot be: nothing runs on. */
static void
service_end(struct service *s)
{
	struct running *r;

	s->ending = true;
	event_del(s->asked);
	LIST_FOREACH(r, &s->list, link)
		running_end(r);
	end_when_all_have(s);
}

static void
on_command_asked(evutil_socket_t fd, short what, void *arg)
{
	struct server server = { .host = "" };
	struct service *s = arg;
	uint8_t b[COMMAND_ASK_MAX];
	uint32_t word, port = 0;
	uint64_t id;
	struct wire w;
	int with;
	ssize_t n = hand_receive((int)fd, b, sizeof(b), &with, MSG_DONTWAIT);

	(void)what;
	if (with != -1)
		close(with);
	if (n == -1 && errno == EAGAIN)
		return;
	wire_init(&w, b, n < 0 || (size_t)n > sizeof(b) ? 0 : (size_t)n);
	word = wire_u32(&w);
	id = wire_u64(&w);
	if (word == COMMAND_RUN) {
		wire_text(&w, server.host, sizeof(server.host));
		server.port = (uint16_t)(port = wire_u32(&w));
		wire_text(&w, server.user, sizeof(server.user));
	}
	if (w.bad || w.left > 0 || port > UINT16_MAX)
		service_end(s);
	else if (word == COMMAND_RUN)
		run_for(s, id, &server);
	else if (word == COMMAND_END)
		end_for(s, id);
	else
		service_end(s);
}

void
command_serve(int fd, const char *text)
{
	struct service s = { .fd = fd, .text = text };

	s.base = event_base_new();
	LIST_INIT(&s.list);
	s.asked = event_new(s.base, fd, EV_READ | EV_PERSIST, on_command_asked,
	    &s);
	s.child = evsignal_new(s.base, SIGCHLD, on_command_child, &s);
	if (s.asked == NULL || s.child == NULL)
		return;
	event_add(s.asked, NULL);
	event_add(s.child, NULL);
	event_base_dispatch(s.base);
	event_free(s.asked);
	event_free(s.child);
	event_base_free(s.base);
}
