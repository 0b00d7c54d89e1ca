/* SPDX-License-Identifier: ISC */
/* Passwords in files of their own, which nobody else may read. */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "conf.h"
#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"

#define SECRET_FILE_MAX 4096

int
secret_access_check(const char *path, const struct stat *st, struct error *e)
{
	return file_check_private("secret file", path, st, e);
}

static int
secret_open_error(const char *path, int err, struct error *e)
{
	char denied[FILE_DENIED_MAX];

	if (err == EFBIG)
		return error_set(e, EX_CONFIG, "%s has more than %d bytes; a "
		    "secret is one line", path, SECRET_FILE_MAX);
	return error_set(e, EX_CONFIG, "%s cannot be read: %s", path,
	    err == ENXIO ? "not a regular file" : err == EACCES ?
	    file_denied(path, denied) : strerror(err));
}

char *
secret_load(const char *path, struct error *e)
{
	char *text, *secret = NULL;
	size_t len, first;
	struct stat st;

	text = file_read(path, SECRET_FILE_MAX, &len, &st);
	if (text == NULL) {
		secret_open_error(path, errno, e);
		return NULL;
	}
	first = strcspn(text, "\r\n");
	if (secret_access_check(path, &st, e) == -1)
		;
	else if (first == 0)
		error_set(e, EX_CONFIG, "%s has nothing in its first line, "
		    "where the secret must be", path);
	else if (memchr(text, '\0', len) != NULL)
		error_set(e, EX_CONFIG, "%s holds a NUL byte; a secret is one "
		    "line of text", path);
	else {
		secret = xcalloc(first + 1, 1);
		memcpy(secret, text, first);
	}
	sodium_memzero(text, len);
	free(text);
	return secret;
}
