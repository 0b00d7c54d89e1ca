/* SPDX-License-Identifier: ISC */
/* See helper.h. */
#include "config.h"

#include "orthrus/base/helper.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/confine.h"
#include "orthrus/base/os.h"

#define SOCKET 3		/* the helper's, behind standard error */

static void
become_helper(const char *name, int fd)
{
	if (fd != SOCKET)
		dup2(fd, SOCKET);
	os_close_from(SOCKET + 1);
	os_name_process(name);
	confine_memory();
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

pid_t
helper_fork(const char *name, int *fd, struct error *e)
{
	int pair[2];
	pid_t pid;

	*fd = -1;
	if (os_socketpair(SOCK_SEQPACKET, 0, pair) == -1)
		return error_set(e, EX_OSERR, "cannot start %s: %s", name,
		    strerror(errno));
	if ((pid = fork()) == -1) {
		error_set(e, EX_OSERR, "cannot start %s: %s", name,
		    strerror(errno));
		close(pair[0]);
		close(pair[1]);
		return -1;
	}
	if (pid == 0) {
		become_helper(name, pair[1]);
		*fd = SOCKET;
		return 0;
	}
	close(pair[1]);
	*fd = pair[0];
	return pid;
}

void
helper_end(pid_t pid, int fd)
{
	if (fd != -1)
		close(fd);
	while (pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
}
