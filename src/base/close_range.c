/* SPDX-License-Identifier: ISC */
/* close_range(2), where the C library lacks it. */
#include "config.h"

#ifndef HAVE_CLOSE_RANGE

#include <sys/resource.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* There may be a thousand million, where a few are open. */
static bool
close_listed(unsigned first, unsigned last)
{
	DIR *list = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned long fd;

	if (list == NULL)
		return false;
	while ((entry = readdir(list)) != NULL) {
		fd = strtoul(entry->d_name, NULL, 10);
		if (entry->d_name[0] != '.' && fd >= first && fd <= last &&
		    fd != (unsigned long)dirfd(list))
			close((int)fd);
	}
	closedir(list);
	return true;
}

/* A kernel before 5.9 does not know it: each one that there may be, then. */
static int
close_each(unsigned first, unsigned last)
{
	struct rlimit most;

	if (close_listed(first, last))
		return 0;
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
