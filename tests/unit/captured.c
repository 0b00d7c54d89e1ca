/* SPDX-License-Identifier: ISC */
/* See captured.h. */
#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captured.h"

static int saved_stderr = -1, capture = -1;
static char captured[65536];

void
capture_start(void)
{
	capture = memfd_create("stderr", MFD_CLOEXEC);
	saved_stderr = dup(STDERR_FILENO);
	if (capture == -1 || saved_stderr == -1 ||
	    dup2(capture, STDERR_FILENO) == -1)
		abort();
}

const char *
captured_text(void)
{
	ssize_t n = pread(capture, captured, sizeof(captured) - 1, 0);

	if (n == -1)
		abort();
	captured[n] = '\0';
	return captured;
}

size_t
captured_count(const char *text)
{
	const char *at = captured_text();
	size_t n = 0;

	while ((at = strstr(at, text)) != NULL) {
		at += strlen(text);
		n++;
	}
	return n;
}

const char *
capture_end(void)
{
	captured_text();
	if (dup2(saved_stderr, STDERR_FILENO) == -1)
		abort();
	close(saved_stderr);
	close(capture);
	return captured;
}
