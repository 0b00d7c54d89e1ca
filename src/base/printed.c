/* SPDX-License-Identifier: ISC */
/* See printed.h. */
#include "config.h"

#include "orthrus/base/printed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "orthrus/base/os.h"

static bool reader_gone;

/*
 * Why an earlier write failed, as far as can be told: stdio keeps no errno
 * value, and what was not written is gone.
 */
static int
earlier_error(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	if (flags == -1 || (flags & O_ACCMODE) == O_RDONLY)
		return EBADF;
	return poll(&p, 1, 0) == 1 && (p.revents & POLLERR) ? EPIPE : EIO;
}

int
printed_error(void)
{
	int err = fflush(stdout) != 0 ? errno : ferror(stdout) ?
	    earlier_error() : 0;

	if (err != 0) {
		os_purge(stdout);
		clearerr(stdout);
	}
	return err;
}

static const char *
reason(int err)
{
	switch (err) {
	case EBADF:
		return "standard output is closed";
	case EIO:
		return "not all of it was taken";
	default:
		return strerror(err);
	}
}

int
printed_end(const char *command)
{
	int err = printed_error();

	if (err == 0)
		return 0;
	if (err == EPIPE)
		reader_gone = true;
	else
		fprintf(stderr, "%s: what was to be printed could not be "
		    "written: %s\n", command, reason(err));
	return EX_IOERR;
}

bool
printed_reader_gone(void)
{
	return reader_gone;
}

void
print_quoted(const char *s)
{
	putchar('\'');
	for (; *s != '\0'; s++)
		if (*s == '\'')
			printf("'\\''");
		else
			putchar(*s);
	putchar('\'');
}
