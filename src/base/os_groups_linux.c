/* SPDX-License-Identifier: ISC */
/* See os.h: what the control groups of this process allow it, cgroups(7). */
#include "orthrus/base/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"

/* A file with a number, or "max", or what is not there: no limit. */
static size_t
limit_in(const char *path)
{
	unsigned long long n;
	FILE *f = fopen(path, "re");
	int found;

	if (f == NULL)
		return SIZE_MAX;
	found = fscanf(f, "%llu", &n);
	fclose(f);
	return found == 1 && n < SIZE_MAX ? (size_t)n : SIZE_MAX;
}

/* The least of a group's limit and those of the groups that it is in. */
static size_t
limit_above(const char *mount, const char *group, const char *file)
{
	char *path = xasprintf("%s%s", mount, group), *whole;
	size_t least = SIZE_MAX, limit;

	for (;;) {
		whole = xasprintf("%s/%s", path, file);
		limit = limit_in(whole);
		free(whole);
		if (limit < least)
			least = limit;
		if (strlen(path) <= strlen(mount))
			break;
		*strrchr(path, '/') = '\0';
	}
	free(path);
	return least;
}

/* A line is "NUMBER:CONTROLLERS:GROUP"; version 2 has no controllers. */
static size_t
limit_of_line(char *line)
{
	char *controllers = strchr(line, ':'), *group;

	line[strcspn(line, "\n")] = '\0';
	if (controllers == NULL ||
	    (group = strchr(controllers + 1, ':')) == NULL || group[1] != '/')
		return SIZE_MAX;
	*group++ = '\0';
	if (controllers[1] == '\0')
		return limit_above("/sys/fs/cgroup", group, "memory.max");
	if (strcmp(controllers + 1, "memory") == 0)
		return limit_above("/sys/fs/cgroup/memory", group,
		    "memory.limit_in_bytes");
	return SIZE_MAX;
}

size_t
os_memory_limit(void)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	size_t least = SIZE_MAX, limit;
	char line[4352];

	if (f == NULL)
		return SIZE_MAX;
	while (fgets(line, sizeof(line), f) != NULL) {
		limit = limit_of_line(line);
		if (limit < least)
			least = limit;
	}
	fclose(f);
	return least;
}
