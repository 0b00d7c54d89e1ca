/* SPDX-License-Identifier: ISC */
/* See os.h: Linux, with glibc or musl. */
#include "config.h"

#include "orthrus/base/os.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>

#include <errno.h>
#include <grp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

#ifdef __aarch64__
#include <sys/auxv.h>
#endif

#include "loop_private.h"

ssize_t
os_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return recvmsg(fd, msg, flags | MSG_CMSG_CLOEXEC);
}

void
os_close_from(int first)
{
	close_range((unsigned)first, ~0U, 0);
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
	struct ucred peer = { .pid = 0 };
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ?
	    peer.pid : 0;
}

void
os_tcp_give_up_after(int fd, unsigned ms)
{
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

void
os_tcp_keep_unsent_low(int fd, int bytes)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}

void
os_tcp_acknowledge(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

int
os_tcp_unacknowledged(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int n;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1 ||
	    info.tcpi_state == TCP_CLOSE || ioctl(fd, SIOCOUTQ, &n) == -1)
		return 0;
	return n;
}

/* --- this process ------------------------------------------------------- */

void
os_name_process(const char *name)
{
	prctl(PR_SET_NAME, name);
}

void
os_end_with_parent(int sig)
{
	prctl(PR_SET_PDEATHSIG, sig);
}

void
os_hide_memory(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int
os_program_path(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);

	if (n == -1)
		return -1;
	if (n == 0 || (size_t)n == size - 1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	path[n] = '\0';
	return 0;
}

/* --- the machine -------------------------------------------------------- */

/* A hardened unit sees no /proc/meminfo (systemd's ProcSubset=pid). */
static void
read_meminfo(struct os_load *l)
{
	unsigned long long kb, all = 0, available = 0;
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];

	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "MemTotal: %llu kB", &kb) == 1)
			all = kb;
		else if (sscanf(line, "MemAvailable: %llu kB", &kb) == 1)
			available = kb;
	}
	fclose(f);
	l->memory_total = all * 1024;
	l->memory_used = (all > available ? all - available : 0) * 1024;
}

void
os_load(struct os_load *l)
{
	struct sysinfo info;

	memset(l, 0, sizeof(*l));
	if (sysinfo(&info) == 0) {
		l->load = (double)info.loads[0] / (1 << SI_LOAD_SHIFT);
		l->memory_total = (uint64_t)info.totalram * info.mem_unit;
		l->memory_used = (uint64_t)(info.totalram - info.freeram -
		    info.bufferram) * info.mem_unit;
	}
	read_meminfo(l);
}

bool
os_arm_has_aes(void)
{
#ifdef __aarch64__
	unsigned long need = HWCAP_AES | HWCAP_PMULL;

	return (getauxval(AT_HWCAP) & need) == need;
#else
	return false;
#endif
}

const char *
os_run_directory(void)
{
	return "/run";
}

/* --- who is known here --------------------------------------------------- */

static bool
copy_name(const char *from, char *name, size_t size)
{
	return (size_t)snprintf(name, size, "%s", from) < size;
}

bool
os_local_user(uid_t uid, char *name, size_t size)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *pw;
	bool found;

	if (f == NULL)
		return false;
	while ((pw = fgetpwent(f)) != NULL)
		if (pw->pw_uid == uid)
			break;
	found = pw != NULL && copy_name(pw->pw_name, name, size);
	fclose(f);
	return found;
}

bool
os_local_group(gid_t gid, char *name, size_t size)
{
	FILE *f = fopen("/etc/group", "re");
	const struct group *gr;
	bool found;

	if (f == NULL)
		return false;
	while ((gr = fgetgrent(f)) != NULL)
		if (gr->gr_gid == gid)
			break;
	found = gr != NULL && copy_name(gr->gr_name, name, size);
	fclose(f);
	return found;
}

bool
os_local_group_named(const char *name, gid_t *gid)
{
	FILE *f = fopen("/etc/group", "re");
	const struct group *gr;

	if (f == NULL)
		return false;
	while ((gr = fgetgrent(f)) != NULL)
		if (strcmp(gr->gr_name, name) == 0)
			break;
	if (gr != NULL)
		*gid = gr->gr_gid;
	fclose(f);
	return gr != NULL;
}

/* --- the C library and libevent ------------------------------------------ */

void
os_purge(FILE *f)
{
	__fpurge(f);
}

bool
os_tells_turns(void)
{
	return true;
}

/*
 * Stands in front of the C library's, for libevent 2.1 tells nobody when it is
 * about to wait and when it has waited: the dynamic linker gives it the
 * program's own.
 */
int
epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	int n;

	loop_turn_end();
	n = epoll_pwait(epfd, events, max, timeout, NULL);
	loop_turn_begin();
	return n;
}
