/* SPDX-License-Identifier: ISC */
/* See os.h: macOS.  Compiled in our tests, and run by nobody. */
#include "orthrus/base/os.h"

#include <sys/resource.h>
#include <sys/sysctl.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mach-o/dyld.h>
#include <mach/mach.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os_private.h"

#define STATE_CLOSED 0		/* TCPS_CLOSED, of a header that is not public */

/* --- descriptors -------------------------------------------------------- */

/* fd, which may be -1, close-on-exec and as the OS_ flags say. */
static int
set_up(int fd, int flags)
{
	if (fd != -1) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		if (flags & OS_NONBLOCK)
			fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	return fd;
}

int
os_socket(int family, int type, int flags)
{
	return set_up(socket(family, type, 0), flags);
}

int
os_socketpair(int type, int flags, int pair[2])
{
	if (socketpair(AF_UNIX, type == SOCK_SEQPACKET ? SOCK_DGRAM : type, 0,
	    pair) == -1)
		return -1;
	set_up(pair[0], flags);
	set_up(pair[1], flags);
	return 0;
}

int
os_accept(int fd, struct sockaddr *from, socklen_t *len)
{
	return set_up(accept(fd, from, len), OS_NONBLOCK);
}

int
os_pipe(int pair[2])
{
	if (pipe(pair) == -1)
		return -1;
	set_up(pair[0], 0);
	set_up(pair[1], 0);
	return 0;
}

static void
set_up_received(struct msghdr *msg)
{
	struct cmsghdr *c;
	size_t i, n;
	int fd;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			set_up(fd, 0);
		}
	}
}

ssize_t
os_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n = recvmsg(fd, msg, flags & ~MSG_TRUNC);

	if (n >= 0)
		set_up_received(msg);
	return (flags & MSG_TRUNC) != 0 ? os_message_length(msg, n) : n;
}

void
os_close_from(int first)
{
	int fd, end = getdtablesize();

	for (fd = first; fd < end; fd++)
		close(fd);
}

/* More than OPEN_MAX is refused, whatever the hard limit says. */
void
os_raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max < OPEN_MAX ? limit.rlim_max :
		    OPEN_MAX;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* --- sockets ------------------------------------------------------------ */

int
os_socket_family(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	return getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ? -1 :
	    ss.ss_family;
}

pid_t
os_peer_process(int fd)
{
	socklen_t len = sizeof(pid_t);
	pid_t pid = 0;

	if (os_socket_family(fd) != AF_UNIX ||
	    getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &pid, &len) == -1)
		return 0;
	return pid;
}

/* In whole seconds. */
void
os_tcp_give_up_after(int fd, unsigned ms)
{
	int seconds = (int)((ms + 999) / 1000);

	setsockopt(fd, IPPROTO_TCP, TCP_RXT_CONNDROPTIME, &seconds,
	    sizeof(seconds));
}

void
os_tcp_keep_unsent_low(int fd, int bytes)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}

/* There is no such option. */
void
os_tcp_acknowledge(int fd)
{
	(void)fd;
}

int
os_tcp_unacknowledged(int fd)
{
	struct tcp_connection_info info;
	socklen_t len = sizeof(info), size = sizeof(int);
	int n;

	if (getsockopt(fd, IPPROTO_TCP, TCP_CONNECTION_INFO, &info, &len) ==
	    -1 || info.tcpi_state == STATE_CLOSED ||
	    getsockopt(fd, SOL_SOCKET, SO_NWRITE, &n, &size) == -1)
		return 0;
	return n;
}

/* --- this process ------------------------------------------------------- */

/* Lists show what was started, whatever it says of itself. */
void
os_name_process(const char *name)
{
	(void)name;
}

/* Nor is there such a signal: what has lost its parent goes on. */
void
os_end_with_parent(int sig)
{
	(void)sig;
}

void
os_hide_memory(void)
{
	static const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
}

int
os_program_path(char *path, size_t size)
{
	char started[PATH_MAX], whole[PATH_MAX];
	uint32_t len = sizeof(started);

	if (_NSGetExecutablePath(started, &len) == -1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (realpath(started, whole) == NULL)
		return -1;
	if (strlcpy(path, whole, size) < size)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* --- the machine -------------------------------------------------------- */

/* Bytes that are in use; what can be had at once is not. */
static uint64_t
memory_used(uint64_t total)
{
	mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;
	mach_port_t host = mach_host_self();
	vm_statistics64_data_t vm;
	uint64_t unused = 0;

	if (host_statistics64(host, HOST_VM_INFO64, (host_info64_t)&vm, &n) ==
	    KERN_SUCCESS)
		unused = ((uint64_t)vm.free_count + vm.inactive_count) *
		    (uint64_t)getpagesize();
	mach_port_deallocate(mach_task_self(), host);
	return total > unused ? total - unused : 0;
}

void
os_load(struct os_load *l)
{
	size_t len = sizeof(l->memory_total);

	memset(l, 0, sizeof(*l));
	if (getloadavg(&l->load, 1) == -1)
		l->load = 0;
	if (sysctlbyname("hw.memsize", &l->memory_total, &len, NULL, 0) == -1)
		l->memory_total = 0;
	l->memory_used = memory_used(l->memory_total);
}

/* All of them have. */
bool
os_arm_has_aes(void)
{
	return true;
}
