/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as an ini file: libinih must see in each line what the strict
 * reader saw, and a configuration comes out only when nothing was reported.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/conf/ini.h"
#include "../../src/conf/ini_line.h"
#include "orthrus/conf/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct check {
	unsigned line, errors;
	bool in_section;
};

static void
advance(struct check *c, unsigned line)
{
	if (line == 0 || line < c->line)
		abort();
	c->line = line;
}

/* Sections that begin with 'u' are taken for unknown ones. */
static bool
on_section(void *arg, unsigned line, const char *name)
{
	struct check *c = arg;

	advance(c, line);
	if (name != NULL && (name[0] == '\0' ||
	    strlen(name) > INI_SECTION_MAX))
		abort();
	c->in_section = name != NULL && name[0] != 'u';
	return c->in_section;
}

static void
on_key(void *arg, unsigned line, const char *key, const char *value)
{
	struct check *c = arg;

	advance(c, line);
	if (!c->in_section || key[0] == '\0' || value[0] == '\0' ||
	    strlen(key) + strlen(value) >= INI_LINE_MAX ||
	    strstr(value, " ;") != NULL)
		abort();
}

static void
on_error(void *arg, unsigned line, const char *text)
{
	struct check *c = arg;

	advance(c, line);
	c->errors++;
	if (text[0] == '\0' || strncmp(text, "this line can", 13) == 0)
		abort();
}

static void
count(void *arg, const char *line)
{
	if (line[0] == '\0')
		abort();
	++*(unsigned *)arg;
}

static bool
begins(const uint8_t *data, size_t size, const char *with)
{
	return size >= strlen(with) && memcmp(data, with, strlen(with)) == 0;
}

/* The whole way, from a file in memory to a configuration. */
static void
load(const uint8_t *data, size_t size, unsigned errors)
{
	char path[64], command[] = "check", option[] = "--config";
	char *argv[] = { command, option, path, NULL };
	unsigned reported = 0;
	struct config *c;
	mode_t mode;
	int code = 0, fd;

	/* A first line says what is wrong with the file itself. */
	mode = begins(data, size, ";writable") ? 0622 : 0600;
	errors += mode != 0600;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd == -1 || fchmod(fd, mode) == -1)
		abort();
	if (write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d%s", fd,
	    begins(data, size, ";missing") ? "/x" : "");
	c = config_load(3, argv, count, &reported, &code);
	if ((c == NULL) != (reported > 0) || (c == NULL && code != EX_CONFIG))
		abort();
	/* Lines in unknown sections count for one only. */
	if (begins(data, size, ";missing") && c != NULL)
		abort();
	if (c != NULL && errors > 0)
		abort();
	config_free(c);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ini_hooks hooks = { on_section, on_key, on_error,
	    "server" };
	struct check c = { 0, 0, false };
	static bool cleared;

	if (!cleared)
		cleared = clearenv() == 0;
	if (size > 64 * 1024)
		return 0;
	ini_read((const char *)data, size, &hooks, &c);
	load(data, size, c.errors);
	return 0;
}
