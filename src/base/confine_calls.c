/* SPDX-License-Identifier: ISC */
/*
 * Which system calls may be made: a filter by libseccomp.
 *
 * A call that no list has is answered as by a kernel that lacks it (ENOSYS),
 * so that a C library which tries a new one goes on with an older one.  What
 * nothing of ours ever tries, and only somebody who has taken the process over
 * would, ends it.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#ifdef HAVE_SECCOMP
#include <linux/seccomp.h>
#include <seccomp.h>
#endif

#include "confine_private.h"

#ifndef HAVE_SECCOMP

const char *
calls_missing(void)
{
	return "this build has no seccomp";
}

int
calls_confine(enum confine_for what)
{
	(void)what;
	return 0;
}

#else

#define G (1U << CONFINE_GATEWAY)
#define K (1U << CONFINE_MONITOR)
#define E (1U << CONFINE_EGRESS)
#define A (1U << CONFINE_AGENT)
#define M (1U << CONFINE_MUZZLE)

/*
 * tests/integration/test_confine.py holds the first list against what the
 * programs really call, each row.  A row with a third column stands there for
 * another architecture, C library or kernel, which calls it in the place of
 * that one (of the vDSO where it has none, or a clock that is not in it).
 */
static const struct call {
	const char *name;
	unsigned by;
	const char *instead;
} calls[] = {
	/* The loop, its clock and its signals. */
	{ "epoll_pwait", G | E | A | M, NULL },
	{ "epoll_wait", G | E | A | M, "epoll_pwait" },
	{ "epoll_ctl", G | E | A | M, NULL },
	{ "clock_gettime", G | E | A | M, NULL },
	{ "clock_gettime", K, "vDSO" },
	{ "clock_gettime64", G | K | E | A | M, "vDSO" },
	{ "gettimeofday", G | K | E | A | M, "vDSO" },
	{ "time", G | K | E | A | M, "vDSO" },
	{ "rt_sigaction", G | E | A | M, NULL },
	{ "rt_sigprocmask", E | A, NULL },
	{ "rt_sigreturn", G | A | M, NULL },
	{ "restart_syscall", G | E | A | M, "poll" },
	{ "getpid", G | K | A, NULL },
	{ "wait4", G, NULL },
	{ "exit_group", G | K | E | A | M, NULL },
	/* Memory. */
	{ "brk", G | K | A | M, NULL },
	{ "munmap", G | K | E | A | M, NULL },
	/* Descriptors. */
	{ "read", G | K | E | A | M, NULL },
	{ "write", G | K | E | A | M, NULL },
	{ "readv", G | K | E | A | M, "read" },
	{ "writev", G | K | E | A | M, "write" },
	{ "close", G | K | E | A | M, NULL },
	{ "fcntl", G | K | A, NULL },
	{ "fcntl64", G | K | A, "fcntl" },
	{ "ioctl", G | A | M, NULL },
	/* The network. */
	{ "connect", K | E | A | M, NULL },
	{ "bind", K | E | A, NULL },
	{ "listen", K | A, NULL },
	{ "accept4", G | A | M, NULL },
	{ "shutdown", G | A | M, NULL },
	{ "recvfrom", G | K | E | A, NULL },
	{ "recvmsg", G | E | A, NULL },
	{ "sendmsg", G | K | E, NULL },
	{ "sendto", G | K | E | A | M, NULL },
	{ "sendmmsg", E | A, NULL },
	{ "sendmsg", A, "sendmmsg" },
	{ "getsockname", G | E | A, NULL },
	{ "getpeername", G | A, NULL },
	{ "getsockopt", G | E | A | M, NULL },
	{ "setsockopt", G | K | E | A | M, NULL },
	/* The threads that resolve names. */
	{ "set_robust_list", E | A, NULL },
	{ "rseq", E | A, NULL },
	{ "poll", G | E | A | M, NULL },
	{ "ppoll", G | E | A | M, "poll" },
	{ "ppoll_time64", G | E | A | M, "poll" },
	{ "uname", E | A, NULL },
	/* Files. */
	{ "openat", K | E | A, NULL },
	{ "open", K | E | A, "openat" },
	{ "newfstatat", G | K | E | A | M, NULL },
	{ "fstat", G | K | E | A | M, "newfstatat" },
	{ "stat", G | K | E | A | M, "newfstatat" },
	{ "lstat", G | K | E | A | M, "newfstatat" },
	{ "fstat64", G | K | E | A | M, "newfstatat" },
	{ "fstatat64", G | K | E | A | M, "newfstatat" },
	{ "statx", G | K | E | A | M, "newfstatat" },
	{ "access", A, NULL },
	{ "faccessat", A, "access" },
	{ "faccessat2", A, "access" },
	{ "lseek", E | A, NULL },
	{ "_llseek", E | A, "lseek" },
	{ "pread64", K | A, NULL },
	{ "pwrite64", K, NULL },
	{ "ftruncate", K, NULL },
	{ "ftruncate64", K, "ftruncate" },
	{ "fsync", K | A, NULL },
	{ "fdatasync", K, NULL },
	{ "flock", K, NULL },
	{ "fchmod", K | A, NULL },
	{ "umask", K | A, NULL },
	{ "mkdir", K | A, NULL },
	{ "mkdirat", K | A, "mkdir" },
	{ "chmod", K, NULL },
	{ "fchmodat", K, "chmod" },
	{ "rename", K | A, NULL },
	{ "renameat", K | A, "rename" },
	{ "renameat2", K | A, "rename" },
	{ "rmdir", K, NULL },
	{ "unlink", K | A | M, NULL },
	{ "unlinkat", K | A | M, "unlink" },
	{ "geteuid", G | K | A, NULL },
	/* Facts of the host, for the gateway. */
	{ "sysinfo", A, NULL },
};

/*
 * What libraries call at times that no test brings about, and what reaches
 * nobody.  Some cannot fail otherwise, so that nobody looks at their result,
 * and who waits for a lock must not spin.
 */
static const char *const harmless[] = {
	"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid",
	"getegid", "getuid32", "geteuid32", "getgid32", "getegid32",
	"getresuid", "getresgid", "getgroups", "getgroups32", "sched_yield",
	"nanosleep",
	"clock_nanosleep", "clock_nanosleep_time64", "mremap", "madvise",
	"getrandom", "futex", "futex_time64",
};

/* The same for threads, which may end or not before their process does. */
static const char *const harmless_threads[] = { "exit" };

/* The same for those who may open files: of those that Landlock shows them. */
static const char *const harmless_files[] = {
	"readlink", "readlinkat", "getdents64", "getcwd", "statfs", "fstatfs",
};

/* The same for modules that resolve names (nsswitch.conf(5)) of any host. */
static const char *const harmless_names[] = {
	"sched_getaffinity", "clock_getres", "sigaltstack",
	"dup", "pipe2", "eventfd2", "epoll_create1",
	"timerfd_create", "timerfd_settime", "select", "pselect6",
};

/* What no part of ours, nor of any library's, tries. */
static const char *const fatal[] = {
	"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv",
	"process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
	"init_module", "finit_module", "delete_module", "kexec_load",
	"kexec_file_load", "bpf", "perf_event_open", "userfaultfd",
	"io_uring_setup", "mount", "umount2", "move_mount", "open_tree",
	"fsopen", "pivot_root", "chroot", "unshare", "setns", "keyctl",
	"add_key", "request_key", "setuid", "setgid", "setreuid", "setregid",
	"setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid",
	"capset", "personality", "mknod", "mknodat", "open_by_handle_at",
	"name_to_handle_at", "iopl", "ioperm", "reboot", "swapon", "swapoff",
	"acct", "settimeofday", "clock_settime", "sethostname",
	"setdomainname", "syslog", "memfd_secret",
};

/* A call that this architecture does not have needs no rule. */
static int
add(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned n,
    const struct scmp_arg_cmp *when)
{
	int nr = seccomp_syscall_resolve_name(name), rc;

	if (nr == __NR_SCMP_ERROR)
		return 0;
	rc = seccomp_rule_add_array(filter, action, nr, n, when);
	return rc == -EDOM || rc == -EOPNOTSUPP || rc == -EEXIST ? 0 : rc;
}

static int
add_harmless(scmp_filter_ctx filter, const char *const *names, size_t n)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < n && rc == 0; i++)
		rc = add(filter, SCMP_ACT_ALLOW, names[i], 0, NULL);
	return rc;
}

/*
 * Memory is never writable and run as code.  Allocators other than glibc's,
 * and the stacks of threads, take it first and make it accessible as it is
 * needed: mprotect(2), but never to code.
 */
static int
add_memory(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ,
	    PROT_EXEC, 0);
	const struct scmp_arg_cmp code = SCMP_A2(SCMP_CMP_MASKED_EQ,
	    PROT_EXEC | PROT_WRITE, PROT_EXEC);
	static const char *const maps[] = { "mmap", "mmap2" };
	size_t i;
	int rc = 0;

	for (i = 0; i < 2 && rc == 0; i++)
		if ((rc = add(filter, SCMP_ACT_ALLOW, maps[i], 1, &data)) == 0)
			rc = add(filter, SCMP_ACT_ALLOW, maps[i], 1, &code);
	return rc != 0 ? rc : add(filter, SCMP_ACT_ALLOW, "mprotect", 1, &data);
}

/* A thread, never a process: clone3(2)'s flags cannot be seen from here. */
static int
add_threads(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ,
	    CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM);

	return add(filter, SCMP_ACT_ALLOW, "clone", 1, &thread);
}

/*
 * What libssh reads where SSH is inside of something is a pair that leads
 * nowhere else.
 */
static int
add_pairs(scmp_filter_ctx filter, enum confine_for what)
{
	const struct scmp_arg_cmp local = SCMP_A0(SCMP_CMP_EQ,
	    (scmp_datum_t)AF_UNIX, 0);

	return what != CONFINE_GATEWAY && what != CONFINE_AGENT ? 0 :
	    add(filter, SCMP_ACT_ALLOW, "socketpair", 1, &local);
}

/* The Muzzle has local ones only, and the network process is handed its own. */
static int
add_sockets(scmp_filter_ctx filter, enum confine_for what)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6,
	    AF_NETLINK };
	static const size_t n[] = { [CONFINE_GATEWAY] = 0,
	    [CONFINE_MONITOR] = 2, [CONFINE_EGRESS] = 4, [CONFINE_AGENT] = 4,
	    [CONFINE_MUZZLE] = 1 };
	struct scmp_arg_cmp family;
	size_t i;
	int rc = 0;

	for (i = 0; i < n[what] && rc == 0; i++) {
		family = SCMP_A0(SCMP_CMP_EQ,
		    (scmp_datum_t)families[i], 0);
		rc = add(filter, SCMP_ACT_ALLOW, "socket", 1, &family);
	}
	return rc;
}

/*
 * Where seccomp(2) itself is forbidden, as by the filter of an older systemd,
 * only prctl(2) is left, which can do less.
 */
static uint32_t
fatal_action(void)
{
	return seccomp_api_get() >= 3 ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_KILL;
}

static int
add_calls(scmp_filter_ctx filter, enum confine_for what)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]) && rc == 0; i++)
		if (calls[i].by & (1U << what))
			rc = add(filter, SCMP_ACT_ALLOW, calls[i].name, 0,
			    NULL);
	for (i = 0; i < sizeof(fatal) / sizeof(fatal[0]) && rc == 0; i++)
		rc = add(filter, fatal_action(), fatal[i], 0, NULL);
	if (rc == 0)
		rc = add_harmless(filter, harmless,
		    sizeof(harmless) / sizeof(harmless[0]));
	if (rc == 0 && what != CONFINE_GATEWAY && what != CONFINE_MUZZLE)
		rc = add_harmless(filter, harmless_files,
		    sizeof(harmless_files) / sizeof(harmless_files[0]));
	if (rc == 0)
		rc = add_memory(filter);
	if (rc == 0)
		rc = add_sockets(filter, what);
	if (rc == 0)
		rc = add_pairs(filter, what);
	if (rc == 0 && (what == CONFINE_EGRESS || what == CONFINE_AGENT)) {
		rc = add_harmless(filter, harmless_names,
		    sizeof(harmless_names) / sizeof(harmless_names[0]));
		if (rc == 0)
			rc = add_harmless(filter, harmless_threads,
			    sizeof(harmless_threads) /
			    sizeof(harmless_threads[0]));
		if (rc == 0)
			rc = add_threads(filter);
	}
	return rc;
}

/*
 * A kernel without filters, and an emulator of one such as qemu-user, finds the
 * question wrong; others look for the filter, at an address that is wrong.
 * Asked once, as later on our own filter would answer.
 */
static bool
kernel_filters(void)
{
	static int known = -1;

	if (known == -1)
		known = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) ==
		    -1 && errno != EINVAL;
	return known;
}

const char *
calls_missing(void)
{
	if (CONFINE_SANITIZED)
		return "no seccomp in a build with sanitizers";
	return kernel_filters() ? NULL : "this kernel has no seccomp";
}

int
calls_confine(enum confine_for what)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = filter == NULL ? -ENOMEM : add_calls(filter, what);

	/* What no thread of ours runs is others' code: see prctl(2) on SSB. */
	if (rc == 0 && seccomp_api_get() >= 4)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
		    fatal_action());
	if (rc == 0)
		rc = seccomp_load(filter);
	if (filter != NULL)
		seccomp_release(filter);
	errno = -rc;
	return rc == 0 ? 0 : -1;
}

#endif
