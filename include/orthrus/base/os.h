/* SPDX-License-Identifier: ISC */
/*
 * What each operating system does in its own way.  One file has it for each,
 * src/base/os_SYSTEM.c, of which the build takes one; what two of them do alike
 * is in os_at_once.c (Linux, FreeBSD) or os_bsd.c (FreeBSD, macOS).
 */
#ifndef ORTHRUS_BASE_OS_H
#define ORTHRUS_BASE_OS_H

#include <sys/socket.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* --- descriptors: close-on-exec from where they come ------------------- */

#define OS_NONBLOCK 0x1		/* they do not block, either */

/* As socket(2) with protocol 0.  flags are OS_ flags. */
int os_socket(int family, int type, int flags);
/*
 * As socketpair(2), of Unix sockets.  With SOCK_SEQPACKET each message arrives
 * whole and by itself; what the end of such a pair looks like on macOS, which
 * has datagrams instead, is an error (ECONNRESET) and not 0 bytes.
 */
int os_socketpair(int type, int flags, int pair[2]);
/* As accept(2), with OS_NONBLOCK. */
int os_accept(int fd, struct sockaddr *from, socklen_t *len);
/* As pipe(2). */
int os_pipe(int pair[2]);
/*
 * As recvmsg(2); descriptors that arrive are close-on-exec.  flags may have
 * MSG_TRUNC: of a message that did not fit its whole length is returned, or one
 * byte more than there was room for in the first of msg's pieces.
 */
ssize_t os_recvmsg(int fd, struct msghdr *msg, int flags);
/* Closes all from the number first on. */
void os_close_from(int first);
/* As many descriptors as this process may have. */
void os_raise_descriptor_limit(void);

/* --- sockets ------------------------------------------------------------ */

/* AF_UNIX and the like; or -1 with errno. */
int os_socket_family(int fd);
/* The process at the other end of a Unix socket; 0 where nobody says. */
pid_t os_peer_process(int fd);

/*
 * Options of TCP, which are for the better: where the socket is none of TCP, or
 * the system lacks the option, nothing happens.
 */
/* Ends a connection when what was sent is not acknowledged for so long. */
void os_tcp_give_up_after(int fd, unsigned ms);
/* Takes more to send only while less than that has not been sent. */
void os_tcp_keep_unsent_low(int fd, int bytes);
/* Acknowledges what has come at once. */
void os_tcp_acknowledge(int fd);

/*
 * Bytes that a TCP peer may yet take: not sent, or not acknowledged.  0 where
 * the connection is no more, and for other sockets.
 */
int os_tcp_unacknowledged(int fd);

/* --- this process ------------------------------------------------------- */

/* The name under which lists of processes show it, 15 characters at most. */
void os_name_process(const char *name);
/* Where the system can: the signal comes when the process that forked us ends. */
void os_end_with_parent(int sig);
/*
 * Keeps other processes of the same user, and core dumps, from its memory;
 * macOS only the latter.
 */
void os_hide_memory(void);
/* The path of its program: 0, or -1 with errno; ENAMETOOLONG: no room. */
int os_program_path(char *path, size_t size);

/* --- the machine -------------------------------------------------------- */

struct os_load {
	double load;		/* processes that want to run, of a minute */
	uint64_t memory_total;	/* bytes; 0 where the system does not say */
	uint64_t memory_used;	/* without what caches could give back */
};
void os_load(struct os_load *l);

/* Bytes that the groups of this process allow (cgroups(7)), or SIZE_MAX. */
size_t os_memory_limit(void);
/* Of an ARM processor: has it instructions for AES and PMULL? */
bool os_arm_has_aes(void);
/* Where the sockets of services are: "/run" or "/var/run". */
const char *os_run_directory(void);

/* --- who is known here --------------------------------------------------- */

/*
 * The name of a user or group that a command of this machine can change: on
 * Linux one that stands in /etc/passwd or /etc/group, and not in a directory or
 * made up by systemd.  False when there is none, or it does not fit.
 */
bool os_local_user(uid_t uid, char *name, size_t size);
bool os_local_group(gid_t gid, char *name, size_t size);
/* The group of that name: true with *gid set. */
bool os_local_group_named(const char *name, gid_t *gid);

/* --- the C library and libevent ------------------------------------------ */

/* Throws away what a stream that is written to still holds. */
void os_purge(FILE *f);
/*
 * True where loop_turn_end() and loop_turn_begin() (loop_private.h) are called
 * around each wait of the loop: on Linux.
 */
bool os_tells_turns(void);

#endif
