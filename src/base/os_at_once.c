/* SPDX-License-Identifier: ISC */
/*
 * Descriptors where the kernel makes them close-on-exec at once, with no moment
 * in which a fork could take them along: Linux and FreeBSD.
 */
#include "orthrus/base/os.h"

#include <sys/resource.h>

#include <fcntl.h>
#include <unistd.h>

/* As bits of a socket's type. */
static int
type_bits(int flags)
{
	return SOCK_CLOEXEC | (flags & OS_NONBLOCK ? SOCK_NONBLOCK : 0);
}

int
os_socket(int family, int type, int flags)
{
	return socket(family, type | type_bits(flags), 0);
}

int
os_socketpair(int type, int flags, int pair[2])
{
	return socketpair(AF_UNIX, type | type_bits(flags), 0, pair);
}

int
os_accept(int fd, struct sockaddr *from, socklen_t *len)
{
	return accept4(fd, from, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int
os_pipe(int pair[2])
{
	return pipe2(pair, O_CLOEXEC);
}

void
os_raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}
