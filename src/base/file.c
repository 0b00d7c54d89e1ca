/* SPDX-License-Identifier: ISC */
/*
 * Whole files: read with a limit, replaced at once, kept private, and the
 * directories that lead to one.
 */
#include "orthrus/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/mem.h"

/* Reads to the end of fd or one byte past max: the length, or -1. */
static ssize_t
read_all(int fd, char *p, size_t max)
{
	size_t have = 0;
	ssize_t n;

	while (have < max) {
		n = read(fd, p + have, max - have);
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static int (*open_elsewhere)(void *arg, const char *path);
static void *elsewhere;

void
file_open_by(int (*open_fn)(void *arg, const char *path), void *arg)
{
	open_elsewhere = open_fn;
	elsewhere = arg;
}

static int
open_to_read(const char *path)
{
	return open_elsewhere != NULL ? open_elsewhere(elsewhere, path) :
	    open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

char *
file_read(const char *path, size_t max, size_t *len, struct stat *st)
{
	struct stat own;
	char *data = NULL;
	ssize_t n = -1;
	size_t size;
	int fd, err = 0;

	if (st == NULL)
		st = &own;
	memset(st, 0, sizeof(*st));
	fd = open_to_read(path);
	if (fd == -1)
		return NULL;
	if (fstat(fd, st) == -1)
		err = errno;
	else if (S_ISDIR(st->st_mode))
		err = EISDIR;
	else if (!S_ISREG(st->st_mode))
		err = ENXIO;
	else if (st->st_size > 0 && (uint64_t)st->st_size > max)
		err = EFBIG;
	if (err == 0) {
		/* One byte more shows whether it has grown meanwhile. */
		size = (size_t)st->st_size + 1;
		data = xcalloc(size + 1, 1);
		n = read_all(fd, data, size);
		if (n < 0)
			err = errno;
		else if ((size_t)n == size)
			err = EAGAIN;
	}
	close(fd);
	if (err != 0) {
		if (data != NULL)
			sodium_memzero(data, (size_t)st->st_size + 1);
		free(data);
		errno = err;
		return NULL;
	}
	data[n] = '\0';
	if (len != NULL)
		*len = (size_t)n;
	return data;
}

/* The directory of a path is this one, however either is written. */
static bool
is_in_directory(const char *path, const char *dir)
{
	char *copy = xstrdup(path), *real = realpath(dirname(copy), NULL);
	char *real_dir = realpath(dir, NULL), *whole = realpath(path, NULL);
	size_t n = real_dir == NULL ? 0 : strlen(real_dir);
	bool in;

	in = n > 0 && ((real != NULL && strcmp(real, real_dir) == 0) ||
	    (whole != NULL && strncmp(whole, real_dir, n) == 0 &&
	    whole[n] == '/'));
	free(whole);
	free(real_dir);
	free(real);
	free(copy);
	return in;
}

/*
 * systemd lets a service's user read a credential by an ACL, which looks as if
 * the group could.
 */
static bool
is_credential(const char *path, const struct stat *st)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	return dir != NULL && dir[0] == '/' && st->st_uid == 0 &&
	    (st->st_mode & (S_IWGRP | S_IXGRP)) == 0 &&
	    is_in_directory(path, dir);
}

/* Root's own group lets nobody in who is meant. */
static bool
is_our_group(gid_t gid)
{
	gid_t *list;
	bool found = false;
	int n, i;

	if (geteuid() == 0 && gid == 0)
		return false;
	if (geteuid() != 0 && gid == getegid())
		return true;
	n = getgroups(0, NULL);
	list = xcalloc(n > 0 ? (size_t)n : 1, sizeof(*list));
	n = getgroups(n > 0 ? n : 0, list);
	for (i = 0; i < n && !found; i++)
		found = list[i] == gid;
	free(list);
	return found;
}

/*
 * Kubernetes gives a pod's files to root and a group that the pod is in
 * (fsGroup): nobody but the pod is in that one.
 */
static bool
is_for_our_group(const struct stat *st)
{
	return st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IXGRP)) == 0 &&
	    is_our_group(st->st_gid);
}

/* What to do, which only the file's owner can. */
static int
refuse_mode(const char *what, const char *path, const struct stat *st,
    struct error *e)
{
	unsigned mode = (unsigned)st->st_mode & 07777;

	if (geteuid() == 0 || st->st_uid == geteuid())
		return error_set(e, EX_CONFIG, "%s %s: others have access to "
		    "it (mode %04o); run \"chmod 600 %s\"%s", what, path, mode, path,
		    getenv("KUBERNETES_SERVICE_HOST") == NULL ? "" :
		    ", or of a Secret's volume set defaultMode: 0400");
	return error_set(e, EX_CONFIG, "%s %s: others have access to it (mode "
	    "%04o); as root run \"chown %u %s\" and \"chmod 0400 %s\", for "
	    "this is user %u; Kubernetes: defaultMode: 0440 with fsGroup; "
	    "systemd: LoadCredential=", what, path, mode,
	    (unsigned)geteuid(), path, path, (unsigned)geteuid());
}

static uid_t looked_at;		/* whose files are looked at; 0: our own */

void
file_look_as(uid_t user)
{
	looked_at = user;
}

int
file_check_private(const char *what, const char *path, const struct stat *st,
    struct error *e)
{
	if ((st->st_mode & S_IRWXO) != 0 || ((st->st_mode & S_IRWXG) != 0 &&
	    !is_for_our_group(st) && !is_credential(path, st)))
		return refuse_mode(what, path, st, e);
	if (st->st_uid != geteuid() && st->st_uid != looked_at &&
	    st->st_uid != 0)
		return error_set(e, EX_CONFIG, "%s %s: owned by user %u, which "
		    "is another user; it must belong to the user that runs "
		    "this program, or root", what, path, (unsigned)st->st_uid);
	return 0;
}

int
file_give_to_owner(int fd, const char *path)
{
	char *copy;
	struct stat st;
	int r;

	if (geteuid() != 0)
		return 0;
	copy = xstrdup(path);
	r = stat(dirname(copy), &st);
	free(copy);
	if (r == -1 || st.st_uid == 0)
		return r;
	return fchown(fd, st.st_uid, st.st_gid);
}

int
file_sync_parent(const char *path)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = -1, err;

	free(copy);
	if (fd == -1)
		return -1;
	r = fsync(fd);
	err = errno;
	close(fd);
	errno = err;
	return r;
}

const char *
file_owner(const char *path, char text[FILE_OWNER_MAX])
{
	char *copy = xstrdup(path), *above = copy;
	const struct passwd *user;
	struct stat st = { 0 };

	while (stat(above, &st) == -1 && strcmp(above, "/") != 0 &&
	    strcmp(above, ".") != 0)
		above = dirname(above);
	free(copy);
	user = getpwuid(st.st_uid);
	if (user != NULL)
		snprintf(text, FILE_OWNER_MAX, "%s", user->pw_name);
	else
		snprintf(text, FILE_OWNER_MAX, "%u", (unsigned)st.st_uid);
	return text;
}

const char *
file_denied(const char *path, char text[FILE_DENIED_MAX])
{
	unsigned us = (unsigned)geteuid();
	char owner[FILE_OWNER_MAX];
	struct stat st;

	if (stat(path, &st) == -1)
		snprintf(text, FILE_DENIED_MAX, "Permission denied; user %u, "
		    "which this is, may not enter its directory", us);
	else if (st.st_uid != us)
		snprintf(text, FILE_DENIED_MAX, "Permission denied; it belongs "
		    "to %s, and this is user %u: run \"chown %u %s\" as root",
		    file_owner(path, owner), us, us, path);
	else if ((st.st_mode & S_IRUSR) == 0)
		snprintf(text, FILE_DENIED_MAX, "Permission denied (mode "
		    "%04o); run \"chmod 0400 %s\"",
		    (unsigned)st.st_mode & 07777, path);
	else
		snprintf(text, FILE_DENIED_MAX, "Permission denied");
	return text;
}

int
file_replace(const char *path, mode_t mode, const void *p, size_t n,
    struct error *e)
{
	char *temporary = xasprintf("%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC), r = 0;

	if (fd == -1) {
		r = error_set(e, EX_CANTCREAT, "cannot make a file beside %s: "
		    "%s", path, strerror(errno));
		free(temporary);
		return r;
	}
	if (file_write_all(fd, p, n) == -1 || fchmod(fd, mode) == -1 ||
	    file_give_to_owner(fd, path) == -1 || fsync(fd) == -1 ||
	    rename(temporary, path) == -1) {
		r = error_set(e, EX_IOERR, "cannot write %s: %s; nothing "
		    "was changed", path, strerror(errno));
		unlink(temporary);
	} else if (file_sync_parent(path) == -1)
		r = error_set(e, EX_IOERR, "cannot make %s last: %s", path,
		    strerror(errno));
	close(fd);
	free(temporary);
	return r;
}

int
file_make_parents(const char *path, struct error *e)
{
	char *dir = xstrdup(path), *p;
	int r = 0;

	for (p = strchr(dir + (*dir == '/'), '/'); p != NULL && r == 0;
	    p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0700) == -1 && errno != EEXIST) {
			/*
			 * On a read-only file system mkdir(2) says EROFS for a
			 * directory that is there.
			 */
			struct stat st;
			int err = errno;

			if (stat(dir, &st) == -1)
				r = error_set(e, EX_CANTCREAT,
				    "cannot make the directory %s: %s", dir,
				    strerror(err));
		}
		*p = '/';
	}
	free(dir);
	return r;
}

int
file_write_all(int fd, const void *p, size_t n)
{
	const char *s = p;
	ssize_t w;

	while (n > 0) {
		w = write(fd, s, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		s += w;
		n -= (size_t)w;
	}
	return 0;
}
