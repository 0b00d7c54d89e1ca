/* SPDX-License-Identifier: ISC */
/* See program.h. */
#include "config.h"

#include "orthrus/base/program.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/os.h"

extern char **environ;

/* Where its three descriptors lead; output is -1 or what it writes to. */
static void
plan_descriptors(posix_spawn_file_actions_t *a, const struct program_run *p,
    int output)
{
	posix_spawn_file_actions_init(a);
	posix_spawn_file_actions_addopen(a, STDIN_FILENO, "/dev/null",
	    O_RDONLY, 0);
	if (output != -1)
		posix_spawn_file_actions_adddup2(a, output, STDOUT_FILENO);
	if (p->quiet)
		posix_spawn_file_actions_addopen(a, STDERR_FILENO,
		    "/dev/null", O_WRONLY, 0);
}

/* Signals are to it what they are to any program. */
static void
plan_signals(posix_spawnattr_t *a)
{
	sigset_t set;

	posix_spawnattr_init(a);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(a, &set);
	sigaddset(&set, SIGPIPE);
	posix_spawnattr_setsigdefault(a, &set);
	posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGDEF |
	    POSIX_SPAWN_SETSIGMASK);
}

/* 0, or an errno value. */
static int
start_program(const struct program_run *p, int output, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error;

	plan_descriptors(&actions, p, output);
	plan_signals(&attributes);
	error = posix_spawnp(pid, p->argv[0], &actions, &attributes,
	    (char *const *)p->argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* All that comes, of which what fits is kept. */
static void
read_output(const struct program_run *p, int fd)
{
	char rest[512];
	size_t have = 0;
	ssize_t n;

	while ((n = have < p->size - 1 ?
	    read(fd, p->out + have, p->size - 1 - have) :
	    read(fd, rest, sizeof(rest))) != 0) {
		if (n == -1 && errno != EINTR)
			break;
		if (n > 0 && have < p->size - 1)
			have += (size_t)n;
	}
	p->out[have] = '\0';
}

static int
wait_for_program(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return 128;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

int
program_run(const struct program_run *p, struct error *e)
{
	int output[2] = { -1, -1 }, error = 0;
	pid_t pid;

	if (p->out != NULL && os_pipe(output) == -1)
		return error_set(e, EX_UNAVAILABLE, "cannot run %s: %s",
		    p->argv[0], strerror(errno));
	error = start_program(p, output[1], &pid);
	if (output[1] != -1)
		close(output[1]);
	if (error == 0 && p->out != NULL)
		read_output(p, output[0]);
	if (output[0] != -1)
		close(output[0]);
	if (error == ENOENT)
		return error_set(e, EX_UNAVAILABLE, "%s is not installed, or "
		    "not in PATH", p->argv[0]);
	if (error != 0)
		return error_set(e, EX_UNAVAILABLE, "cannot run %s: %s",
		    p->argv[0], strerror(error));
	return wait_for_program(pid);
}
