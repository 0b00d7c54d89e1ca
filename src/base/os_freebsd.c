/* SPDX-License-Identifier: ISC */
/* See os.h: FreeBSD, from 14 on.  Compiled in our tests, and run by nobody. */
#include "orthrus/base/os.h"

#include <sys/param.h>
#include <sys/auxv.h>
#include <sys/filio.h>
#include <sys/ioctl.h>
#include <sys/procctl.h>
#include <sys/sysctl.h>
#include <sys/ucred.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/tcp_fsm.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os_private.h"

ssize_t
os_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n = recvmsg(fd, msg, (flags & ~MSG_TRUNC) | MSG_CMSG_CLOEXEC);

	return (flags & MSG_TRUNC) != 0 ? os_message_length(msg, n) : n;
}

void
os_close_from(int first)
{
	closefrom(first);
}

/* --- sockets ------------------------------------------------------------ */

int
os_socket_family(int fd)
{
	socklen_t len = sizeof(int);
	int family;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == -1 ?
	    -1 : family;
}

pid_t
os_peer_process(int fd)
{
	struct xucred peer;
	socklen_t len = sizeof(peer);

	if (os_socket_family(fd) != AF_UNIX ||
	    getsockopt(fd, SOL_LOCAL, LOCAL_PEERCRED, &peer, &len) == -1 ||
	    len != sizeof(peer) || peer.cr_version != XUCRED_VERSION)
		return 0;
	return peer.cr_pid;
}

/* In whole seconds. */
void
os_tcp_give_up_after(int fd, unsigned ms)
{
	int seconds = (int)howmany(ms, 1000);

	setsockopt(fd, IPPROTO_TCP, TCP_MAXUNACKTIME, &seconds,
	    sizeof(seconds));
}

/* There is no such option. */
void
os_tcp_keep_unsent_low(int fd, int bytes)
{
	(void)fd;
	(void)bytes;
}

/* Nor this one. */
void
os_tcp_acknowledge(int fd)
{
	(void)fd;
}

int
os_tcp_unacknowledged(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int n;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1 ||
	    info.tcpi_state == TCPS_CLOSED || ioctl(fd, FIONWRITE, &n) == -1)
		return 0;
	return n;
}

/* --- this process ------------------------------------------------------- */

void
os_name_process(const char *name)
{
	setproctitle("-%s", name);
}

void
os_end_with_parent(int sig)
{
	procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &sig);
}

void
os_hide_memory(void)
{
	int what = PROC_TRACE_CTL_DISABLE;

	procctl(P_PID, 0, PROC_TRACE_CTL, &what);
}

int
os_program_path(char *path, size_t size)
{
	static const int what[] = { CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME,
	    -1 };

	if (sysctl(what, nitems(what), path, &size, NULL, 0) == 0)
		return 0;
	if (errno == ENOMEM)
		errno = ENAMETOOLONG;
	return -1;
}

/* --- the machine -------------------------------------------------------- */

/* A number of pages, 0 where the kernel does not say. */
static uint64_t
pages(const char *name)
{
	unsigned n = 0;
	size_t len = sizeof(n);

	return sysctlbyname(name, &n, &len, NULL, 0) == 0 ? n : 0;
}

void
os_load(struct os_load *l)
{
	uint64_t size = (uint64_t)getpagesize();
	uint64_t all = pages("vm.stats.vm.v_page_count");
	uint64_t unused = pages("vm.stats.vm.v_free_count") +
	    pages("vm.stats.vm.v_inactive_count") +
	    pages("vm.stats.vm.v_laundry_count");

	memset(l, 0, sizeof(*l));
	if (getloadavg(&l->load, 1) == -1)
		l->load = 0;
	l->memory_total = all * size;
	l->memory_used = (all > unused ? all - unused : 0) * size;
}

bool
os_arm_has_aes(void)
{
#ifdef __aarch64__
	unsigned long have = 0, need = HWCAP_AES | HWCAP_PMULL;

	return elf_aux_info(AT_HWCAP, &have, sizeof(have)) == 0 &&
	    (have & need) == need;
#else
	return false;
#endif
}
