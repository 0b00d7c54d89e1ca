/* SPDX-License-Identifier: ISC */
/* close_range(2), where the C library lacks it. */
#include "config.h"

#ifndef HAVE_CLOSE_RANGE

#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <unistd.h>

/* A kernel before 5.9 does not know it: each one that there may be, then. */
static int
close_each(unsigned first, unsigned last)
{
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &most) == -1)
		return -1;
	for (; first <= last && first < most.rlim_cur; first++)
		close((int)first);
	return 0;
}

int
close_range(unsigned first, unsigned last, int flags)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, last, flags) == 0)
		return 0;
	if (errno != ENOSYS || flags != 0)
		return -1;
#else
	if (flags != 0) {
		errno = ENOSYS;
		return -1;
	}
#endif
	return close_each(first, last);
}

#else
extern int orthrus_not_empty;
#endif
