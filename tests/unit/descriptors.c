/* SPDX-License-Identifier: ISC */
/* See descriptors.h. */
#include "descriptors.h"

#include <dirent.h>
#include <err.h>
#include <stddef.h>

unsigned
open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	if (d == NULL)
		err(1, "/proc/self/fd");
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}
