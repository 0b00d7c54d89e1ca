/* SPDX-License-Identifier: ISC */
/* Private keys as files: made whole or not at all, and read when private. */
#include "config.h"

#include "key_file.h"

#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/private_key.h"
#include "orthrus/ssh/identity.h"

#define KEY_FILE_MAX (64 * 1024)

int
key_file_make(const char *path, const char *comment, struct error *e)
{
	char *pub = xasprintf("%s.pub", path);
	char *fresh = xasprintf("%s.new", path);
	char *fresh_pub = xasprintf("%s.pub", fresh), *line;
	int r = 0;

	unlink(fresh);		/* of one that was killed */
	unlink(fresh_pub);
	line = identity_generate(fresh, comment, e);
	if (line == NULL)
		r = -1;
	else if (rename(fresh, path) == -1 || rename(fresh_pub, pub) == -1 ||
	    file_sync_parent(path) == -1)
		r = error_set(e, EX_CANTCREAT, "cannot make %s: %s", path,
		    strerror(errno));
	if (r == -1) {
		unlink(fresh);
		unlink(fresh_pub);
	}
	free(line);
	free(fresh_pub);
	free(fresh);
	free(pub);
	return r;
}

/* For root, a key of the directory's owner is as good as one of its own. */
static void
accept_owner(const char *path, struct stat *st)
{
	char *copy = xstrdup(path);
	struct stat parent;

	if (geteuid() == 0 && stat(dirname(copy), &parent) == 0 &&
	    parent.st_uid == st->st_uid)
		st->st_uid = 0;
	free(copy);
}

int
key_file_read(const char *what, const char *path, uint8_t secret[64],
    struct error *e)
{
	char owner[FILE_OWNER_MAX];
	struct stat st;
	size_t len;
	char *text = file_read(path, KEY_FILE_MAX, &len, &st);
	int r;

	if (text == NULL && errno == EACCES)
		return error_set(e, EX_NOPERM, "cannot read %s %s: %s; run "
		    "this as root, with sudo, or as user %s", what, path,
		    strerror(EACCES), file_owner(path, owner));
	if (text == NULL)
		return error_set(e, EX_CONFIG, "cannot read %s %s: %s",
		    what, path, errno == ENXIO ? "not a regular file" :
		    strerror(errno));
	accept_owner(path, &st);
	r = file_check_private(what, path, &st, e);
	if (r == 0 && private_key_read(text, len, secret, e) != 0) {
		r = -1;
		error_prefix(e, "%s %s", what, path);
		if (e != NULL)
			e->code = EX_CONFIG;
	}
	sodium_memzero(text, len);
	free(text);
	return r;
}
