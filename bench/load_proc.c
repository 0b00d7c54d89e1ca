/* SPDX-License-Identifier: ISC */
/*
 * CPU time and memory of the processes under measurement.
 */

#include <err.h>
#include <stdio.h>
#include <time.h>

#include "load.h"

/* User and system time of all threads, exact unlike that in /proc. */
double
cpu_seconds(const struct load *l)
{
	struct timespec ts;
	clockid_t clock;
	double sum = 0;
	int i;

	for (i = 0; i < l->npids; i++) {
		if (clock_getcpuclockid(l->pids[i], &clock) != 0 ||
		    clock_gettime(clock, &ts) == -1)
			fatal("process %d has gone", (int)l->pids[i]);
		sum += (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
	}
	return sum;
}

static long
pss_of(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		err(1, "%s", path);
	while (kib == -1 && fgets(line, sizeof(line), f) != NULL)
		sscanf(line, "Pss: %ld", &kib);
	fclose(f);
	if (kib == -1)
		fatal("no Pss in %s", path);
	return kib;
}

/* Proportional set size: shared pages are divided among their users. */
long
pss_kib(const struct load *l)
{
	long sum = 0;
	int i;

	for (i = 0; i < l->npids; i++)
		sum += pss_of(l->pids[i]);
	return sum;
}
